#include "response/quota_gate.hpp"

#include <fmt/format.h>

namespace cordon::response {
namespace {

std::int64_t ms_until(BootTime when, BootTime now) {
  return std::chrono::ceil<milliseconds>(when - now).count();
}

}  // namespace

bool QuotaGate::open(const std::string &key) const {
  const auto it = lines_.find(key);
  return it == lines_.end() || (it->second.waiting.empty() && it->second.closed_until <= scheduler_.now());
}

/// Everybody in the line looks again: those whose deadline comes first leave it.
void QuotaGate::close(Line &line, BootTime until) {
  if (until <= line.closed_until) return;
  line.closed_until = until;
  for (const auto &[place, turn] : line.waiting) turn->notify_all();
}

void QuotaGate::refuse_until(const std::string &key, BootTime again) {
  close(lines_[key], again);
}

loop::Task<Result<std::int64_t>> QuotaGate::acquire(std::string key, Lane lane, loop::Scope &scope, const Ask &ask) {
  Line &l = lines_[key];
  const std::pair<Lane, std::uint64_t> place{lane, next_++};
  loop::Event turn(scheduler_);
  struct Place {  // leaves the line however this ends, and lets the next one look
    Line &line;
    std::pair<Lane, std::uint64_t> place;
    ~Place() {
      line.waiting.erase(place);
      if (!line.waiting.empty()) line.waiting.begin()->second->notify_all();
    }
  } const here{l, place};

  while (true) {
    if (scope.reason()) co_return fail(scope.error("waiting for the API quota"));
    const BootTime now = scheduler_.now();
    const bool first = l.waiting.empty() || l.waiting.begin()->first == place;
    if (first && l.closed_until <= now) {
      Result<ledger::QuotaAnswer> answer = co_await ask();
      if (!answer) co_return fail(std::move(answer.error()));
      if (answer->granted()) co_return answer->slot;
      close(l, answer->again);
    }
    if (scope.deadline() && *scope.deadline() < l.closed_until) {
      const std::int64_t wait_ms = ms_until(l.closed_until, now);
      Error error(Status::RateLimited,
                  fmt::format("the API quota of this application is used up; the next slot is free in {} ms, after the "
                              "call's time-out; call again then",
                              wait_ms));
      error.retryable = true;
      error.retry_after_ms = wait_ms;
      co_return fail(std::move(error));
    }
    l.waiting.emplace(place, &turn);
    std::optional<loop::Timer> timer;
    if (l.waiting.begin()->first == place)
      timer.emplace(scheduler_, std::max(l.closed_until, now + milliseconds(1)), [&turn] { turn.notify_all(); });
    Result<void> waited = co_await turn.wait(scope);
    if (!waited) co_return fail(scope.error("waiting for the API quota"));
  }
}

}  // namespace cordon::response
