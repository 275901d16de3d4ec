#include "emulator/quota.hpp"

#include "emulator/service_fixture.hpp"

namespace cordon::emulator {
namespace {

using namespace std::chrono_literals;

TEST(Quota, ReadsAndWritesWindows) {
  const auto limits = parse_quota("100/60s,1500/3600s");
  ASSERT_TRUE(limits);
  EXPECT_EQ(quota_text(*limits, 1), "100/60s,1500/3600s");
  EXPECT_EQ(quota_text(*limits, 6), "100/10s,1500/600s");
  EXPECT_EQ(quota_text(*limits, 7), "100/9s,1500/515s");
  EXPECT_EQ(quota_text(*limits, 1000), "100/1s,1500/4s");
  for (const char *text :
       {"", "100", "100/60", "/60s", "100/s", "0/60s", "100/0s", "-1/60s", "100/60s,", "a/bs", "1/1s;"})
    EXPECT_FALSE(parse_quota(text)) << text;
}

TEST(Quota, TheCallBeyondTheMinuteIsRefusedWhileAnotherClassIsServed) {
  ServiceUnderTest s;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(s.get("/api/machineactions").status, 200);
    s.clock.advance(300ms);
  }
  const Reply refused = s.get("/api/machineactions");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(error_code(refused), "TooManyRequests");
  EXPECT_EQ(header(refused, "Retry-After"), "30");
  EXPECT_EQ(s.get("/api/machines").status, 200);
  EXPECT_EQ(s.act(s.machine(), "isolate").status, 201);

  s.clock.advance(29'999ms);
  EXPECT_EQ(s.get("/api/machineactions").status, 429);
  s.clock.advance(1ms);
  EXPECT_EQ(s.get("/api/machineactions").status, 200);
  EXPECT_EQ(header(s.get("/api/machineactions"), "Retry-After"), "1");
}

TEST(Quota, TheHourLimitsToo) {
  ServiceUnderTest s(Json{{"quota", "100/60s,150/3600s"}});
  for (int i = 0; i < 150; ++i) {
    EXPECT_EQ(s.get("/api/machineactions").status, 200) << i;
    s.clock.advance(1s);
  }
  EXPECT_EQ(header(s.get("/api/machineactions"), "Retry-After"), std::to_string(3600 - 150));
}

TEST(Quota, WindowsAreServiceTimeAndRetryAfterIsRealTime) {
  ServiceUnderTest s(Json::object(), {.speed = 6});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(s.get("/api/machines").status, 200);
  EXPECT_EQ(header(s.get("/api/machines"), "Retry-After"), "10");
  s.clock.advance(10s);
  EXPECT_EQ(s.get("/api/machines").status, 200);
}

TEST(Quota, ThePackageLinkHasItsOwnNarrowQuota) {
  ServiceUnderTest s;
  const std::string id = s.start(s.machine(), "collectInvestigationPackage");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(s.get("/api/machineactions/" + id + "/getPackageUri").status, 404);
  EXPECT_EQ(s.get("/api/machineactions/" + id + "/getPackageUri").status, 429);
}

TEST(Quota, CountsEachApplicationAlone) {
  ServiceUnderTest s(Json{{"apps", {{{"name", "one"}}, {{"name", "two"}}}}, {"quota", "1/60s"}});
  EXPECT_EQ(s.get("/api/machines").status, 200);
  EXPECT_EQ(s.get("/api/machines").status, 429);
  s.token = s.token_for(s.service.directory().apps[1], "https://api.securitycenter.microsoft.com");
  EXPECT_EQ(s.get("/api/machines").status, 200);
}

TEST(Quota, EndpointsMayShareIt) {
  ServiceUnderTest s(Json{{"quota", "1/60s"}, {"quota_scope", "application"}});
  EXPECT_EQ(s.get("/api/machines").status, 200);
  EXPECT_EQ(s.get("/api/machineactions").status, 429);
}

TEST(Quota, MayDifferByEndpoint) {
  ServiceUnderTest s(Json{{"quota", {{"GET /api/machines", "1/60s"}}}});
  EXPECT_EQ(s.get("/api/machines").status, 200);
  EXPECT_EQ(s.get("/api/machines").status, 429);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(s.get("/api/machineactions").status, 200);
}

}  // namespace
}  // namespace cordon::emulator
