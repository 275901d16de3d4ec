#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "emulator/signed_token.hpp"

namespace cordon::emulator {

/// A tenant as its identity provider knows it.
struct TenantRecord {
  std::string name;       ///< what a client's config calls it
  std::string tenant_id;  ///< GUID
  std::string domain;
  bool in_other_cloud = false;
};

/// Whose tokens an application accepts as its own proof (mde-api §2.4).
struct FederatedRecord {
  std::string issuer, subject, audience;
  PublicKey key{};  ///< of the issuer; none: the issuer is this very service (managed identities)
};

/// An application registered in one tenant.
struct App {
  std::string name;
  std::string tenant_id;
  std::string client_id;
  std::string client_secret;
  std::vector<std::string> more_secrets{};  ///< good as well, while one takes the other's place
  bool secret_expired = false;
  bool disabled = false;
  std::vector<std::string> roles{};
  std::string requestor{};  ///< as its actions show it; empty: the client id (mde-api §5.1)
  std::vector<RegisteredCertificate> certificates{};
  std::vector<FederatedRecord> federated{};
  bool public_client = false;         ///< people sign in with it, and it takes no secret
  std::vector<std::string> scopes{};  ///< what it may do for people
  std::string object_id{};            ///< of its service principal
  std::string resource_id{};          ///< of a user-assigned managed identity
  bool machine_identity = false;      ///< what the managed identity endpoints give when nobody is named
};

/// Who may ask for tokens.
class Directory {
 public:
  std::vector<TenantRecord> tenants{};
  std::vector<App> apps{};
  /// Audiences the API accepts; the first is the one a client is told to use.
  std::vector<std::string> api_audiences{"https://api.securitycenter.microsoft.com",
                                         "https://api.securitycenter.windows.com",
                                         "https://securitycenter.onmicrosoft.com/windowsatpservice"};
  /// Audiences that earn a token, but one the API refuses.
  std::vector<std::string> other_audiences{"https://graph.microsoft.com", "https://management.azure.com",
                                           "api://AzureADTokenExchange"};
  std::string cloud_instance = "microsoftonline.com";  ///< what the sign-in service's metadata call the cloud

  /// By id or domain, in any letter case.
  const TenantRecord *find_tenant(std::string_view id_or_domain) const;
  const App *find_app(std::string_view tenant_id, std::string_view client_id) const;
  App *find_app(std::string_view tenant_id, std::string_view client_id);
  /// The managed identity that is named by its client, object or resource id; by nothing: the machine's own.
  const App *find_identity(std::string_view client_id, std::string_view object_id, std::string_view resource_id) const;
  bool is_api_audience(std::string_view audience) const;
  bool is_known_audience(std::string_view audience) const;
};

/// Every application role that the emulated operations ask for.
std::vector<std::string> all_roles();
/// The same for people: the names lack ".All" (mde-api §3).
std::vector<std::string> all_scopes();
std::string delegated_name(std::string permission);

}  // namespace cordon::emulator
