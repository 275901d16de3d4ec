#include "emulator/fault_plan.hpp"

#include "emulator/service_fixture.hpp"

namespace cordon::emulator {
namespace {

using namespace std::chrono_literals;

constexpr const char *kIsolate = "POST /api/machines/{id}/isolate";

void arm(ServiceUnderTest &s, const Json &fault) {
  s.service.faults().arm(Fault::parse(fault).value());
}

TEST(FaultPlan, BeforeLeavesTheServiceUntouchedAndAfterDoesNot) {
  for (const auto &[kind, status, applied] : {std::tuple{"drop_before", 0, 0u},
                                              {"drop_after", 0, 1u},
                                              {"error_before", 500, 0u},
                                              {"error_after", 500, 1u},
                                              {"throttle", 429, 0u},
                                              {"throttle_no_retry_after", 429, 0u},
                                              {"html", 503, 0u},
                                              {"garbage", 201, 1u},
                                              {"slow", 201, 1u},
                                              {"wrong_machine", 201, 1u},
                                              {"expire_token", 401, 0u}}) {
    ServiceUnderTest s;
    arm(s, {{"endpoint", kIsolate}, {"kind", kind}});
    EXPECT_EQ(s.act(s.machine(), "isolate").status, status) << kind;
    EXPECT_EQ(s.service.actions().size(), applied) << kind;
    EXPECT_EQ(s.service.counters().to_json().at(0), (Json{{"endpoint", kIsolate}, {"status", status}, {"count", 1}}))
        << kind;
    // Once only.
    EXPECT_EQ(s.act(s.machine(1), "isolate").status, std::string(kind) == "expire_token" ? 401 : 201) << kind;
  }
}

TEST(FaultPlan, EachKindLooksAsItShould) {
  ServiceUnderTest s;
  arm(s, {{"endpoint", "*"}, {"kind", "throttle"}, {"seconds", 7}});
  EXPECT_EQ(header(s.act(s.machine(), "isolate"), "Retry-After"), "7");
  arm(s, {{"endpoint", "POST *"}, {"kind", "throttle_no_retry_after"}});
  EXPECT_EQ(header(s.act(s.machine(), "isolate"), "Retry-After"), "");
  arm(s, {{"endpoint", "*"}, {"kind", "html"}});
  EXPECT_EQ(s.get("/api/machines").content_type, "text/html");
  arm(s, {{"endpoint", kIsolate}, {"kind", "garbage"}});
  EXPECT_FALSE(Json::accept(s.act(s.machine(1), "isolate").body));
  arm(s, {{"endpoint", kIsolate}, {"kind", "slow"}, {"seconds", 3}});
  EXPECT_EQ(s.act(s.machine(2), "isolate").pause_midway, 3s);
  arm(s, {{"endpoint", kIsolate}, {"kind", "wrong_machine"}});
  EXPECT_NE(Json::parse(s.act(s.machine(3), "isolate").body).at("machineId"), s.machine(3));
  arm(s, {{"endpoint", "POST /{tenant}/oauth2/v2.0/token"}, {"kind", "error_before"}});
  const Reply token = s.service.handle(s.token_request(s.tenant_id, ""));
  EXPECT_EQ(token.status, 503);
  EXPECT_EQ(Json::parse(token.body).at("error"), "temporarily_unavailable");
}

TEST(FaultPlan, AnExpiredTokenStaysSoUntilThereIsANewOne) {
  ServiceUnderTest s;
  arm(s, {{"endpoint", "GET /api/machines"}, {"kind", "expire_token"}});
  EXPECT_EQ(s.get("/api/machines").status, 401);
  EXPECT_EQ(s.get("/api/machineactions").status, 401);
  s.token = s.token_for(s.app, "https://api.securitycenter.microsoft.com");
  EXPECT_EQ(s.get("/api/machines").status, 200);
}

TEST(FaultPlan, HappensAsOftenAsWanted) {
  ServiceUnderTest s;
  arm(s, {{"endpoint", "GET /api/machines"}, {"kind", "error_before"}, {"times", 3}});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(s.get("/api/machines").status, 500);
  EXPECT_EQ(s.get("/api/machines").status, 200);
  arm(s, {{"endpoint", "GET *"}, {"kind", "error_before"}, {"times", nullptr}});
  for (int i = 0; i < 20; ++i) EXPECT_EQ(s.get("/api/machines").status, 500);
  s.service.faults().clear();
  EXPECT_EQ(s.get("/api/machines").status, 200);
}

TEST(FaultPlan, HappensWithItsProbabilityAndTheSameForTheSameSeed) {
  const auto run = [](std::uint64_t seed) {
    ServiceUnderTest s(Json::object(), {.seed = seed});
    arm(s, {{"endpoint", "GET *"}, {"kind", "error_before"}, {"times", nullptr}, {"probability", 0.3}});
    std::string out;
    for (int i = 0; i < 90; ++i) out += s.get("/api/machines").status == 200 ? '.' : 'x';
    return out;
  };
  const std::string first = run(3);
  EXPECT_EQ(first, run(3));
  EXPECT_NE(first, run(4));
  const auto hits = std::count(first.begin(), first.end(), 'x');
  EXPECT_GT(hits, 10);
  EXPECT_LT(hits, 50);
}

TEST(FaultPlan, RefusesWhatItDoesNotKnow) {
  for (const Json &fault : {Json{{"endpoint", "GET /api/nothing"}, {"kind", "html"}}, Json{{"endpoint", "*"}},
                            Json{{"endpoint", "*"}, {"kind", "explode"}}, Json{{"kind", "html"}},
                            Json{{"endpoint", "*"}, {"kind", "html"}, {"times", 0}},
                            Json{{"endpoint", "*"}, {"kind", "html"}, {"probability", 2}},
                            Json{{"endpoint", "*"}, {"kind", "html"}, {"seconds", -1}},
                            Json{{"endpoint", "*"}, {"kind", "html"}, {"often", 1}}, Json::array()})
    EXPECT_FALSE(Fault::parse(fault)) << fault;
}

}  // namespace
}  // namespace cordon::emulator
