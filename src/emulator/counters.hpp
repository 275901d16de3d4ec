#pragma once

#include <map>
#include <string>
#include <utility>

#include "base/json.hpp"

namespace cordon::emulator {

/// How often each endpoint was answered with each status; 0 for connections dropped without an answer.
class Counters {
 public:
  void add(const std::string &endpoint, int status) { ++counts_[{endpoint, status}]; }
  /// `[{"endpoint","status","count"},…]`
  Json to_json() const {
    Json rows = Json::array();
    for (const auto &[key, count] : counts_)
      rows.push_back({{"endpoint", key.first}, {"status", key.second}, {"count", count}});
    return rows;
  }

 private:
  std::map<std::pair<std::string, int>, long> counts_;
};

}  // namespace cordon::emulator
