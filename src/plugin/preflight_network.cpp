// Proxy, authorities and client certificate: what is configured, how long it is good, and what is wrong with it.

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "http/tls_material.hpp"
#include "plugin/preflight.hpp"

namespace cordon::plugin {
namespace {

constexpr const char *kReplaceAuthority = "put its successor beside it in http.ca_file or http.ca_dir, then remove it";
constexpr const char *kRenewClient =
    "renew it and replace the file or secret that http.client_certificate_file or _secret_name names";

}  // namespace

Json note_of(const Json &vault_status, const std::string &name) {
  for (const Json &secret : vault_status.value("secrets", Json::array()))
    if (text_or(secret, "name") == name) return secret;
  return nullptr;
}

void judge_secret(PreflightReport &report, const char *check, const std::string &name, const Json &vault_status,
                  UtcTicks now) {
  const Json note = note_of(vault_status, name);
  if (note.is_null())
    report.failed(check, fmt::format("the vault holds no secret {}", name),
                  fmt::format("store it: cordon secret set {}", name));
  else if (const auto end = UtcTicks::parse(text_or(note, "not_after")))
    judge_end(report, check, fmt::format("the secret {}", name), *end, now);
  else
    report.ok(check, fmt::format("the vault holds {}; when it ends is not known here", name));
}

void judge_trust(PreflightReport &report, const http::Settings &settings, UtcTicks now) {
  http::Settings alone;
  alone.ca_file = settings.ca_file;
  alone.ca_dir = settings.ca_dir;
  alone.system_ca = settings.system_ca;
  const auto material = http::TlsMaterial::load(alone, {});
  if (!material) return report.failed("ca", material.error());
  const http::TlsMaterial &trust = **material;
  if (!trust.passed_over.empty())
    report.warn("ca", fmt::format("files of http.ca_dir without a certificate: {}", fmt::join(trust.passed_over, ", ")),
                "remove them, or export the CA as PEM");
  if (trust.authorities.empty()) return report.ok("ca", "the system's certificates are trusted");
  for (const auto &authority : trust.authorities)
    if (const std::string warning =
            expiry_warning(fmt::format("the CA \"{}\"", authority.name), authority.not_after, now);
        !warning.empty())
      report.warn("ca", warning, kReplaceAuthority);
  const auto soonest = std::min_element(trust.authorities.begin(), trust.authorities.end(),
                                        [](const auto &a, const auto &b) { return a.not_after < b.not_after; });
  report.ok("ca",
            fmt::format("{} certificates of http.ca_file and http.ca_dir are trusted{}; the first ends at {}",
                        trust.authorities.size(), trust.trusts_system ? ", and the system's" : ", the system's are not",
                        soonest->not_after.str()));
}

void judge_proxy(PreflightReport &report, const http::Settings &settings, const http::Proxy &proxy,
                 const Json &vault_status, UtcTicks now) {
  if (!proxy.is_set()) return report.ok("proxy", "none: servers are reached directly");
  const std::string sign_in = !settings.proxy_secret_name.empty()
                                  ? fmt::format("signed in with the secret {}", settings.proxy_secret_name)
                              : proxy.credentials().empty() ? "without a sign-in"
                                                            : "signed in as the environment says";
  report.ok("proxy", fmt::format("{}{}, named by {}, {}; reached directly: {}", proxy.host(),
                                 proxy.speaks_tls() ? " over TLS" : "", proxy.place(), sign_in,
                                 proxy.no_proxy().empty() ? "nothing" : printable(proxy.no_proxy(), 200)));
  if (!settings.proxy_secret_name.empty())
    judge_secret(report, "proxy_secret", settings.proxy_secret_name, vault_status, now);
  else if (!proxy.credentials().empty())
    report.warn("proxy_secret", "user and password of the proxy lie in the environment",
                "store user:password in the vault and name it in http.proxy_secret_name");
}

void judge_client_certificate(PreflightReport &report, const http::Settings &settings,
                              const http::SecretReader &read_secret, UtcTicks now) {
  if (!http::has_client_certificate(settings)) return;
  const auto pair = http::load_client_certificate(settings, read_secret);
  if (!pair) return report.failed("client_certificate", pair.error());
  const X509 *certificate = pair->certificates.front().get();
  const std::string what =
      fmt::format("the client certificate \"{}\"", http::text_of(X509_get_subject_name(certificate)));
  if (const UtcTicks begin = http::not_before_of(certificate); begin > now)
    return report.failed("client_certificate", fmt::format("{} is not valid before {}", what, begin.str()),
                         "set this machine's clock (timedatectl set-ntp true), or wait");
  judge_end(report, "client_certificate", what, pair->not_after(), now, kRenewClient);
}

}  // namespace cordon::plugin
