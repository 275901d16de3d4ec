#include "e2e/core_dump.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>

#include "e2e/scripted_service.hpp"
#include "support/rsa_pair.hpp"
#include "support/sanitized.hpp"
#include "support/squid.hpp"

namespace cordon::test {
namespace {

namespace fs = std::filesystem;

/// The program canary_host with its pipes, killed at the end.
class CanaryHost {
 public:
  CanaryHost(const fs::path &directory, const std::string &config) {
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
    pid_ = fork();
    if (pid_ == 0) {
      dup2(in[0], STDIN_FILENO);
      dup2(out[1], STDOUT_FILENO);
      if (chdir(directory.c_str()) != 0) _exit(4);  // where the core dump goes
      setenv("LD_PRELOAD", ALLOCATION_OWNERS_LIBRARY, 1);
      setenv("CORDON_ALLOCATIONS", (directory / "allocations").c_str(), 1);
      execl(CANARY_HOST_BINARY, CANARY_HOST_BINARY, config.c_str(), nullptr);
      _exit(5);
    }
    close(in[0]);
    close(out[1]);
    in_ = in[1];
    out_ = out[0];
  }
  ~CanaryHost() {
    close_input();
    close(out_);
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }
  CanaryHost(const CanaryHost &) = delete;
  CanaryHost &operator=(const CanaryHost &) = delete;

  pid_t pid() const { return pid_; }
  void tell(const std::string &bytes) {
    const std::string text = std::to_string(bytes.size()) + "\n" + bytes;
    EXPECT_EQ(write(in_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  std::string hear_line() {
    std::string line;
    for (char c = 0; read(out_, &c, 1) == 1 && c != '\n';) line += c;
    return line;
  }
  /// It aborts then.
  int end() {
    close_input();
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

 private:
  void close_input() {
    if (in_ >= 0) close(in_);
    in_ = -1;
  }
  pid_t pid_ = -1;
  int in_ = -1, out_ = -1;
};

class CoreDump : public ScriptedTest {
 protected:
  static bool kernel_writes_cores_to_files() {
    std::ifstream pattern("/proc/sys/kernel/core_pattern");
    std::string text;
    return std::getline(pattern, text) && !text.empty() && text[0] != '|' && text[0] != '/';
  }
  /// The core file of the host, which is gone then; empty: none could be made.
  fs::path dump(CanaryHost &host) {
    const fs::path gcore = directory.path() / ("core." + std::to_string(host.pid()));
    if (!kernel_writes_cores_to_files()) {
      const std::string command =
          "gcore -o " + (directory.path() / "core").string() + " " + std::to_string(host.pid()) + " > /dev/null 2>&1";
      if (system(command.c_str()) != 0 || !fs::exists(gcore)) return {};
    }
    const int status = host.end();
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) << status;
    for (const auto &entry : fs::directory_iterator(directory.path()))
      if (entry.path().filename().string().starts_with("core")) return entry.path();
    return {};
  }
  static void put(const fs::path &file, const std::string &text, unsigned mode) {
    std::ofstream(file, std::ios::binary) << text;
    fs::permissions(file, fs::perms(mode));
  }
  static std::string read_all(const fs::path &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void add_forms(std::vector<std::string> &needles, const std::string &mark) {
    needles.push_back(mark);
    // base64 at the three alignments; its first and last characters depend on the neighbours.
    static const char *const kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t shift = 0; shift < 3; ++shift) {
      std::string padded = std::string(shift, 'x') + mark, text;
      for (std::size_t i = 0; i + 3 <= padded.size(); i += 3) {
        unsigned bits = 0;
        for (std::size_t j = 0; j < 3; ++j) bits = bits << 8 | static_cast<unsigned char>(padded[i + j]);
        for (int j = 18; j >= 0; j -= 6) text += kDigits[bits >> j & 63];
      }
      needles.push_back(text.substr(shift == 0 ? 0 : 4));
    }
  }
};

TEST_F(CoreDump, HoldsNothingSecretButInTheBuffersOfLibcurlAndTls) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer keeps memory and allocations for itself";
  const std::string key = "CANARY-KEY-0f3a6b9c2d5e8f1a4b7c0", passphrase = "CANARY-PASSPHRASE-77b0c1",
                    other = "CANARY-OTHERPASS-19ad44", secret = "CANARY-SECRET-6f1d0c2b9a",
                    token = "CANARY-TOKEN-4e8a7f.3c5b1d.90e2f6", assertion = "CANARY-ASSERTION-5cd1.e077ab.2f",
                    device_code = "CANARY-DEVICECODE-31f8", refresh_token = "CANARY-REFRESH-0b44e1c2";
  ASSERT_EQ(key.size(), 32u);
  ScriptedService service(ca.issue(), &answer_with_an_echo, token);
  service.sign_people_in(device_code, refresh_token);
  const fs::path vault_directory = directory.path() / "vault";
  fs::create_directory(vault_directory);
  fs::permissions(vault_directory, fs::perms::owner_all);
  Json config = config_for(service.origin(), service.origin());
  config["vault"] = {{"file", (vault_directory / "credentials.cordon").string()}};
  Squid::Setup setup;
  setup.password = "CANARY-PROXY-2e9d71b4";
  std::optional<Squid> squid;
  if (Squid::is_installed()) {
    squid.emplace(ca.issue(), setup);
    config["http"]["proxy"] = squid->url();
    config["http"]["proxy_secret_name"] = "proxy";
  }
  config["log"] = {{"file", (directory.path() / "log").string()}, {"level", "debug"}};
  // What the client reads lies beside the directory that it writes to.
  const TempDirectory given;
  const RsaPair pair;
  put(given.path() / "assertion", assertion, 0400);
  put(given.path() / "certificate.pem", pair.pem(), 0400);
  put(given.path() / "helper",
      "#!/bin/sh\n/usr/bin/env > '" + (given.path() / "environment").string() + "'\n/bin/cat '" +
          (given.path() / "assertion").string() + "'\n",
      0500);
  const auto add = [&](const char *tenant, const Json &credential) {
    config["tenants"][tenant] = config["tenants"]["contoso"];
    config["tenants"][tenant]["credential"] = credential;
  };
  add("federated", {{"kind", "workload_identity"}, {"assertion_file", (given.path() / "assertion").string()}});
  add("helped", {{"kind", "workload_identity"}, {"assertion_exec", {(given.path() / "helper").string()}}});
  add("certified", {{"kind", "client_certificate"}, {"certificate_file", (given.path() / "certificate.pem").string()}});
  add("people", {{"kind", "device_code"}});
  config["default_tenant"] = "contoso";
  const std::string config_file = (directory.path() / "config.json").string();
  std::ofstream(config_file) << config.dump();

  CanaryHost host(directory.path(), config_file);
  for (const std::string &told : {key, passphrase, other, secret, setup.user + ":" + setup.password}) host.tell(told);
  ASSERT_EQ(host.hear_line(), "ready");
  std::ofstream(directory.path() / "maps") << std::ifstream("/proc/" + std::to_string(host.pid()) + "/maps").rdbuf();
  const fs::path core = dump(host);
  if (core.empty()) GTEST_SKIP() << "no core dump can be made here: core_pattern is a pipe and gcore is missing";

  if (squid) squid->wait_for(" " + setup.user + " ");

  std::vector<std::string> needles;
  for (const std::string &mark :
       {key, passphrase, other, secret, token, setup.password, assertion, device_code, refresh_token})
    add_forms(needles, mark);
  const std::string pem = pair.key();
  needles.push_back(pem.substr(pem.size() / 2, 40));  // a piece of the private key, as text …
  needles.push_back(pair.private_bytes(0, 24));       // … as DER has its exponent …
  needles.push_back(pair.private_bytes(1, 24));       // … and as OpenSSL has it in memory
  std::set<std::string> signatures;                   // of the assertions that were made with it, as the wire had them
  for (const WireRequest &request : service.server().requests())
    if (const auto at = request.body.find("client_assertion=eyJ"); at != std::string::npos)
      signatures.insert(request.body.substr(request.body.rfind('.') + 1, 64));
  EXPECT_GE(signatures.size(), 2u) << "the certificate was never used";
  needles.insert(needles.end(), signatures.begin(), signatures.end());
  std::string told;
  for (const WireRequest &request : service.server().requests()) told += request.head + request.body;
  for (const std::string &mark : {secret, token, assertion, device_code, refresh_token})
    EXPECT_NE(told.find(mark), std::string::npos) << mark << " was never used";
  const Owners owners(directory.path() / "allocations", directory.path() / "maps");
  std::map<std::string, int> counts;
  for (const Finding &finding : find_in_core(core, needles)) {
    const std::string owner = owners.of(finding.address);
    ++counts[owner];
    const bool stated_limit = owner.starts_with("libcurl") || owner.starts_with("libcrypto") ||
                              owner.starts_with("libssl") || owner.starts_with("libnghttp2");
    EXPECT_TRUE(stated_limit) << owner << " at " << std::hex << finding.address << ": " << finding.text;
    if (!stated_limit) continue;
    EXPECT_FALSE(finding.text.starts_with("CANARY-KEY") || finding.text.starts_with("CANARY-PASS")) << owner;
  }
  for (const auto &[owner, count] : counts) RecordProperty(owner, count);
  EXPECT_FALSE(counts.empty()) << "libcurl's copies are known to be there: nothing was searched";

  // The same marks in no file that was written, and in no helper's environment.
  const std::string environment = read_all(given.path() / "environment");
  EXPECT_NE(environment.find("PWD="), std::string::npos) << "the helper was never asked";
  for (const std::string &needle : needles) EXPECT_EQ(environment.find(needle), std::string::npos) << needle;
  for (const auto &entry : fs::recursive_directory_iterator(directory.path())) {
    if (!entry.is_regular_file() || entry.path() == core) continue;
    const std::string bytes = read_all(entry.path());
    for (const std::string &needle : needles)
      EXPECT_EQ(bytes.find(needle), std::string::npos) << entry.path() << ": " << needle;
  }
}

}  // namespace
}  // namespace cordon::test
