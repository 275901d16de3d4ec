#pragma once

#include <string>

#include "http/transport.hpp"
#include "identity/oauth_error.hpp"
#include "identity/token.hpp"
#include "identity/token_answer.hpp"

namespace cordon::identity {

/// The service that gives a machine its own identity (mde-api §2.5).
enum class IdentityService { Auto, Imds, AppService, Arc };

/// The config's members of a managed identity.
struct IdentitySettings {
  IdentitySettings() = default;
  std::string place;  ///< in the config
  IdentityService service = IdentityService::Auto;
  std::string client_id, object_id, resource_id;  ///< at most one; none: the identity of the machine
  std::string endpoint;  ///< instead of the service's own: an origin, for App Service the whole URL
  std::string arc_key_dir = "/var/opt/azcmagent/tokens";
};

/// Asks a managed identity service, by the environment of the process or by configuration. Plain HTTP to this machine
/// or a link-local address, past every proxy. [loop]
class ManagedIdentity {
 public:
  /// Reads the environment (IDENTITY_ENDPOINT, IDENTITY_HEADER, IMDS_ENDPOINT …) now. Errors: INVALID_ARGUMENT with the
  /// pointer; NOT_SUPPORTED for a service that Cordon can't use (Service Fabric, Azure ML, Cloud Shell).
  static Result<ManagedIdentity> make(IdentitySettings settings, http::Transport &transport);

  /// One attempt. A passing failure says when to come again, as the service wants it.
  loop::Task<Result<TokenAnswer>> ask(std::string resource, loop::Scope &scope);

  /// What it asks, for messages and fingerprints: "IMDS at http://169.254.169.254".
  const std::string &name() const { return name_; }
  /// Which identity it asks for; not secret.
  std::string identity() const;

 private:
  ManagedIdentity(IdentitySettings settings, http::Transport &transport)
      : settings_(std::move(settings)), transport_(&transport) {}
  Result<void> choose();
  Result<void> use(IdentityService service, std::string url);
  std::string target(const std::string &resource) const;
  loop::Task<http::Exchange> send(std::string url, const Secret *secret_header, loop::Scope &scope);
  Result<Secret> arc_authorization(const http::Response &challenge) const;
  Result<TokenAnswer> read(http::Exchange exchange, const loop::Scope &scope);
  Error refusal(const http::Response &response);

  IdentitySettings settings_;
  http::Transport *transport_;
  std::string url_;
  std::string name_;
  Secret app_service_header_;  ///< the whole line
  int failures_ = 0;           ///< passing ones in a row
};

/// The token of the machine's own identity.
class ManagedIdentitySource final : public TokenSource {
 public:
  ManagedIdentitySource(Applicant applicant, ManagedIdentity identity);

  loop::Task<Result<SharedToken>> fetch(loop::Scope &scope) override;
  std::string fingerprint() const override;
  std::string authority() const override { return identity_.name(); }

 private:
  Applicant applicant_;
  ManagedIdentity identity_;
};

}  // namespace cordon::identity
