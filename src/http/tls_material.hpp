#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/key_pair.hpp"
#include "http/settings.hpp"

namespace cordon::http {

/// Whom connections trust and who we are to those who ask, read once and shared by any number of connections.
struct TlsMaterial {
  struct Authority {
    std::string name;
    UtcTicks not_after;
  };

  /// Reads files and secrets. Errors: TLS, with the config's pointer, for a file without usable certificates or a key
  /// that does not fit; those of the vault and of secret files as they are.
  static Result<std::shared_ptr<const TlsMaterial>> load(const Settings &settings, const SecretReader &read_secret);

  std::unique_ptr<X509_STORE, OpenSslDelete<&X509_STORE_free>> trusted;
  std::vector<Authority> authorities;  ///< of ca_file and ca_dir
  bool trusts_system = false;
  std::vector<std::string> passed_over;  ///< names of files in ca_dir without a certificate
  std::optional<KeyPair> client;
  /// Unlike that of any other material: connections made with another one are not used again.
  std::string match_key;
};

/// The client certificate alone; errors as TlsMaterial::load. `settings` name one.
Result<KeyPair> load_client_certificate(const Settings &settings, const SecretReader &read_secret);
bool has_client_certificate(const Settings &settings);

/// The material in use. Rotated files are noticed within seconds; what can't be read then does not replace what works.
/// [loop]
class TlsSource {
 public:
  TlsSource(Settings settings, SecretReader read_secret);

  /// Errors as TlsMaterial::load, while nothing has been loaded yet.
  Result<std::shared_ptr<const TlsMaterial>> current(BootTime now);
  /// Looks for changed files now. Errors as TlsMaterial::load; what is in use stays then.
  Result<void> renew();
  /// A handshake failed: look for changed files before the next one.
  void look_again() { look_again_ = BootTime(); }

 private:
  Secret fingerprint() const;

  Settings settings_;
  SecretReader read_secret_;
  std::shared_ptr<const TlsMaterial> material_;
  Secret loaded_from_;
  BootTime look_again_;
};

}  // namespace cordon::http
