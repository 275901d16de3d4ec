#include "identity/device_code.hpp"

#include "identity/source_fixture.hpp"

namespace cordon::identity {
namespace {

using std::chrono::seconds;

class DeviceSource : public SourceTest {
 protected:
  DeviceSource() {
    emulate(scenario());
    make_source();
  }
  static Json scenario(bool once = false) {
    return {{"apps", {{{"name", "people"}, {"public_client", true}, {"scopes", {"Machine.Read", "Machine.Isolate"}}}}},
            {"knobs", {{"refresh_tokens_once", once}}}};
  }
  void make_source() {
    token_source = make(Json{{"kind", "device_code"}}).value();
    source = dynamic_cast<DeviceCodeSource *>(token_source.get());
  }
  Result<DeviceCode> begin() {
    return run<Result<DeviceCode>>([this](loop::Scope &scope) { return source->begin_login(scope); });
  }
  Result<SharedToken> finish(DeviceCode &code) {
    return run<Result<SharedToken>>([&](loop::Scope &scope) { return source->finish_login(code, scope); });
  }
  /// The person does it after some time.
  void decide_after(nanoseconds time, const std::string &user_code, bool approve) {
    scheduler.at(clock.now() + time, [this, user_code, approve] {
      EXPECT_TRUE(service->device_codes().decide(user_code, approve, "anna@contoso.example", service->real_now()));
    });
  }
  std::unique_ptr<TokenSource> token_source;
  DeviceCodeSource *source = nullptr;
};

TEST_F(DeviceSource, APersonSignsInOnceAndTheRefreshTokenDoesTheRest) {
  auto code = begin();
  ASSERT_TRUE(code) << code.error().message;
  EXPECT_EQ(code->verification_uri, "https://login.example.test/devicelogin");
  EXPECT_EQ(code->user_code.size(), 9u);
  EXPECT_EQ(code->expires_at, clock.utc() + seconds(900));
  decide_after(seconds(62), code->user_code, true);
  const BootTime began = clock.now();
  const auto token = finish(*code);
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ((*token)->roles, (std::vector<std::string>{"Machine.Read", "Machine.Isolate"}));
  EXPECT_GE(clock.now() - began, seconds(62));
  EXPECT_LE(clock.now() - began, seconds(68));
  const std::size_t asked = transport.urls.size();
  EXPECT_LE(asked, 15u) << "no more than once per interval";
  ASSERT_EQ(refresh_tokens.kept.size(), 1u);

  const std::string first = refresh_tokens.kept.begin()->second;
  ASSERT_TRUE(fetch(*source));
  EXPECT_NE(refresh_tokens.kept.begin()->second, first) << "replaced at every refresh";
  EXPECT_EQ(transport.urls.size(), asked + 1);
  EXPECT_NE(transport.forms.back().find("grant_type=refresh_token&"), std::string::npos);
  EXPECT_NE(transport.forms.back().find("%2F.default%20offline_access"), std::string::npos);
}

TEST_F(DeviceSource, ASpentRefreshTokenIsNeverUsedAgain) {
  emulate(scenario(true));
  make_source();
  auto code = begin();
  decide_after(seconds(7), code->user_code, true);
  ASSERT_TRUE(finish(*code));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(fetch(*source));
  EXPECT_EQ(refresh_tokens.saves, 4);
}

TEST_F(DeviceSource, ATokenWhoseSuccessorCantBeKeptIsNotHandedOut) {
  auto code = begin();
  decide_after(seconds(1), code->user_code, true);
  refresh_tokens.broken = true;
  const auto token = finish(*code);
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().status, Status::Ledger);
}

TEST_F(DeviceSource, WithoutASignInTheErrorNamesTheCommand) {
  const auto token = fetch(*source);
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().status, Status::Unauthenticated);
  EXPECT_NE(token.error().message.find("cordon login contoso"), std::string::npos);
  EXPECT_TRUE(transport.urls.empty());
}

TEST_F(DeviceSource, ADeclinedAndAnUnusedCodeEndTheSignIn) {
  auto code = begin();
  decide_after(seconds(7), code->user_code, false);
  auto declined = finish(*code);
  ASSERT_FALSE(declined);
  EXPECT_EQ(declined.error().status, Status::PermissionDenied);
  EXPECT_NE(declined.error().message.find("declined"), std::string::npos);

  code = begin();
  const BootTime began = clock.now();
  const auto expired = finish(*code);
  ASSERT_FALSE(expired);
  EXPECT_NE(expired.error().message.find("has expired"), std::string::npos);
  EXPECT_LE(clock.now() - began, seconds(901));
}

TEST_F(DeviceSource, SlowsDownWhenTold) {
  auto code = begin();
  transport.handler = nullptr;
  const test::FakeTransport::Answer slow_down(400, R"({"error":"slow_down","error_codes":[70016]})");
  const test::FakeTransport::Answer pending(400, R"({"error":"authorization_pending","error_codes":[70016]})");
  transport.script = {pending, slow_down, pending,
                      {0, ""}, {503, ""}, {200, R"({"access_token":"a","expires_in":60})"}};
  const BootTime began = clock.now();
  ASSERT_TRUE(finish(*code));
  // 5, 5, then 10 twice, 20 after a broken connection, 40 after trouble at the service.
  EXPECT_EQ((clock.now() - began) / seconds(1), 5 + 5 + 10 + 10 + 20 + 40);
}

TEST_F(DeviceSource, ARevokedSignInAsksForANewOne) {
  auto code = begin();
  decide_after(seconds(1), code->user_code, true);
  ASSERT_TRUE(finish(*code));
  service->device_codes().revoke_refresh_tokens();
  const auto token = fetch(*source);
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().service_code, "AADSTS700082");
  EXPECT_NE(token.error().message.find("sign in again"), std::string::npos);
}

TEST_F(DeviceSource, ACodeFromAStrangeServiceIsRefused) {
  transport.handler = nullptr;
  for (const char *body :
       {"", "[]", R"({"user_code":"U"})", R"({"device_code":"d","user_code":"U","verification_uri":"http://x"})"}) {
    transport.script = {{200, body}};
    const auto code = begin();
    ASSERT_FALSE(code) << body;
    EXPECT_EQ(code.error().status, Status::InvalidResponse);
  }
  transport.script = {{401, R"({"error":"invalid_client","error_codes":[7000218]})"}};
  EXPECT_EQ(begin().error().service_code, "AADSTS7000218");
}

}  // namespace
}  // namespace cordon::identity
