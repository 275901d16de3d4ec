#include "support/server_process.hpp"

#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "support/loopback.hpp"

namespace cordon::test {

int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  bind(fd, reinterpret_cast<sockaddr *>(&address), size);
  getsockname(fd, reinterpret_cast<sockaddr *>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

bool answers(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  const bool up = connect(fd, reinterpret_cast<const sockaddr *>(&address), sizeof address) == 0;
  close(fd);
  return up;
}

ServerProcess::ServerProcess(const std::string &name) : directory_("/tmp/cordon-" + name + "-XXXXXX") {
  if (mkdtemp(directory_.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  chmod(directory_.c_str(), 0777);  // a server started by root works as a user of its own
}

ServerProcess::~ServerProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string ServerProcess::write(const std::string &name, const std::string &text) const {
  const std::string path = directory_ + "/" + name;
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

std::string ServerProcess::read(const std::string &name) const {
  std::ifstream file(directory_ + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void ServerProcess::start(const std::vector<std::string> &argv, int port) {
  std::vector<char *> arguments;
  for (const std::string &one : argv) arguments.push_back(const_cast<char *>(one.c_str()));
  arguments.push_back(nullptr);
  if (pid_ > 0 && has_died()) waitpid(pid_, nullptr, 0);
  if (posix_spawn(&pid_, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0)
    throw std::runtime_error("can't start " + argv[0]);
  while (!answers(port) && !has_died()) usleep(5000);
}

bool ServerProcess::has_died() const {
  siginfo_t facts{};
  return pid_ <= 0 ||
         (waitid(P_PID, static_cast<id_t>(pid_), &facts, WEXITED | WNOHANG | WNOWAIT) == 0 && facts.si_pid != 0);
}

}  // namespace cordon::test
