#pragma once

#include <signal.h>

namespace cordon {

/// Blocks signals in the calling thread while it lives; a thread started meanwhile inherits that for good, so that no
/// handler of the host ever runs on it. Faults of the thread itself are let through to the host's crash handler.
class SignalsBlocked {
 public:
  SignalsBlocked() noexcept;
  ~SignalsBlocked();
  SignalsBlocked(const SignalsBlocked &) = delete;
  SignalsBlocked &operator=(const SignalsBlocked &) = delete;

 private:
  sigset_t before_;
};

/// Keeps from the host what the kernel sends a thread for its own write: SIGPIPE for a pipe without a reader, SIGXFSZ
/// beyond the limit of a file's size. They are blocked in the calling thread while this lives, and those that came are
/// taken away at its end; the write then only fails. No disposition is touched. One that another process sent, or that
/// was pending before, stays.
class WriteSignalsHeld {
 public:
  WriteSignalsHeld() noexcept;
  ~WriteSignalsHeld();
  WriteSignalsHeld(const WriteSignalsHeld &) = delete;
  WriteSignalsHeld &operator=(const WriteSignalsHeld &) = delete;

 private:
  sigset_t before_;
  sigset_t taken_;  ///< those to take away
};

}  // namespace cordon
