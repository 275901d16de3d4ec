#pragma once

namespace cordon {

/// SQLite and POSIX locks do not survive a fork, nor do threads: a child of a process that had a client is told so by
/// every call. All of this is atomics, because in the child no lock may be touched.

/// True in a child, and its children, of a process in which a client was alive at the fork. [any-thread]
bool forked() noexcept;

/// Marks a client as alive for as long as the object lives. The first one installs the fork handler; throws
/// std::bad_alloc when the system cannot. [any-thread]
class ClientAlive {
 public:
  ClientAlive();
  ~ClientAlive();
  ClientAlive(const ClientAlive &) = delete;
  ClientAlive &operator=(const ClientAlive &) = delete;
};

/// Runs `hook` in a forked child that `forked()` is true for, once per fork, before fork() returns there. It may only
/// do what is async-signal-safe: close descriptors, set atomics. Registering the same hook again does nothing; throws
/// std::length_error beyond 8 different ones. [any-thread]
void register_fork_child_hook(void (*hook)());

}  // namespace cordon
