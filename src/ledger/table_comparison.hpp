#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cordon::ledger {

/// How far a comparison of the table of requests with the journal has come.
struct TableComparison {
  TableComparison() = default;
  std::string after_request;  ///< the last request that was compared
  bool requests_done = false;
  std::int64_t after_record = 0;  ///< the last record that was compared
  bool at_end = false;
  std::int64_t requests = 0;             ///< compared
  std::vector<std::string> differences;  ///< one line each, at most kMostDifferences
};

constexpr std::size_t kMostDifferences = 100;

}  // namespace cordon::ledger
