#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace cordon::emulator {

/// PEM files of a server that clients know by its CA.
struct CertificateFiles {
  std::filesystem::path ca;      ///< for the client
  std::filesystem::path server;  ///< certificate
  std::filesystem::path key;     ///< of the server, unencrypted, 0600
};

/// Finds a CA and a server certificate for `names` (host names and IP addresses) in `directory`, and makes what is
/// absent, has expired or lacks a name. A CA that is there stays, so that clients need not learn a new one.
Result<CertificateFiles> provide_certificates(const std::filesystem::path &directory,
                                              const std::vector<std::string> &names);

}  // namespace cordon::emulator
