#include "e2e/host.hpp"

namespace cordon::test {
namespace {

/// Bad input is refused before anything happens: nothing reaches the service, nothing is in the journal.
class BadInput : public EmulatorTest {
 protected:
  void TearDown() override {
    EXPECT_EQ(emulator.posts(), 0);
    EXPECT_EQ(emulator.post_count("oauth2"), 0) << "not even a token was asked for";
    EXPECT_EQ(host->call("list_requests").document["requests"].size(), 0u);
    EXPECT_EQ(host->next_event(0, {{"scope", "all"}, {"after", events_before}}).status, CORDON_NO_EVENT);
  }
  void SetUp() override {
    host = open();
    for (Reply event = host->next_event(0); event.status == CORDON_OK; event = host->next_event(0))
      events_before = event.document["cursor"];
  }
  void expect_refused(const Reply &reply, const std::string &word, const std::string &pointer = {}) {
    EXPECT_EQ(reply.status, CORDON_E_INVALID_ARGUMENT) << ::testing::PrintToString(reply);
    EXPECT_NE(reply.message().find(word), std::string::npos) << word << " in: " << reply.message();
    if (!pointer.empty()) {
      EXPECT_EQ(reply.pointer(), pointer) << reply.message();
    }
  }
  std::unique_ptr<Host> host;
  std::int64_t events_before = 0;
};

TEST_F(BadInput, AMachineIdMustBeFortyHexDigits) {
  expect_refused(host->restrict_device("ws-042"), "machine_id");
  expect_refused(host->restrict_device(std::string(39, 'a')), "machine_id");
  expect_refused(host->restrict_device(std::string(40, 'g')), "machine_id");
  expect_refused(host->restrict_device(""), "machine_id");
}

TEST_F(BadInput, ASha1MustBeFortyHexDigitsAndASha256IsNamedAsSuch) {
  expect_refused(host->quarantine(machine(), "abc"), "sha1");
  expect_refused(host->quarantine(machine(), std::string(64, 'a')), "SHA-256");
}

TEST_F(BadInput, ACommentMustSaySomethingAndFit) {
  expect_refused(host->restrict_device(machine(), ""), "comment");
  expect_refused(host->restrict_device(machine(), " \t "), "comment");
  expect_refused(host->restrict_device(machine(), std::string(1025, 'x')), "comment");
  expect_refused(host->restrict_device(machine(), "\xff\xfe"), "comment");
}

TEST_F(BadInput, NullsAreNamed) {
  cordon_error *error = nullptr;
  EXPECT_EQ(cordon_restrict_code_execution(host->client(), nullptr, "c", nullptr, -1, nullptr, &error),
            CORDON_E_INVALID_ARGUMENT);
  EXPECT_NE(std::string(cordon_error_message(error)).find("machine_id"), std::string::npos);
  cordon_error_free(error);
  EXPECT_EQ(cordon_stop_and_quarantine(host->client(), machine().c_str(), nullptr, "c", nullptr, -1, nullptr, nullptr),
            CORDON_E_INVALID_ARGUMENT);
}

TEST_F(BadInput, ATimeOutIsPositiveOrMinusOne) {
  expect_refused(host->restrict_device(machine(), "c", nullptr, 0), "timeout_ms");
  expect_refused(host->restrict_device(machine(), "c", nullptr, -2), "timeout_ms");
  expect_refused(host->call("health", Json::object(), 0), "timeout_ms");
  expect_refused(host->poll(std::string("6a1f2c3d-0b4e-4f5a-9c6d-7e8f90a1b2c3"), -2), "wait_ms");
}

TEST_F(BadInput, OptionsAreCheckedWithAPointer) {
  expect_refused(host->restrict_device(machine(), "c", {{"colour", "red"}}), "colour");
  expect_refused(host->restrict_device(machine(), "c", {{"until", "someday"}}), "/until", "/until");
  expect_refused(host->restrict_device(machine(), "c", {{"labels", {{"case", 7}}}}), "/labels/case", "/labels/case");
  expect_refused(host->restrict_device(machine(), "c", {{"request_id", "not-a-uuid"}}), "request_id");
  expect_refused(host->restrict_device(machine(), "c", {{"tenant", "nobody"}}), "tenant");
  expect_refused(host->restrict_device(machine(), "c", Json(R"({"until":"finished","until":"accepted"})")), "twice",
                 "/until");
  expect_refused(host->restrict_device(machine(), "c", Json("{")), "JSON");
}

TEST_F(BadInput, RequestsAreCheckedWithAPointer) {
  const std::string good = R"("machine_id":")" + machine() + R"(","comment":"c")";
  expect_refused(host->call_text("isolate", "{" + good + R"(,"isolation_type":"Total"})"), "/isolation_type",
                 "/isolation_type");
  expect_refused(host->call_text("isolate", "{" + good + R"(,"colour":"red"})"), "colour");
  expect_refused(host->call_text("isolate", "{" + good + R"(,"comment":"d"})"), "twice", "/comment");
  expect_refused(host->call_text("isolate", R"({"machine_id":5,"comment":"c"})"), "machine_id", "/machine_id");
  expect_refused(host->call_text("isolate", R"({"comment":"c"})"), "machine_id");
  expect_refused(host->call_text("isolate", std::string(40, '[') + std::string(40, ']')), "nested");
  expect_refused(host->call_text("isolate", "{" + good + R"(,"x":")" + std::string(1 << 20, 'x') + "\"}"), "bytes");
  EXPECT_EQ(host->call("explode").status, CORDON_E_NOT_SUPPORTED);
}

TEST(BadConfig, IsRefusedWithAPointer) {
  const auto open_text = [](const std::string &text) {
    cordon_client *client = nullptr;
    cordon_error *error = nullptr;
    const std::int32_t status = cordon_init(CORDON_ABI_VERSION, text.c_str(), &client, &error);
    Json json = error == nullptr ? Json::object() : Json::parse(cordon_error_json(error));
    cordon_error_free(error);
    EXPECT_EQ(client == nullptr, status < 0);
    cordon_client_free(client);
    EXPECT_EQ(status, CORDON_E_INVALID_ARGUMENT) << text.substr(0, 100);
    return text_or(json, "pointer");
  };
  EXPECT_EQ(open_text("{}"), "/state_dir");
  EXPECT_EQ(open_text(R"({"state_dir":7})"), "/state_dir");
  EXPECT_EQ(open_text(R"({"state_dir":"relative"})"), "/state_dir");
  EXPECT_EQ(open_text(R"({"state_dir":"/x","state_dir":"/y"})"), "/state_dir");
  EXPECT_EQ(open_text(R"({"state_dir":"/x","http":{"verify":false}})"), "/http/verify");
  EXPECT_EQ(open_text(R"({"state_dir":"/x","quota":"fast"})"), "/quota");
  EXPECT_EQ(open_text(R"({"state_dir":"/x","default_tenant":"nobody"})"), "/default_tenant");
  EXPECT_EQ(open_text(R"({"state_dir":"/x","track":{"interval_ms":"soon"}})"), "/track/interval_ms");
}

TEST(BadConfig, ABrokenTenantDisablesItselfAlone) {
  const TempDirectory directory;
  const Json good = {{"tenant_id", "11111111-2222-3333-4444-555555555555"},
                     {"client_id", "11111111-2222-3333-4444-555555555555"},
                     {"credential", {{"kind", "client_secret"}, {"secret_name", "s"}}}};
  Json broken = good;
  broken["credential"] = {{"kind", "client_certificate"}};
  Host host(Json{{"state_dir", (directory.path() / "state").string()},
                 {"vault", {{"file", nullptr}}},
                 {"tenants", {{"good", good}, {"broken", broken}}},
                 {"recover", false}});
  ASSERT_EQ(host.opened().status, CORDON_OK) << host.opened().message();
  const Json tenants = host.call("health").document["tenants"];
  EXPECT_EQ(tenants["good"]["ok"], true);
  EXPECT_EQ(tenants["broken"]["ok"], false);
  const std::string machine(40, 'a');
  const Reply refused = host.restrict_device(machine, "c", {{"tenant", "broken"}});
  EXPECT_EQ(refused.status, CORDON_E_INVALID_ARGUMENT);
  EXPECT_EQ(refused.pointer(), "/tenants/broken/credential/certificate_file");
  const Reply unnamed = host.restrict_device(machine);
  EXPECT_EQ(unnamed.status, CORDON_E_INVALID_ARGUMENT) << "with several tenants none is guessed";
}

}  // namespace
}  // namespace cordon::test
