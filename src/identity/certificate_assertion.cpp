#include "identity/certificate_assertion.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>

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

void append_part(Secret &packed, const Secret &part) {
  const auto size = static_cast<std::uint32_t>(part.size());
  packed.append({reinterpret_cast<const char *>(&size), sizeof size});
  packed.append(part.reveal());
}

Secret take_part(std::string_view &rest) {
  std::uint32_t size = 0;
  std::memcpy(&size, rest.data(), sizeof size);
  Secret part(rest.substr(sizeof size, size));
  rest.remove_prefix(sizeof size + size);
  return part;
}

}  // namespace

CertificateAssertion::CertificateAssertion(CertificateSettings settings, std::string client_id,
                                           SecretReader read_secret, Random &random)
    : settings_(std::move(settings)),
      client_id_(std::move(client_id)),
      read_secret_(std::move(read_secret)),
      random_(random),
      proven_(random) {}

Result<Secret> CertificateAssertion::read() const {
  Result<Secret> bytes = settings_.file.empty() ? read_secret_(settings_.secret_name)
                                                : read_secret_file(settings_.file, kLongestFile, guard(), place());
  if (!bytes) return bytes;
  Result<Secret> key, password;
  if (!settings_.key_file.empty())
    key = read_secret_file(settings_.key_file, kLongestFile, FileGuard::Private, settings_.place + "/key_file");
  if (!key) return key;
  if (!settings_.password_secret_name.empty()) password = read_secret_(settings_.password_secret_name);
  if (!password) return password;
  Secret packed;
  packed.reserve(bytes->size() + key->size() + password->size() + 3 * sizeof(std::uint32_t));
  for (const Secret *part : {&*bytes, &*key, &*password}) append_part(packed, *part);
  return packed;
}

Result<ClientCertificate> CertificateAssertion::unpack(const Secret &packed) const {
  std::string_view rest = packed.reveal();
  const Secret bytes = take_part(rest), key = take_part(rest), password = take_part(rest);
  ClientCertificate::Source source(bytes);
  if (!settings_.key_file.empty()) source.key = &key;
  if (!settings_.password_secret_name.empty()) source.password = &password;
  source.pfx = settings_.pfx;
  auto certificate = ClientCertificate::load(source);
  if (!certificate) {
    certificate.error().message = fmt::format("the certificate named at {}: {}", place(), certificate.error().message);
    return fail(std::move(certificate.error()).at(place()));
  }
  return certificate;
}

Result<ClientCertificate> CertificateAssertion::load() const {
  const auto packed = read();
  if (!packed) return fail(packed.error());
  auto certificate = unpack(*packed);
  if (certificate) not_after_ = certificate->not_after();
  return certificate;
}

Result<Secret> CertificateAssertion::sign(const Secret &packed, const std::string &audience, UtcTicks now) const {
  auto certificate = unpack(packed);
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
  const auto packed = read();
  if (!packed) co_return fail(packed.error());
  last_ = packed->clone();
  co_return sign(*packed, audience, now);
}

loop::Task<Result<Secret>> CertificateAssertion::make_with_former(std::string audience, UtcTicks now, loop::Scope &) {
  const std::optional<Secret> packed = proven_.get();
  if (!packed) co_return fail(Status::Internal, "there is no former certificate");
  last_ = packed->clone();
  co_return sign(*packed, audience, now);
}

bool CertificateAssertion::has_former() const {
  const auto present = read();
  return present && proven_.differs_from(*present);
}

void CertificateAssertion::prove() {
  proven_.keep(last_);
  last_ = Secret();
}

std::string CertificateAssertion::fingerprint(const TokenEndpoint &endpoint) const {
  const auto certificate = load();
  if (!certificate) return "";
  return endpoint.fingerprint({"client_certificate", certificate->sha256_thumbprint()});
}

std::optional<Error> CertificateAssertion::problem() const {
  const auto found = [](const std::string &file, FileGuard guarded, const std::string &place) -> std::optional<Error> {
    if (file.empty()) return std::nullopt;
    auto checked = check_secret_file(file, guarded, place);
    return checked ? std::nullopt : std::optional(std::move(checked.error()));
  };
  if (auto missing = found(settings_.file, guard(), settings_.place + "/certificate_file")) return missing;
  return found(settings_.key_file, FileGuard::Private, settings_.place + "/key_file");
}

std::optional<UtcTicks> CertificateAssertion::not_after() const {
  if (!not_after_) (void)load();
  return not_after_;
}

}  // namespace cordon::identity
