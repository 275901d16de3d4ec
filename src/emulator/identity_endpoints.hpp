#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include "emulator/directory.hpp"
#include "emulator/exchange.hpp"
#include "emulator/seeded_random.hpp"
#include "emulator/token_endpoint.hpp"

namespace cordon::emulator {

/// The managed identity services of Azure (mde-api §2.5), which are asked by plain HTTP:
///   IMDS         GET /metadata/identity/oauth2/token
///   App Service  GET /msi/token
///   Azure Arc    GET /arc/metadata/identity/oauth2/token
/// All references must outlive it.
class IdentityEndpoints {
 public:
  IdentityEndpoints(const Directory &directory, TokenEndpoint &tokens, SeededRandom &random)
      : directory_(directory), tokens_(tokens), random_(random) {}
  /// Removes the key files it has made.
  ~IdentityEndpoints();
  IdentityEndpoints(const IdentityEndpoints &) = delete;
  IdentityEndpoints &operator=(const IdentityEndpoints &) = delete;

  /// Where Arc's key files are written; without it Arc answers 500.
  void set_arc_key_dir(std::filesystem::path directory) { arc_key_dir_ = std::move(directory); }
  /// What App Service wants as X-IDENTITY-HEADER.
  const std::string &app_service_header() const { return app_service_header_; }

  /// The names for counters and faults.
  static constexpr std::string_view kImds = "GET /metadata/identity/oauth2/token";
  static constexpr std::string_view kAppService = "GET /msi/token";
  static constexpr std::string_view kArc = "GET /arc/metadata/identity/oauth2/token";

  /// `path` and `query` as sent. nullopt: no such endpoint.
  std::optional<Reply> handle(const Request &request, const std::string &path, const std::string &query,
                              UtcTicks real_now);

 private:
  Reply imds(const Request &request, const QueryString &query, UtcTicks real_now);
  Reply app_service(const Request &request, const QueryString &query, UtcTicks real_now);
  Reply arc(const Request &request, const QueryString &query, UtcTicks real_now);
  Reply challenge();

  const Directory &directory_;
  TokenEndpoint &tokens_;
  SeededRandom &random_;
  std::string app_service_header_ = "emu-identity-" + random_.hex(32);
  std::filesystem::path arc_key_dir_;
  std::set<std::filesystem::path> arc_keys_;
};

}  // namespace cordon::emulator
