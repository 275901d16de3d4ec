#pragma once

#include <optional>
#include <string>

#include "timeline.hpp"

namespace cordon::simulation {

/// What one caller of the library wants, decided by the seed before the world begins.
struct Wish {
  int number = 0;
  int process = 0;
  Instant at{0};
  bool blocking = true;
  bool until_finished = false;
  int tenant = 0;
  std::string tenant_name;
  std::string operation;
  std::string machine;  ///< empty: cancel_action
  std::string sha1;     ///< of stop_and_quarantine
  std::string variant;  ///< isolation_type or scan_type
  int cancels = -1;     ///< the wish whose action is to be cancelled
  nanoseconds timeout{0};
  std::optional<nanoseconds> valid_for;
  std::string key;         ///< idempotency key
  std::string request_id;  ///< made by the host
  bool force_new = false;
  std::string priority = "normal";

  /// Beyond it the wish is worth nothing.
  nanoseconds validity() const {
    const nanoseconds usual = std::chrono::minutes(15);
    if (!blocking) return valid_for.value_or(usual);
    return valid_for ? std::min(*valid_for, timeout) : timeout;
  }
  std::string comment() const { return "wish-" + std::to_string(number); }
  bool asks_the_same(const Wish &other) const {
    return tenant == other.tenant && operation == other.operation && machine == other.machine && sha1 == other.sha1 &&
           variant == other.variant && cancels == other.cancels;
  }
  bool undoes(const Wish &other) const {
    return tenant == other.tenant && machine == other.machine && operation.starts_with("un");
  }
};

}  // namespace cordon::simulation
