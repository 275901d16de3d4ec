#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "defender/cloud.hpp"
#include "identity/token_cache.hpp"
#include "ledger/quota.hpp"
#include "loop/wait.hpp"

namespace cordon::response {

/// One tenant as the flows see it. Made by plugin/ from the config and replaced as a whole by a reload; whoever works
/// for it holds a reference. [loop]
struct Tenant {
  Tenant() = default;

  std::string name;       ///< the config's key
  std::string tenant_id;  ///< the directory's GUID or domain
  std::string client_id;
  defender::Cloud cloud;
  std::shared_ptr<identity::TokenCache> tokens;
  std::map<std::string, ledger::QuotaWindows> quota;  ///< by the catalogue's quota class
  bool one_quota = false;                             ///< "quota_scope":"application": all classes share one budget

  /// The latest time that an answer of the service has shown: certainly past for whatever leaves from now on. Unset
  /// before the first answer. Compared with the service's own times only (its clocks are not the host's).
  UtcTicks newest_service_time() const { return service_time_; }
  void note_service_time(std::optional<UtcTicks> date) {
    if (date && (!service_time_.is_set() || *date > service_time_)) service_time_ = *date;
  }

  /// A reload has taken it out of the configuration, for good: whoever holds it still sends nothing any more. When the
  /// name comes back, another object bears it.
  void retire() {
    retired_ = true;
    tokens->stop();
  }
  bool retired() const { return retired_; }

  /// The name of a class's budget in the ledger: limits count per application and tenant (mde-api §9).
  std::string quota_key(const std::string &quota_class) const {
    return tenant_id + "/" + client_id + "/" + (one_quota ? "*" : quota_class);
  }

 private:
  UtcTicks service_time_;
  bool retired_ = false;
};

/// What is said on behalf of a tenant that is retired().
Error tenant_left(const Tenant &tenant);

/// Finds a tenant by its name in the config; nullptr when it is not known (any more). [any-thread]
using TenantNamed = std::function<std::shared_ptr<Tenant>(const std::string &name)>;

}  // namespace cordon::response
