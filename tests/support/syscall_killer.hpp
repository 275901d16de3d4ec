#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace cordon::test {

/// How a traced program ended.
enum class Ended { Killed, ByItself, CouldNotTrace };

struct Traced {
  Ended ended;
  int exit_status = 0;  ///< of waitpid, when it ended by itself
};

/// Runs a program and kills it with SIGKILL when one of its threads is about to enter the `nth` system call (from 1)
/// after it called getpriority(PRIO_PROCESS, kMark), which is how the program says that now it counts. The call that
/// was about to begin is not made.
Traced kill_at_syscall(const std::vector<std::string> &argv, std::size_t nth);

/// For the program itself, before what is to be stepped through.
constexpr unsigned kMark = 0x7eadbeef;
void mark_for_syscall_killer();

}  // namespace cordon::test
