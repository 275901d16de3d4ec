#pragma once

#include <fmt/format.h>

#include <deque>
#include <string>
#include <utility>

#include "timeline.hpp"

namespace cordon::simulation {

/// What happened, for people; silent unless somebody wants to read it.
class Trace {
 public:
  Trace(const Timeline &timeline, bool wanted) : timeline_(timeline), wanted_(wanted) {}

  template <class... Args>
  void line(fmt::format_string<Args...> format, Args &&...args) {
    if (wanted_) keep(fmt::format(format, std::forward<Args>(args)...));
  }
  bool wanted() const { return wanted_; }
  const std::deque<std::string> &lines() const { return lines_; }

 private:
  void keep(std::string text) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(timeline_.now()).count();
    lines_.push_back(fmt::format("{:>4}:{:02}.{:06}  {}", us / 60'000'000, us / 1'000'000 % 60, us % 1'000'000, text));
  }

  const Timeline &timeline_;
  bool wanted_;
  std::deque<std::string> lines_;
};

}  // namespace cordon::simulation
