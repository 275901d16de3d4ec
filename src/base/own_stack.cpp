#include "base/own_stack.hpp"

#include <exception>
#include <thread>

#include "base/signals.hpp"

namespace cordon {
namespace {

thread_local bool g_is_own = false;

}  // namespace

void on_own_stack(const std::function<void()> &body) {
  if (g_is_own) return body();
  std::exception_ptr thrown;
  std::thread thread;
  {
    const SignalsBlocked blocked;
    thread = std::thread([&] {
      g_is_own = true;
      try {
        body();
      } catch (...) {
        thrown = std::current_exception();
      }
    });
  }
  thread.join();
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace cordon
