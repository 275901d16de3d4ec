#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include <unistd.h>

#include "client.hpp"

namespace cordon {

/// Waits for many submitted requests on one thread, that of your event loop: when fd() is readable, and once in a while
/// besides (another process may have written what it has to tell), call dispatch(). Read events by nothing else
/// meanwhile.
class Pump {
 public:
  /// Told once, when the request has ended: its outcome, or the error why that is not known. What it throws leaves
  /// dispatch(); whoever has not been told by then is told by the next one.
  using Ended = std::function<void(const Outcome *outcome, std::exception_ptr error)>;

  /// client       has to outlive this
  /// unknown_for  how long an outcome may stay unknown before that is told, as OutcomeUnknown. Cordon looks for it
  ///              meanwhile, most often for little longer than "reconcile.settle_ms", and afterwards; when_ended()
  ///              waits again.
  explicit Pump(Client &client, milliseconds unknown_for = std::chrono::minutes(2))
      : client_(client), fd_(client.event_fd()), unknown_for_(unknown_for) {}
  ~Pump() { close(fd_); }
  Pump(const Pump &) = delete;
  Pump &operator=(const Pump &) = delete;

  /// For poll, select or epoll. Owned by this.
  int fd() const { return fd_; }
  bool idle() const { return waiting_.empty(); }

  void when_ended(const std::string &request_id, Ended ended) { waiting_.emplace(request_id, std::move(ended)); }

  /// Reads what has happened and tells those whom it concerns. Does not wait, but for a millisecond where an outcome
  /// has become unknown.
  void dispatch() {
    while (client_.next_event()) {
    }
    std::vector<std::string> ids;
    for (const auto &entry : waiting_)
      if (ids.empty() || ids.back() != entry.first) ids.push_back(entry.first);
    for (const std::string &id : ids) look(id);
  }

 private:
  void look(const std::string &id) {
    std::optional<Outcome> outcome;
    std::exception_ptr error;
    try {
      outcome = client_.poll_action(id);
    } catch (const OutcomeUnknown &) {
      if (!is_unknown_for_long(id)) return;
      error = std::current_exception();
    } catch (const Error &) {
      error = std::current_exception();
    }
    unknown_since_.erase(id);
    if (!outcome || !std::holds_alternative<Pending>(*outcome)) tell(id, outcome ? &*outcome : nullptr, error);
  }
  bool is_unknown_for_long(const std::string &id) {
    const auto [since, is_new] = unknown_since_.try_emplace(id, std::chrono::steady_clock::now());
    if (is_new) have_looked_for(id);
    return std::chrono::steady_clock::now() - since->second >= unknown_for_;
  }
  /// A poll that waits, if only for a moment, makes the library look for a request that nobody works on.
  void have_looked_for(const std::string &id) {
    try {
      (void)client_.poll_action(id, milliseconds(1));
    } catch (const Error &) {
      // The next look at the ledger tells more.
    }
  }
  /// One of those who wait at a time: it may throw, or ask for more by when_ended(), which is for the next dispatch.
  void tell(const std::string &id, const Outcome *outcome, const std::exception_ptr &error) {
    for (std::size_t left = waiting_.count(id); left > 0; --left) {
      const auto first = waiting_.lower_bound(id);
      const Ended ended = std::move(first->second);
      waiting_.erase(first);
      ended(outcome, error);
    }
  }

  Client &client_;
  int fd_;
  milliseconds unknown_for_;
  std::multimap<std::string, Ended> waiting_;
  std::map<std::string, std::chrono::steady_clock::time_point> unknown_since_;
};

}  // namespace cordon
