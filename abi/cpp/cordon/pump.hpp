#pragma once

#include <exception>
#include <functional>
#include <map>
#include <vector>

#include <unistd.h>

#include "client.hpp"

namespace cordon {

/// Waits for many submitted requests on one thread, that of your event loop: when fd() is readable, and once in a while
/// besides (another process may have written what it has to tell), call dispatch(). Read events by nothing else
/// meanwhile.
class Pump {
 public:
  /// Told once, when the request has ended: its outcome, or the error why that is not known.
  using Ended = std::function<void(const Outcome *outcome, std::exception_ptr error)>;

  /// The client has to outlive this.
  explicit Pump(Client &client) : client_(client), fd_(client.event_fd()) {}
  ~Pump() { close(fd_); }
  Pump(const Pump &) = delete;
  Pump &operator=(const Pump &) = delete;

  /// For poll, select or epoll. Owned by this.
  int fd() const { return fd_; }
  bool idle() const { return waiting_.empty(); }

  void when_ended(const std::string &request_id, Ended ended) { waiting_.emplace(request_id, std::move(ended)); }

  /// Reads what has happened and tells those whom it concerns. Does not wait.
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
    try {
      const Outcome outcome = client_.poll_action(id);
      if (!std::holds_alternative<Pending>(outcome)) tell(id, &outcome, nullptr);
    } catch (const OutcomeUnknown &) {
      // Cordon goes on looking, and so does this.
    } catch (const Error &) {
      tell(id, nullptr, std::current_exception());
    }
  }
  void tell(const std::string &id, const Outcome *outcome, const std::exception_ptr &error) {
    auto [first, last] = waiting_.equal_range(id);
    std::vector<Ended> told;
    for (auto entry = first; entry != last; ++entry) told.push_back(std::move(entry->second));
    waiting_.erase(first, last);
    for (const Ended &ended : told) ended(outcome, error);
  }

  Client &client_;
  int fd_;
  std::multimap<std::string, Ended> waiting_;
};

}  // namespace cordon
