#include "e2e/identity_fixture.hpp"

#include <sys/wait.h>

#include <csignal>
#include <thread>

namespace cordon::test {
namespace {

namespace fs = std::filesystem;

class Credentials : public IdentityTest {
 protected:
  /// Contains a device with nothing but this credential.
  void expect_contains(Json one) {
    SCOPED_TRACE(one.dump());
    const fs::path home = std::string(config["state_dir"]), log = home.string() + ".log";
    fs::remove_all(home);
    one["log"] = {{"file", log.string()}, {"level", "debug"}};
    {
      Host host(one);
      ASSERT_EQ(host.opened().status, CORDON_OK) << host.opened().message();
      const Reply reply = host.restrict_device(machine(next_machine_++), "c", {{"until", "finished"}});
      EXPECT_EQ(reply.status, CORDON_OK) << ::testing::PrintToString(reply);
      said_ += reply.text + reply.error.dump() + host.call("health").text;
    }
    said_ += all_bytes_below(home);
    std::ifstream file(log, std::ios::binary);
    said_.append(std::istreambuf_iterator<char>(file), {});
    // Tokens and assertions, keys of certificates and of App Service and Arc.
    for (const char *mark : {"eyJhbGci", "PRIVATE KEY", "emu-identity-", "Basic "})
      EXPECT_EQ(said_.find(mark), std::string::npos) << mark;
  }
  Json people() const {
    Json out = with({{"kind", "device_code"}});
    out["tenants"]["contoso"]["client_id"] = kPeople;
    return out;
  }
  std::size_t next_machine_ = 0;
  std::string said_;
};

TEST_F(Credentials, EveryKindOfCredentialContainsADevice) {
  const std::string certificate = credentials()["certificate_file"], assertion = credentials()["assertion_file"];
  const std::string imds = identity()["imds"], arc = identity()["arc"];
  expect_contains(with({{"kind", "client_certificate"}, {"certificate_file", certificate}}));
  expect_contains(with({{"kind", "client_certificate"}, {"certificate_file", certificate}, {"algorithm", "RS256"}}));
  expect_contains(with({{"kind", "workload_identity"}, {"assertion_file", assertion}}));
  expect_contains(with({{"kind", "workload_identity"}, {"assertion_exec", {"/bin/cat", assertion}}}));
  expect_contains(with({{"kind", "managed_identity"}, {"source", "imds"}, {"identity_endpoint", imds}}));
  expect_contains(with(
      {{"kind", "managed_identity"}, {"source", "app_service"}, {"identity_endpoint", identity()["app_service"]}}));
  Json by_arc = with({{"kind", "managed_identity"},
                      {"source", "arc"},
                      {"identity_endpoint", arc},
                      {"arc_key_dir", identity()["arc_key_dir"]}});
  by_arc["tenants"]["contoso"].erase("client_id");  // it is the machine's own
  by_arc["vault"] = nullptr;
  expect_contains(by_arc);
}

TEST_F(Credentials, AProxyOfTheEnvironmentNeverSeesTheManagedIdentity) {
  setenv("http_proxy", "http://127.0.0.1:9", 1);
  expect_contains(with({{"kind", "managed_identity"}, {"source", "imds"}, {"identity_endpoint", identity()["imds"]}}));
  unsetenv("http_proxy");
}

TEST_F(Credentials, APersonSignsInByDeviceCode) {
  {
    Host host(people());
    ASSERT_EQ(host.opened().status, CORDON_OK) << host.opened().message();
    const Reply before = host.restrict_device(machine());
    EXPECT_EQ(before.status, CORDON_E_UNAUTHENTICATED);
    EXPECT_NE(before.message().find("cordon login contoso"), std::string::npos);
    EXPECT_EQ(host.call("login_status").status, CORDON_E_NOT_FOUND);

    const Reply begun = host.call("login");
    ASSERT_EQ(begun.status, CORDON_PENDING) << ::testing::PrintToString(begun);
    EXPECT_EQ(begun.document["verification_uri"], emulator.url() + "/devicelogin");
    EXPECT_EQ(host.call("login").document, begun.document) << "the one under way, not another";
    EXPECT_EQ(host.call("login_status").status, CORDON_PENDING);
    EXPECT_EQ(host.call("login_status", {{"wait", true}}, 50).status, CORDON_PENDING);

    Json shown;
    for (Reply event = host.next_event(0, {{"after", 0}}); event.status == CORDON_OK; event = host.next_event(0))
      if (event.document["kind"] == "login") shown = event.document;
    EXPECT_EQ(shown["details"]["user_code"], begun.document["user_code"]);
    EXPECT_EQ(shown["tenant"], "contoso");

    emulator.control_post("/emulator/device-codes",
                          {{"user_code", begun.document["user_code"]}, {"user", "anna@contoso.example"}});
    const Reply done = host.call("login_status", {{"wait", true}}, 60'000);
    ASSERT_EQ(done.status, CORDON_OK) << ::testing::PrintToString(done);
    EXPECT_EQ(done.document["state"], "signed_in");
    const Reply contained = host.restrict_device(machine(), "c", {{"until", "finished"}});
    EXPECT_EQ(contained.status, CORDON_OK) << ::testing::PrintToString(contained);
    EXPECT_EQ(emulator.actions()[0]["requestor"], "anna@contoso.example");
    EXPECT_EQ(host.call("health").document["tenants"]["contoso"]["ok"], true);
  }
  // Nothing of it lies open on the disk, and the next process needs no person.
  const std::string bytes = all_bytes_below(std::string(config["state_dir"]));
  EXPECT_EQ(bytes.find("emu-rt-"), std::string::npos);
  EXPECT_EQ(bytes.find("emu-dc-"), std::string::npos);
  EXPECT_EQ(bytes.find("eyJhbGci"), std::string::npos);
  const long asked = token_requests();
  Host later(people());
  EXPECT_EQ(later.call("list_actions").status, CORDON_OK) << "by the kept token";
  EXPECT_EQ(token_requests(), asked);
  emulator.arm_fault({{"endpoint", "GET /api/machineactions"}, {"kind", "expire_token"}});
  EXPECT_EQ(later.call("list_actions").status, CORDON_OK) << "by the refresh token";
  EXPECT_EQ(token_requests(), asked + 1);
}

TEST_F(Credentials, ASignInThatIsDeclinedSaysSo) {
  Host host(people());
  const Reply begun = host.call("login");
  ASSERT_EQ(begun.status, CORDON_PENDING) << ::testing::PrintToString(begun);
  emulator.control_post("/emulator/device-codes",
                        {{"user_code", begun.document["user_code"]}, {"decision", "decline"}});
  const Reply done = host.call("login_status", {{"wait", true}}, 60'000);
  EXPECT_EQ(done.status, CORDON_E_PERMISSION_DENIED) << ::testing::PrintToString(done);
  EXPECT_EQ(host.call("login").status, CORDON_PENDING) << "another try";
  EXPECT_EQ(host.shutdown().status, CORDON_OK) << "a sign-in under way holds nobody up";
  const Reply not_people = Host(config).call("login");
  EXPECT_EQ(not_people.status, CORDON_E_INVALID_ARGUMENT);
  EXPECT_EQ(not_people.pointer(), "/options/tenant");
}

TEST_F(Credentials, ABrokenCredentialDisablesItsTenantAloneAndIsNamed) {
  Json two = config;
  two["default_tenant"] = "contoso";
  two["tenants"]["fabrikam"] = two["tenants"]["contoso"];
  two["tenants"]["fabrikam"]["credential"] = {{"kind", "client_certificate"}, {"certificate_file", "relative.pem"}};
  Host host(two);
  ASSERT_EQ(host.opened().status, CORDON_OK) << host.opened().message();
  host.set_secret("emulator-app", emulator.ready()["client_secret"]);
  EXPECT_EQ(host.call("list_actions").status, CORDON_OK);
  const Reply broken = host.call("list_actions", {{"options", {{"tenant", "fabrikam"}}}});
  EXPECT_EQ(broken.status, CORDON_E_INVALID_ARGUMENT);
  EXPECT_EQ(broken.pointer(), "/tenants/fabrikam/credential/certificate_file");
  const Json health = host.call("health").document["tenants"];
  EXPECT_EQ(health["fabrikam"]["problem"]["pointer"], "/tenants/fabrikam/credential/certificate_file");
  EXPECT_EQ(health["contoso"]["ok"], true);
}

/// Several processes of one host.
class Processes : public IdentityTest {
 protected:
  Processes() {
    config["vault"] = emulator.ready()["config"]["vault"];
    config["vault"]["file"] = (emulator.directory() / "vault" / "credentials.cordon").string();
    fs::create_directory(emulator.directory() / "vault");
    fs::permissions(emulator.directory() / "vault", fs::perms::owner_all);
  }
  void store(const std::string &secret) {
    Host host(config);
    ASSERT_EQ(host.set_secret("emulator-app", secret).status, CORDON_OK);
  }
  /// A process that reads at the service once, when the pipe is closed, and ends with the status as exit code (0 to
  /// 127).
  pid_t start_reader(int start, int other_end, std::int32_t timeout_ms) {
    const pid_t child = fork();
    if (child != 0) return child;
    close(other_end);
    char byte = 0;
    (void)!read(start, &byte, 1);
    Host host(config);
    const Reply reply = host.call("list_actions", Json::object(), timeout_ms);
    _exit(reply.status == CORDON_OK ? 0 : -reply.status);
  }
  /// Their exit codes, started as nearly together as can be.
  std::vector<int> read_in_processes(int count, std::int32_t timeout_ms = 60'000) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    std::vector<pid_t> children;
    for (int i = 0; i < count; ++i) children.push_back(start_reader(ends[0], ends[1], timeout_ms));
    close(ends[0]);
    close(ends[1]);
    std::vector<int> codes;
    for (const pid_t child : children) {
      int status = 0;
      waitpid(child, &status, 0);
      codes.push_back(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    }
    return codes;
  }
  void slow_token_answers(int seconds) {
    emulator.arm_fault(
        {{"endpoint", "POST /{tenant}/oauth2/v2.0/token"}, {"kind", "slow"}, {"times", 1}, {"seconds", seconds}});
  }
};

TEST_F(Processes, SixteenStartedTogetherMakeOneTokenRequest) {
  store(emulator.ready()["client_secret"]);
  slow_token_answers(2);
  EXPECT_EQ(read_in_processes(16), std::vector<int>(16, 0));
  EXPECT_EQ(token_requests(), 1);
}

TEST_F(Processes, ARefusedSecretIsTriedOnceByAllOfThem) {
  store("wrong");
  slow_token_answers(2);
  EXPECT_EQ(read_in_processes(8), std::vector<int>(8, -CORDON_E_UNAUTHENTICATED));
  EXPECT_EQ(token_requests(), 1);
}

TEST_F(Processes, OneThatDiesWhileItAsksIsReplaced) {
  store(emulator.ready()["client_secret"]);
  slow_token_answers(300);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t first = start_reader(ends[0], ends[1], 600'000);
  close(ends[0]);
  close(ends[1]);
  while (token_requests() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ASSERT_EQ(kill(first, SIGKILL), 0);
  ASSERT_EQ(waitpid(first, nullptr, 0), first);
  EXPECT_EQ(read_in_processes(2), std::vector<int>(2, 0));
  EXPECT_EQ(token_requests(), 2);
}

}  // namespace
}  // namespace cordon::test
