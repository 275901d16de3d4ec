#pragma once

#include "plugin/runtime.hpp"

namespace cordon::plugin {

/// A call on its way to the loop and back. It lives on the stack of the host's thread, which blocks until it is served.
template <class T>
struct Runtime::Call {
  Call(std::string call_id_, std::optional<BootTime> deadline_, Work<T> work_)
      : call_id(std::move(call_id_)), deadline(deadline_), work(std::move(work_)) {}
  std::string call_id;
  std::optional<BootTime> deadline;
  Work<T> work;
  std::optional<Result<T>> result;
  std::binary_semaphore done{0};
};

template <class T>
loop::Task<void> Runtime::serve(Call<T> &call) {
  {
    const loop::Activity::Mark mark(calls_);
    loop::Scope scope(loop_.scheduler(), call.deadline);
    if (ending_) scope.cancel(Status::ShuttingDown);
    scopes_.insert(&scope);
    if (!call.call_id.empty()) call_ids_[call.call_id] = &scope;
    try {
      call.result.emplace(co_await call.work(scope));
    } catch (const std::bad_alloc &) {
      call.result.emplace(fail(Status::OutOfMemory, "out of memory"));
    } catch (const std::exception &e) {
      call.result.emplace(fail(Status::Internal, std::string("a promise inside the library was broken: ") + e.what()));
    }
    scopes_.erase(&scope);
    if (const auto it = call_ids_.find(call.call_id); it != call_ids_.end() && it->second == &scope)
      call_ids_.erase(it);
  }
  call.done.release();  // from here on `call` may be gone
}

template <class T>
Result<T> Runtime::run(const std::string &call_id, std::int32_t timeout_ms, Work<T> work) {
  const milliseconds limit = timeout_ms < 0 ? config_timeout() : milliseconds(timeout_ms);
  Call<T> call(call_id, clock_->now() + limit, std::move(work));
  {
    const std::lock_guard lock(mutex_);
    if (!accepting_) return fail(Status::ShuttingDown, "the client was shut down; open a new one");
    start_locked();
    loop_.scheduler().post([this, &call] { loop_.scheduler().spawn(serve(call)); });
  }
  call.done.acquire();
  return std::move(*call.result);
}

}  // namespace cordon::plugin
