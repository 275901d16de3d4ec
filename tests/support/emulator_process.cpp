#include "support/emulator_process.hpp"

#include <curl/curl.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace cordon::test {
namespace {

constexpr int kStartTimeoutMs = 60'000;

std::filesystem::path make_directory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "cordon-emulator-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::system_error(errno, std::generic_category(), "mkdtemp");
  return pattern;
}

std::string read_file(const std::filesystem::path &path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::size_t append(char *bytes, std::size_t size, std::size_t count, void *out) {
  static_cast<std::string *>(out)->append(bytes, size * count);
  return size * count;
}

/// Between fork and exec: async-signal-safe calls only.
[[noreturn]] void become_emulator(char *const *argv, int stdout_fd, int stderr_fd, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  dup2(stdout_fd, STDOUT_FILENO);
  dup2(stderr_fd, STDERR_FILENO);
  execv(argv[0], argv);
  _exit(127);
}

}  // namespace

EmulatorProcess::EmulatorProcess(std::vector<std::string> args) : directory_(make_directory()) {
  std::vector<std::string> command = {CORDON_EMULATOR_BINARY, "--ready-file", (directory_ / "ready.json").string()};
  command.insert(command.end(), args.begin(), args.end());
  std::vector<char *> argv;
  for (std::string &word : command) argv.push_back(word.data());
  argv.push_back(nullptr);

  int out[2];
  if (pipe2(out, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
  const int err = open((directory_ / "stderr").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) become_emulator(argv.data(), out[1], err, parent);
  close(out[1]);
  close(err);
  try {
    wait_until_ready(out[0]);
    ready_ = Json::parse(read_file(directory_ / "ready.json"));
  } catch (...) {
    close(out[0]);
    stop();
    throw;
  }
  close(out[0]);
}

EmulatorProcess::~EmulatorProcess() {
  stop();
}

void EmulatorProcess::stop() noexcept {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

/// The emulator prints its one line after the ready file is in place.
void EmulatorProcess::wait_until_ready(int stdout_fd) {
  std::string line;
  for (;;) {
    pollfd waiting{stdout_fd, POLLIN, 0};
    const int ready = poll(&waiting, 1, kStartTimeoutMs);
    if (ready < 0 && errno == EINTR) continue;
    char byte = 0;
    if (ready <= 0 || read(stdout_fd, &byte, 1) != 1)
      throw std::runtime_error("cordon-emulator did not start: " + complaint());
    if (byte == '\n') return;
    line += byte;
  }
}

std::string EmulatorProcess::complaint() const {
  return read_file(directory_ / "stderr");
}

Json EmulatorProcess::control(const char *method, const std::string &path, const std::string &body) {
  const std::unique_ptr<CURL, void (*)(CURL *)> easy(curl_easy_init(), curl_easy_cleanup);
  const std::unique_ptr<curl_slist, void (*)(curl_slist *)> headers(
      curl_slist_append(nullptr, "Content-Type: application/json"), curl_slist_free_all);
  const std::string address = ready_.at("control_url").get<std::string>() + path;
  const std::string ca = ca_file();
  std::string answer;
  curl_easy_setopt(easy.get(), CURLOPT_URL, address.c_str());
  curl_easy_setopt(easy.get(), CURLOPT_CAINFO, ca.c_str());
  curl_easy_setopt(easy.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy.get(), CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy.get(), CURLOPT_TIMEOUT_MS, 60'000L);
  curl_easy_setopt(easy.get(), CURLOPT_CUSTOMREQUEST, method);
  curl_easy_setopt(easy.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, &append);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &answer);
  if (!body.empty()) curl_easy_setopt(easy.get(), CURLOPT_POSTFIELDS, body.c_str());
  const CURLcode code = curl_easy_perform(easy.get());
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  if (code != CURLE_OK || status >= 400)
    throw std::runtime_error(std::string(method) + " " + path + ": " + curl_easy_strerror(code) + ", HTTP " +
                             std::to_string(status) + " " + answer + complaint());
  return answer.empty() ? Json(nullptr) : Json::parse(answer);
}

Json EmulatorProcess::control_get(const std::string &path) {
  return control("GET", path, "");
}
Json EmulatorProcess::control_post(const std::string &path, const Json &body) {
  return control("POST", path, dump(body));
}
Json EmulatorProcess::control_delete(const std::string &path) {
  return control("DELETE", path, "");
}

long EmulatorProcess::post_count(std::string_view part) {
  long sum = 0;
  for (const Json &row : counters()) {
    const std::string endpoint = row.at("endpoint");
    if (endpoint.starts_with("POST ") && endpoint.find(part) != std::string::npos) sum += row.at("count").get<long>();
  }
  return sum;
}

}  // namespace cordon::test
