#include <fcntl.h>
#include <sys/wait.h>

#include <optional>

#include "e2e/identity_fixture.hpp"
#include "support/rsa_pair.hpp"

namespace cordon::test {
namespace {

namespace fs = std::filesystem;

/// A process that opens a client and, whenever it is told a device, contains it and says how that went.
class ContainingProcess {
 public:
  explicit ContainingProcess(const Json &config) {
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
    pid_ = fork();
    if (pid_ == 0) {
      close(in[1]);
      close(out[0]);
      serve(config, in[0], out[1]);
    }
    close(in[0]);
    close(out[1]);
    in_ = in[1];
    out_ = out[0];
  }
  ~ContainingProcess() {
    close(in_);
    close(out_);
    waitpid(pid_, nullptr, 0);
  }
  ContainingProcess(const ContainingProcess &) = delete;
  ContainingProcess &operator=(const ContainingProcess &) = delete;

  /// `{status, message, credential}`, the last as health has it.
  Json contain(const std::string &device) {
    const std::string line = device + "\n";
    EXPECT_EQ(write(in_, line.data(), line.size()), static_cast<ssize_t>(line.size()));
    return Json::parse(read_line(out_), nullptr, false);
  }

 private:
  static std::string read_line(int fd) {
    std::string line;
    for (char c = 0; read(fd, &c, 1) == 1 && c != '\n';) line += c;
    return line;
  }
  [[noreturn]] static void serve(const Json &config, int in, int out) {
    {
      Host host(config);
      for (std::string device = read_line(in); !device.empty(); device = read_line(in)) {
        const Reply reply = host.restrict_device(device, "c", {{"until", "finished"}}, 60'000);
        const Json health = host.call("health").document["tenants"]["contoso"]["credential"];
        const std::string line =
            Json{{"status", reply.status}, {"message", reply.message()}, {"credential", health}}.dump() + "\n";
        (void)!write(out, line.data(), line.size());
      }
    }
    _exit(0);
  }

  pid_t pid_ = -1;
  int in_ = -1, out_ = -1;
};

/// Two processes, each with a ledger of its own so that neither lives on the other's tokens, while their credential is
/// exchanged. The service revokes their tokens at each step (401), so that both need new ones.
class Rotation : public IdentityTest {
 protected:
  Json config_of(const char *state_dir, const Json &credential) const {
    Json out = with(credential);
    out["state_dir"] = (emulator.directory() / state_dir).string();
    out["vault"] = emulator.ready()["config"]["vault"];
    return out;
  }
  void store(const std::string &name, const std::string &value) {
    Host administrator(config_of("administrator", {{"kind", "client_secret"}, {"secret_name", "emulator-app"}}));
    ASSERT_EQ(administrator.opened().status, CORDON_OK) << administrator.opened().message();
    ASSERT_EQ(administrator.set_secret(name, value).status, CORDON_OK);
  }
  /// From another process, so that this one has no client when it forks.
  void store_elsewhere(const std::string &value) {
    const pid_t child = fork();
    if (child == 0) {
      store("emulator-app", value);
      _exit(HasFailure() ? 1 : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_EQ(status, 0);
  }
  void accept_at_service(Json change) {
    change["tenant_id"] = emulator.ready()["tenant_id"];
    change["client_id"] = emulator.ready()["client_id"];
    emulator.control_post("/emulator/apps", change);
  }
  void revoke_token() {
    emulator.arm_fault({{"endpoint", "POST /api/machines/{id}/restrictCodeExecution"}, {"kind", "expire_token"}});
  }
  /// Both contain a device, with so many token requests each.
  void expect_both_contain(long token_requests_each, bool warned) {
    for (ContainingProcess *process : {&*first_, &*second_}) {
      revoke_token();
      const long before = token_requests();
      const Json said = process->contain(machine(next_machine_++));
      EXPECT_EQ(said["status"], CORDON_OK) << said;
      EXPECT_EQ(token_requests() - before, token_requests_each);
      const std::string warning = text_or(said["credential"], "warning");
      EXPECT_EQ(warning.find("the one before it is still used") != std::string::npos, warned) << said;
    }
  }
  void start(const Json &credential) {
    first_.emplace(config_of("first", credential));
    second_.emplace(config_of("second", credential));
    for (ContainingProcess *process : {&*first_, &*second_}) {
      const Json said = process->contain(machine(next_machine_++));
      ASSERT_EQ(said["status"], CORDON_OK) << said;
    }
  }

  std::optional<ContainingProcess> first_, second_;
  std::size_t next_machine_ = 0;
};

TEST_F(Rotation, ASecretIsPickedUpByEveryProcessAndTheFormerOneServesUntilItEarnsAToken) {
  const std::string former = emulator.ready()["client_secret"], present = "the-present-secret";
  store_elsewhere(former);
  start({{"kind", "client_secret"}, {"secret_name", "emulator-app"}});
  expect_both_contain(1, false);

  store_elsewhere(present);
  expect_both_contain(2, true);  // refused with the present one, granted with the former
  store_elsewhere("another wrong one");
  expect_both_contain(2, true);  // what was never proven does not take the former's place
  store_elsewhere(present);

  accept_at_service({{"client_secrets", {present, former}}});
  expect_both_contain(1, false);
  accept_at_service({{"client_secrets", {present}}});
  expect_both_contain(1, false);
}

TEST_F(Rotation, ACertificateIsPickedUpByEveryProcessAndTheFormerOneServesUntilItEarnsAToken) {
  const RsaPair former, present;
  const fs::path file = emulator.directory() / "rotated.pem";
  const auto replace = [&](const std::string &pem) {
    const fs::path draft = file.string() + ".draft";
    std::ofstream(draft, std::ios::binary) << pem;
    fs::permissions(draft, fs::perms::owner_read);
    fs::rename(draft, file);
  };
  store_elsewhere("makes the vault");
  replace(former.pem());
  accept_at_service({{"certificates", {former.certificate()}}});
  start({{"kind", "client_certificate"}, {"certificate_file", file.string()}});
  expect_both_contain(1, false);

  replace(present.pem());
  expect_both_contain(2, true);
  replace(present.certificate() + former.key());  // half of it has arrived
  expect_both_contain(1, true);                   // nothing to ask with but the former
  replace(present.pem());

  accept_at_service({{"certificates", {present.certificate()}}});
  expect_both_contain(1, false);
}

}  // namespace
}  // namespace cordon::test
