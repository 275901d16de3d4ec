#pragma once

#include <map>
#include <string>
#include <vector>

#include "ledger/request_row.hpp"
#include "loop/wait.hpp"

namespace cordon::response {

/// Lets one request of this client per tenant and device be submitted at a time, in the order of arrival. [loop]
class DeviceTurns {
 public:
  explicit DeviceTurns(loop::Scheduler &scheduler) : scheduler_(scheduler) {}

  class Turn {
   public:
    Turn(DeviceTurns &turns, std::string device);
    ~Turn();
    Turn(const Turn &) = delete;
    Turn &operator=(const Turn &) = delete;
    /// True when nobody is before it.
    bool first() const;
    loop::Task<Result<void>> wait(loop::Scope &scope);

   private:
    friend class DeviceTurns;
    DeviceTurns &turns_;
    std::string device_;
    loop::Event first_;
  };

 private:
  loop::Scheduler &scheduler_;
  std::map<std::string, std::vector<Turn *>> lines_;
};

/// The key of a request's line.
std::string device_key(const ledger::RequestRow &row);

}  // namespace cordon::response
