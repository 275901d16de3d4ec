#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace cordon::loop {

template <class T = void>
class Task;

namespace detail {

/// The last suspension of a task: goes on with the awaiter, unless that is still on the stack below and will see
/// `finished` by itself. (Symmetric transfer would be shorter, but g++ turns it into a tail call only when it
/// optimises; this way a loop over tasks that end at once needs no stack at any level.)
struct FinalSuspend {
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> done) const noexcept {
    auto &promise = done.promise();
    promise.finished = true;
    if (promise.awaiter_suspended) promise.awaiter.resume();
  }
  void await_resume() const noexcept {}
};

struct PromiseBase {
  std::coroutine_handle<> awaiter;
  std::exception_ptr exception;
  bool awaiter_suspended = false;
  bool finished = false;
  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalSuspend final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { exception = std::current_exception(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U &&result) {
    value.emplace(std::forward<U>(result));
  }
  T take() {
    if (exception) std::rethrow_exception(exception);
    return std::move(*value);
  }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() const {
    if (exception) std::rethrow_exception(exception);
  }
};

}  // namespace detail

/// A lazy coroutine: it starts when it is awaited, by exactly one awaiter, and destroying it destroys its whole chain
/// of suspended frames. [loop]
template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;

  Task(Task &&other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task &operator=(Task &&other) noexcept {
    if (this != &other) {
      if (frame_) frame_.destroy();
      frame_ = std::exchange(other.frame_, nullptr);
    }
    return *this;
  }
  ~Task() {
    if (frame_) frame_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> awaiter) {
    frame_.promise().awaiter = awaiter;
    frame_.resume();
    if (frame_.promise().finished) return false;
    return frame_.promise().awaiter_suspended = true;
  }
  T await_resume() { return frame_.promise().take(); }

 private:
  friend promise_type;
  explicit Task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
  std::coroutine_handle<promise_type> frame_;
};

namespace detail {
template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}
}  // namespace detail

}  // namespace cordon::loop
