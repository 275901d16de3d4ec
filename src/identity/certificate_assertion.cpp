#include "identity/certificate_assertion.hpp"

#include <fmt/format.h>

#include "base/ids.hpp"
#include "base/json.hpp"
#include "base/secret_file.hpp"
#include "base/text.hpp"

namespace cordon::identity {
namespace {

constexpr std::size_t kLongestFile = 256 * 1024;
/// The service advises 5 to 10 minutes; some seconds back, for clocks differ.
constexpr std::chrono::minutes kLife(10);
constexpr std::chrono::seconds kBack(30);

}  // namespace

CertificateAssertion::CertificateAssertion(CertificateSettings settings, std::string client_id,
                                           SecretReader read_secret, Random &random)
    : settings_(std::move(settings)),
      client_id_(std::move(client_id)),
      read_secret_(std::move(read_secret)),
      random_(random) {}

Result<ClientCertificate> CertificateAssertion::load() const {
  const bool from_file = !settings_.file.empty();
  const std::string place = settings_.place + (from_file ? "/certificate_file" : "/certificate_secret_name");
  // A certificate alone is no secret; with its key it is.
  const FileGuard guard = settings_.key_file.empty() ? FileGuard::Private : FileGuard::None;
  Result<Secret> bytes =
      from_file ? read_secret_file(settings_.file, kLongestFile, guard, place) : read_secret_(settings_.secret_name);
  if (!bytes) return fail(std::move(bytes.error()));
  ClientCertificate::Source source(*bytes);
  Result<Secret> key, password;
  if (!settings_.key_file.empty()) {
    key = read_secret_file(settings_.key_file, kLongestFile, FileGuard::Private, settings_.place + "/key_file");
    if (!key) return fail(std::move(key.error()));
    source.key = &*key;
  }
  if (!settings_.password_secret_name.empty()) {
    password = read_secret_(settings_.password_secret_name);
    if (!password) return fail(std::move(password.error()));
    source.password = &*password;
  }
  source.pfx = settings_.pfx;
  auto certificate = ClientCertificate::load(source);
  if (!certificate) {
    certificate.error().message = fmt::format("the certificate named at {}: {}", place, certificate.error().message);
    return fail(std::move(certificate.error()).at(place));
  }
  not_after_ = certificate->not_after();
  return certificate;
}

Result<Secret> CertificateAssertion::sign(const std::string &audience, UtcTicks now) const {
  auto certificate = load();
  if (!certificate) return fail(std::move(certificate.error()));
  Json header = {{"typ", "JWT"}};
  if (settings_.algorithm == SigningAlgorithm::Ps256) {
    header["alg"] = "PS256";
    header["x5t#S256"] = certificate->sha256_thumbprint();
  } else {
    header["alg"] = "RS256";
    header["x5t"] = certificate->sha1_thumbprint();
  }
  if (settings_.send_chain) header["x5c"] = certificate->chain();
  const std::int64_t issued = (now - kBack).unix_seconds();
  const Json claims = {{"aud", audience},
                       {"iss", client_id_},
                       {"sub", client_id_},
                       {"jti", make_request_id(random_).str()},
                       {"nbf", issued},
                       {"iat", issued},
                       {"exp", (now + kLife).unix_seconds()}};
  Secret jwt;
  const std::string header_text = dump(header), claims_text = dump(claims);
  jwt.reserve(2 * (header_text.size() + claims_text.size()) + 2048);
  append_base64url(jwt, header_text);
  jwt.push_back('.');
  append_base64url(jwt, claims_text);
  auto signature = certificate->sign(jwt.reveal(), settings_.algorithm);
  if (!signature) return fail(std::move(signature.error()).at(settings_.place));
  jwt.push_back('.');
  append_base64url(jwt, signature->reveal());
  return jwt;
}

loop::Task<Result<Secret>> CertificateAssertion::make(std::string audience, UtcTicks now, loop::Scope &) {
  co_return sign(audience, now);
}

std::string CertificateAssertion::fingerprint(const TokenEndpoint &endpoint) const {
  const auto certificate = load();
  if (!certificate) return "";
  return endpoint.fingerprint({"client_certificate", certificate->sha256_thumbprint()});
}

std::optional<UtcTicks> CertificateAssertion::not_after() const {
  if (!not_after_) (void)load();
  return not_after_;
}

}  // namespace cordon::identity
