#pragma once

#include <string>
#include <vector>

#include "emulator/seeded_random.hpp"
#include "wish.hpp"

namespace cordon::simulation {

/// What else somebody does about a wish.
struct FollowUp {
  enum class Kind { Interrupt, Withdraw, Poll, Glance };
  Kind kind = Kind::Poll;
  Instant at{0};
  int wish = 0;
  int process = 0;
  nanoseconds wait{0};  ///< of a Poll
};

/// On what the wishes are directed.
struct Targets {
  struct Tenant {
    std::string name;
    std::vector<std::string> machines;
    std::vector<std::string> files;
  };
  std::vector<Tenant> tenants;
  int processes = 3;
  nanoseconds busy{0};  ///< wishes come until then
};

struct Workload {
  std::vector<Wish> wishes;
  std::vector<FollowUp> follow_ups;
};

/// At least 20 wishes: acting and submitting, on few devices, with duplicates on other processes, keys, undoes,
/// cancels, impatient callers.
Workload make_workload(const Targets &targets, emulator::SeededRandom &chance);

}  // namespace cordon::simulation
