#pragma once

#include <version>

#ifdef __cpp_lib_jthread
#include <atomic>
#include <stop_token>
#include <thread>

#include "client.hpp"

namespace cordon {

/// Makes a call that a stop request interrupts: `call` is given the options, completed by a call id. The request
/// changes nothing at the service, and the call still says what it came to. C++20.
template <class Call>
auto interruptible(Client &client, const std::stop_token &stop, Options options, Call call) {
  static std::atomic<unsigned long> number{0};
  if (!options.call_id) options.call_id = "cpp-" + std::to_string(getpid()) + "-" + std::to_string(++number);
  std::atomic<bool> ended{false};
  struct Interrupter {
    std::thread thread;
    ~Interrupter() {
      if (thread.joinable()) thread.join();
    }
  } interrupter;
  struct Ended {
    std::atomic<bool> &flag;
    ~Ended() { flag = true; }
  };
  // The call may not wait yet when it is to be interrupted, so that is repeated; by a thread of its own, for a token
  // that is stopped already calls back right here.
  const std::stop_callback on_stop(stop, [&] {
    interrupter.thread = std::thread([&] {
      while (!ended) {
        try {
          return client.interrupt(*options.call_id);
        } catch (const Error &) {
          std::this_thread::sleep_for(milliseconds(5));
        }
      }
    });
  });
  const Ended mark{ended};
  return call(std::as_const(options));
}

}  // namespace cordon
#endif
