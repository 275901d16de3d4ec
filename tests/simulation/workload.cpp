#include "workload.hpp"

#include <algorithm>

namespace cordon::simulation {
namespace {

using namespace std::chrono_literals;

struct Choice {
  const char *operation;
  int weight;
};
constexpr Choice kOperations[] = {{"restrict_code_execution", 28},
                                  {"unrestrict_code_execution", 14},
                                  {"stop_and_quarantine", 20},
                                  {"isolate", 13},
                                  {"unisolate", 7},
                                  {"run_antivirus_scan", 8},
                                  {"cancel_action", 10}};

class Maker {
 public:
  Maker(const Targets &targets, emulator::SeededRandom &chance) : targets_(targets), chance_(chance) {}

  Workload make() {
    const int wanted = 20 + static_cast<int>(chance_.below(5));
    const int bursts = 2 + static_cast<int>(chance_.below(4));
    for (int burst = 0; burst < bursts; ++burst) {
      const Instant from = chance_.between(1s, targets_.busy);
      const nanoseconds spread = chance_.chance(0.3) ? nanoseconds(2s) : chance_.between(5s, 120s);
      for (int i = 0; i < (wanted + bursts - 1) / bursts; ++i) add(from + chance_.between(0s, spread));
    }
    return std::move(work_);
  }

 private:
  template <class T>
  const T &pick(const std::vector<T> &list) {
    return list[chance_.below(list.size())];
  }

  void add(Instant at) {
    Wish wish;
    const bool repeats = !work_.wishes.empty() && chance_.chance(0.25);
    if (repeats) {
      wish = pick(work_.wishes);
      wish.request_id = chance_.chance(0.7) ? "" : wish.request_id;
      if (chance_.chance(0.5)) at = wish.at + chance_.between(0s, 20s);
    } else {
      choose(wish);
    }
    wish.number = static_cast<int>(work_.wishes.size());
    wish.process = static_cast<int>(chance_.below(static_cast<std::uint64_t>(targets_.processes)));
    wish.at = at;
    be_patient(wish);
    work_.wishes.push_back(wish);
    follow(wish);
  }

  void choose(Wish &wish) {
    int at = static_cast<int>(chance_.below(100));
    for (const Choice &choice : kOperations) {
      wish.operation = choice.operation;
      if ((at -= choice.weight) < 0) break;
    }
    wish.tenant = static_cast<int>(chance_.below(targets_.tenants.size()));
    const Targets::Tenant &tenant = targets_.tenants[static_cast<std::size_t>(wish.tenant)];
    wish.tenant_name = tenant.name;
    if (wish.operation == "cancel_action" && work_.wishes.empty()) wish.operation = "restrict_code_execution";
    if (wish.operation == "cancel_action") {
      const Wish &other = pick(work_.wishes);
      wish.cancels = other.cancels < 0 ? other.number : other.cancels;
      wish.tenant = other.tenant;
      wish.tenant_name = other.tenant_name;
      return;
    }
    wish.machine = pick(tenant.machines);
    if (wish.operation == "stop_and_quarantine") wish.sha1 = tenant.files[chance_.below(2)];
    if (wish.operation == "isolate") wish.variant = chance_.chance(0.6) ? "Full" : "Selective";
    if (wish.operation == "run_antivirus_scan") wish.variant = chance_.chance(0.6) ? "Quick" : "Full";
    if (chance_.chance(0.3)) wish.key = "key-" + std::to_string(chance_.below(5));
    if (chance_.chance(0.1)) wish.request_id = chance_.uuid();
    wish.force_new = chance_.chance(0.08);
  }

  void be_patient(Wish &wish) {
    wish.blocking = chance_.chance(0.55);
    wish.until_finished = wish.blocking && chance_.chance(0.35);
    wish.timeout = chance_.chance(0.3) ? chance_.between(20ms, 3s) : chance_.between(3s, 180s);
    wish.valid_for.reset();
    if (chance_.chance(0.35))
      wish.valid_for =
          milliseconds(chance_.chance(0.5) ? 200 + chance_.below(10'000) : 10'000 + chance_.below(600'000));
    wish.priority = chance_.chance(0.15) ? "urgent" : chance_.chance(0.15) ? "bulk" : "normal";
  }

  void follow(const Wish &wish) {
    FollowUp next;
    next.wish = wish.number;
    const auto add_follow_up = [&](FollowUp::Kind kind, nanoseconds latest) {
      next.kind = kind;
      next.process = static_cast<int>(chance_.below(static_cast<std::uint64_t>(targets_.processes)));
      next.at = wish.at + chance_.between(0s, latest);
      next.wait = chance_.between(1s, 240s);
      work_.follow_ups.push_back(next);
    };
    if (wish.blocking && chance_.chance(0.12)) {
      next.kind = FollowUp::Kind::Interrupt;
      next.at = wish.at + chance_.between(0s, std::min<nanoseconds>(wish.timeout, 20s));
      next.process = wish.process;
      work_.follow_ups.push_back(next);
    }
    if (chance_.chance(0.12)) add_follow_up(FollowUp::Kind::Withdraw, 10s);
    if (chance_.chance(0.3)) add_follow_up(FollowUp::Kind::Poll, 300s);
    if (chance_.chance(0.2)) add_follow_up(FollowUp::Kind::Glance, 600s);
  }

  const Targets &targets_;
  emulator::SeededRandom &chance_;
  Workload work_;
};

}  // namespace

Workload make_workload(const Targets &targets, emulator::SeededRandom &chance) {
  return Maker(targets, chance).make();
}

}  // namespace cordon::simulation
