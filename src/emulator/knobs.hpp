#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "emulator/action_kind.hpp"

namespace cordon::emulator {

struct TimeRange {
  std::chrono::nanoseconds min, max;
};

/// How long things take, in service time unless said otherwise.
struct Timings {
  TimeRange pickup{std::chrono::seconds(2), std::chrono::seconds(15)};       ///< until the device starts
  TimeRange duration{std::chrono::seconds(18), std::chrono::seconds(45)};    ///< from its start to its end
  std::chrono::nanoseconds slow_duration = std::chrono::minutes(30);         ///< the same on a slow device
  TimeRange cancellation{std::chrono::seconds(1), std::chrono::seconds(5)};  ///< of an action under way
  TimeRange visibility_delay{std::chrono::seconds(0), std::chrono::seconds(0)};
  std::chrono::seconds token_lifetime{3599};  ///< real time
};

/// The choices the documents leave open (mde-api §12, §13).
struct Knobs {
  DuplicateMode duplicate_mode(const ActionKind &kind) const {
    const auto found = duplicates.find(std::string(kind.type));
    return found == duplicates.end() ? kind.duplicates : found->second;
  }

  std::map<std::string, DuplicateMode> duplicates{};  ///< by type, where it differs from the table
  bool reorder_completions = false;                   ///< an action posted while another is open ends before it
  std::size_t page_size = 10'000;                     ///< of a list call without $top
  bool echo_external_id = true;
  std::optional<std::size_t> echo_comment_bytes{};  ///< the service keeps only that much of a comment
  bool filter_external_id = false;                  ///< $filter knows externalId
  std::string next_link_origin{};                   ///< empty: our own
  int empty_machine_list_status = 200;              ///< or 404 (mde-api §8)
};

}  // namespace cordon::emulator
