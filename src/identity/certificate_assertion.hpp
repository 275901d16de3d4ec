#pragma once

#include <optional>
#include <string>

#include "base/random.hpp"
#include "base/secret_file.hpp"
#include "identity/asserted_source.hpp"
#include "identity/certificate.hpp"
#include "identity/client_secret.hpp"
#include "identity/proven_credential.hpp"

namespace cordon::identity {

/// Where a certificate comes from and how it signs; read again for every assertion, so that a renewed one is used at
/// the next token request.
struct CertificateSettings {
  CertificateSettings() = default;
  std::string place;                 ///< of the credential in the config
  std::string file;                  ///< empty: `secret_name` instead
  std::string secret_name;           ///< of the vault
  std::string key_file;              ///< empty: the key is with the certificate
  std::string password_secret_name;  ///< empty: none
  std::optional<bool> pfx;           ///< nullopt: as it looks
  SigningAlgorithm algorithm = SigningAlgorithm::Ps256;
  bool send_chain = false;
};

/// Signs the assertions of mde-api §2.3: PS256 with x5t#S256, or RS256 with x5t.
class CertificateAssertion final : public AssertionMaker {
 public:
  CertificateAssertion(CertificateSettings settings, std::string client_id, SecretReader read_secret, Random &random);

  loop::Task<Result<Secret>> make(std::string audience, UtcTicks now, loop::Scope &scope) override;
  loop::Task<Result<Secret>> make_with_former(std::string audience, UtcTicks now, loop::Scope &scope) override;
  bool has_former() const override;
  void prove() override;
  std::string fingerprint(const TokenEndpoint &endpoint) const override;
  std::optional<Error> problem() const override;
  /// As of the last reading.
  std::optional<UtcTicks> not_after() const override;

 private:
  /// A certificate alone is no secret; with its key it is.
  FileGuard guard() const { return settings_.key_file.empty() ? FileGuard::Private : FileGuard::None; }
  std::string place() const {
    return settings_.place + (settings_.file.empty() ? "/certificate_secret_name" : "/certificate_file");
  }
  /// Certificate, key and password as they lie there now, packed.
  Result<Secret> read() const;
  Result<ClientCertificate> unpack(const Secret &packed) const;
  Result<ClientCertificate> load() const;
  Result<Secret> sign(const Secret &packed, const std::string &audience, UtcTicks now) const;

  CertificateSettings settings_;
  std::string client_id_;
  SecretReader read_secret_;
  Random &random_;
  mutable std::optional<UtcTicks> not_after_;
  Secret last_;  ///< what the last assertion was made with, until it has earned a token
  ProvenCredential proven_;
};

}  // namespace cordon::identity
