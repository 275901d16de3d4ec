#pragma once

#include <functional>
#include <set>
#include <string>

#include "response/book.hpp"
#include "response/tenant.hpp"

namespace cordon::response {

/// What other clients of the ledger do, as far as this one has to know: their changes of requests that somebody waits
/// for here, and their deaths, after which their requests become this client's. [loop]
class Sharing {
 public:
  /// Gets each request that was taken over.
  using Inherit = std::function<void(const ledger::RequestRow &)>;
  /// Told of each tenant whose requests changed.
  using Follow = std::function<void(const std::string &tenant)>;
  /// Another client has recorded something that is about no request: it may have halted sending.
  using Hear = std::function<void()>;

  Sharing(Seams &seams, Book &book, TenantNamed tenant_named, Inherit inherit, Follow follow, Hear hear)
      : seams_(seams),
        book_(book),
        tenant_named_(std::move(tenant_named)),
        inherit_(std::move(inherit)),
        follow_(std::move(follow)),
        hear_(std::move(hear)) {}

  /// Called with the newest record's sequence when another client has appended.
  void set_on_append(std::function<void(std::int64_t)> callback) { on_append_ = std::move(callback); }

  /// Something was heard: looks what is new. Returns at once.
  void look();
  /// The requests of dead clients become this client's; those of tenants it does not know stay for others.
  loop::Task<Result<void>> take_over();

 private:
  loop::Task<void> run();
  loop::Task<Result<void>> read_changes();
  loop::Task<Result<void>> refresh(std::set<RequestId> ids);

  Seams &seams_;
  Book &book_;
  TenantNamed tenant_named_;
  Inherit inherit_;
  Follow follow_;
  Hear hear_;
  std::function<void(std::int64_t)> on_append_;
  std::int64_t cursor_ = -1;  // −1: not known yet
  bool running_ = false;
  bool again_ = false;
};

/// A row of a dead client as this one goes on with it: its owner, and times of this boot.
ledger::RequestRow taken_over(ledger::RequestRow row, const std::string &client, const Clock &clock);

}  // namespace cordon::response
