#include "faults/worker_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace cordon::test {
namespace {

/// A pair of connected sockets: unlike a pipe, writing to a dead process is an error and no signal.
void connect_ends(int (&ends)[2]) {
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw std::system_error(errno, std::generic_category(), "socketpair");
}

/// Between fork and exec: async-signal-safe calls only.
[[noreturn]] void become_worker(char *const *argv, int in, int out, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  execv(argv[0], argv);
  _exit(127);
}

}  // namespace

WorkerProcess::WorkerProcess(const Json &config, const std::filesystem::path &directory) {
  static std::atomic<int> number{0};
  config_file_ = directory / ("worker-" + std::to_string(number++) + ".json");
  std::ofstream(config_file_) << dump(config);
  const std::string config_file = config_file_.string();
  const char *argv[] = {CORDON_WORKER_BINARY, CORDON_LIBRARY, config_file.c_str(), nullptr};
  int in[2], out[2];
  connect_ends(in);
  connect_ends(out);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) become_worker(const_cast<char *const *>(argv), in[1], out[1], parent);
  ::close(in[1]);
  ::close(out[1]);
  in_ = in[0];
  out_ = out[0];
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  opened_ = hear();
}

WorkerProcess::~WorkerProcess() {
  kill();
  std::error_code ignored;
  std::filesystem::remove(config_file_, ignored);
}

void WorkerProcess::tell(const std::string &line) {
  const std::string bytes = line + "\n";
  if (send(in_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
    throw std::runtime_error("the worker does not listen: " + line);
}

WorkerProcess::Reply WorkerProcess::hear() {
  std::size_t end = 0;
  while ((end = heard_.find('\n')) == std::string::npos) {
    char chunk[65536];
    const ssize_t got = read(out_, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return {};
    heard_.append(chunk, static_cast<std::size_t>(got));
  }
  const std::string line = heard_.substr(0, end);
  heard_.erase(0, end + 1);
  const std::size_t status = line.find(' ') + 1, text = line.find(' ', status) + 1;
  Reply reply{line.substr(status, text - 1 - status), line.substr(text), nullptr};
  reply.document = Json::parse(reply.text, nullptr, false);
  return reply;
}

WorkerProcess::Reply WorkerProcess::ask(const std::string &line) {
  tell(line);
  Reply reply = hear();
  if (reply.status.empty()) throw std::runtime_error("the worker has ended at: " + line);
  return reply;
}

int WorkerProcess::wait_for_end() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  for (int *end : {&in_, &out_})
    if (*end >= 0) ::close(std::exchange(*end, -1));
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void WorkerProcess::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  wait_for_end();
}

int WorkerProcess::finish() {
  if (pid_ <= 0) return -1;
  ::close(std::exchange(in_, -1));
  return wait_for_end();
}

}  // namespace cordon::test
