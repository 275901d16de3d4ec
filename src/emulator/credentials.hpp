#pragma once

#include <filesystem>

#include "base/error.hpp"
#include "base/utc.hpp"
#include "emulator/directory.hpp"

namespace cordon::emulator {

/// Files by which a client can prove who it is without a secret.
struct CredentialFiles {
  std::filesystem::path certificate;  ///< PEM: certificate and RSA key, 0600
  std::filesystem::path assertion;    ///< a federated token, good for a day
};

/// Makes what is absent or has expired in `directory` (made for us alone), and registers it with `app`: a certificate,
/// and an issuer of federated tokens. The assertion is always made afresh.
Result<CredentialFiles> provide_credentials(const std::filesystem::path &directory, App &app, UtcTicks now);

}  // namespace cordon::emulator
