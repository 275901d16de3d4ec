#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <stdexcept>
#include <string>

namespace cordon::test {

/// Runs `body` in a forked child; what it returns comes back as text. The parent must have no client and no ledger
/// open.
inline std::string in_child(const std::function<std::string()> &body) {
  int fds[2];
  if (::pipe(fds) != 0) throw std::runtime_error("pipe failed");
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(fds[0]);
    std::string said;
    try {
      said = body();
    } catch (const std::exception &e) {
      said = std::string("exception: ") + e.what();
    }
    const ssize_t written = ::write(fds[1], said.data(), said.size());
    ::_exit(written == static_cast<ssize_t>(said.size()) ? 0 : 1);
  }
  ::close(fds[1]);
  std::string heard;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(fds[0], buffer, sizeof buffer)) > 0;)
    heard.append(buffer, static_cast<std::size_t>(n));
  ::close(fds[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return "the child died: " + heard;
  return heard;
}

}  // namespace cordon::test
