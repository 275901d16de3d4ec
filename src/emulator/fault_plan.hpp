#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "emulator/seeded_random.hpp"

namespace cordon::emulator {

/// What goes wrong with a request. Before and After: without and with applying it.
enum class FaultKind {
  DropBefore,
  DropAfter,
  ErrorBefore,
  ErrorAfter,
  Throttle,
  ThrottleNoRetryAfter,
  Html,          ///< 503 with a page, not applied
  Garbage,       ///< applied; the success carries no JSON
  Slow,          ///< applied; the answer stops half-way for some real seconds
  ExpireToken,   ///< 401, and the token presented is never valid again
  WrongMachine,  ///< applied; the answer names another machine
};

struct Fault {
  std::string endpoint;  ///< a name of endpoint_names(), or "*": all of them, or "GET *", "POST *"
  FaultKind kind;
  std::optional<long> times = 1;  ///< nothing: until cleared
  double probability = 1;
  int seconds = 5;  ///< of Retry-After in service time, of Slow in real time

  /// Reads `{"endpoint","kind","times","probability","seconds"}`; `times` null: until cleared. Errors:
  /// INVALID_ARGUMENT.
  static Result<Fault> parse(const Json &json);
  Json to_json() const;
};

/// The faults that are armed, in that order; the first that matches and wants to happens.
class FaultPlan {
 public:
  explicit FaultPlan(SeededRandom &random) : random_(random) {}

  void arm(Fault fault) { faults_.push_back(std::move(fault)); }
  void clear() { faults_.clear(); }
  /// What happens to this request; a fault that has happened as often as wanted is gone.
  std::optional<Fault> strike(std::string_view endpoint);
  const std::vector<Fault> &armed() const { return faults_; }

 private:
  SeededRandom &random_;
  std::vector<Fault> faults_;
};

}  // namespace cordon::emulator
