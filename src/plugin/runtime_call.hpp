#pragma once

#include <fmt/format.h>

#include <semaphore>

#include "plugin/handover.hpp"
#include "plugin/runtime.hpp"

namespace cordon::plugin {

/// Whether a call that acts got as far as sending is not known here, so the worse is claimed.
inline Error ended_without_result(Status status, std::string_view why) {
  Error error(status, fmt::format("the call ended without a result ({}); look at list_requests before you repeat one "
                                  "that acts",
                                  why));
  error.outcome_unknown = true;
  return error;
}

/// What every call is told of a client that has given up.
inline Error has_given_up() {
  return Error(
      Status::OutOfMemory,
      "memory ran out during earlier work and this client has dropped what it did; free it and open a new one, "
      "which goes on with what is recorded");
}

/// Releases a semaphore when it goes, so that whoever waits for the end of a frame goes on however that comes.
class Releasing {
 public:
  explicit Releasing(std::binary_semaphore &semaphore) : semaphore_(semaphore) {}
  ~Releasing() { semaphore_.release(); }
  Releasing(const Releasing &) = delete;
  Releasing &operator=(const Releasing &) = delete;

 private:
  std::binary_semaphore &semaphore_;
};

/// How long after its deadline a call still waits for a disk that is slow; then its host goes on without it.
constexpr milliseconds kDiskPatience{5'000};

/// What a host is told whose call the ledger has not answered. A request whose time has passed is not sent any more,
/// but this one may have been sent in its time.
inline Error disk_too_slow(bool acts) {
  Error error(acts ? Status::OutcomeUnknown : Status::Deadline,
              acts
                  ? "the ledger's disk does not answer, so it is not known whether the service has got the request; do "
                    "not repeat it, look at list_requests once the disk answers"
                  : "the ledger's disk did not answer in time; check the disk and try again");
  error.outcome_unknown = acts;
  return error;
}

/// What a host is told whose call the loop has not even begun, and will not.
inline Error not_begun() {
  return Error(Status::Deadline,
               "the library's own thread did not come to this call in time, as on a machine that is overloaded or was "
               "stopped; nothing was sent and nothing will be; call again")
      .retry();
}

/// A call on its way to the loop and back. The host's thread waits until it is served; what it began goes on if the
/// host has given up waiting, so `work` refers to nothing of the host's stack once it has been called.
template <class T>
struct Runtime::Call {
  Call(std::string call_id_, std::optional<BootTime> deadline_, Work<T> work_, bool acts_)
      : call_id(std::move(call_id_)), deadline(deadline_), work(std::move(work_)), acts(acts_) {}
  std::string call_id;
  std::optional<BootTime> deadline;
  Work<T> work;
  bool acts;
  Handover handover;
  std::optional<Result<T>> result;  ///< none: memory ran out
  std::binary_semaphore done{0};
};

/// A call's time on the loop: it can be interrupted and ended, and counts. At its end, however that comes, the host's
/// thread goes on, and the call may be gone.
class Runtime::Service {
 public:
  Service(Runtime &runtime, const std::string &call_id, std::optional<BootTime> deadline, std::binary_semaphore &done)
      : release_(done),
        mark_(runtime.calls_),
        scope(runtime.loop_.scheduler(), deadline),
        runtime_(runtime),
        place_(runtime.scopes_.emplace(call_id, &scope)) {
    if (runtime.ending_) scope.cancel(Status::ShuttingDown);
  }
  ~Service() { runtime_.scopes_.erase(place_); }
  Service(const Service &) = delete;
  Service &operator=(const Service &) = delete;

 private:
  const Releasing release_;  // first, hence last to go
  const loop::Activity::Mark mark_;

 public:
  loop::Scope scope;

 private:
  Runtime &runtime_;
  std::multimap<std::string, loop::Scope *>::iterator place_;
};

template <class T>
loop::Task<void> Runtime::serve(std::shared_ptr<Call<T>> call) {
  Service service(*this, call->call_id, call->deadline, call->done);
  try {
    std::optional<loop::Task<Result<T>>> task;
    if (!call->handover.take([&] { task.emplace(call->work(service.scope)); })) co_return;
    call->result.emplace(co_await std::move(*task));
  } catch (const std::bad_alloc &) {
    if (call->acts) throw;  // a request that nobody works on any more
  } catch (const std::exception &e) {
    call->result.emplace(fail(ended_without_result(Status::Internal, e.what())));
  }
}

template <class T>
void Runtime::begin_serving(const std::shared_ptr<Call<T>> &call) {
  try {
    loop_.scheduler().spawn(serve(call));
  } catch (const std::bad_alloc &) {  // before it began
    call->done.release();
  }
}

template <class T>
Result<T> Runtime::run(const std::string &call_id, std::int32_t timeout_ms, Work<T> work, bool acts) {
  const milliseconds limit = timeout_ms < 0 ? config_timeout() : milliseconds(timeout_ms);
  const auto call = std::make_shared<Call<T>>(call_id, clock_->now() + limit, std::move(work), acts);
  {
    const std::lock_guard lock(mutex_);
    if (gave_up_) return fail(has_given_up());
    if (!accepting_) return fail(Status::ShuttingDown, "the client was shut down; open a new one");
    start_locked();
    loop_.scheduler().post([this, call] { begin_serving(call); });
  }
  if (!call->done.try_acquire_for(limit + kDiskPatience))
    return fail(call->handover.leave() ? not_begun() : disk_too_slow(acts));
  if (!call->result) return fail(ended_without_result(Status::OutOfMemory, "memory ran out during the call"));
  return std::move(*call->result);
}

}  // namespace cordon::plugin
