#include "emulator/action_book.hpp"

#include "emulator/service_fixture.hpp"

namespace cordon::emulator {
namespace {

using namespace std::chrono_literals;

TEST(ActionLife, AnOnlineDeviceStartsAndSucceedsWithinAMinute) {
  ServiceUnderTest s;
  const std::string id = s.start(s.machine(), "restrictCodeExecution");
  EXPECT_EQ(s.status(id), "Pending");
  s.clock.advance(16s);
  EXPECT_EQ(s.status(id), "InProgress");
  s.clock.advance(45s);
  const Json action = s.action(id);
  EXPECT_EQ(action.at("status"), "Succeeded");
  EXPECT_EQ(action.at("errorHResult"), 0);
  // The end carries its own time, not that of the look.
  const UtcTicks created = *UtcTicks::parse(action.at("creationDateTimeUtc").get<std::string>());
  const UtcTicks updated = *UtcTicks::parse(action.at("lastUpdateDateTimeUtc").get<std::string>());
  EXPECT_GE(updated - created, 20s);
  EXPECT_LE(updated - created, 60s);
}

TEST(ActionLife, AFreshAnswerHasNoComputerNameAndCloseTimes) {
  ServiceUnderTest s;
  const Json fresh = Json::parse(s.act(s.machine(), "isolate", {{"IsolationType", "Selective"}}).body);
  EXPECT_TRUE(fresh.at("computerDnsName").is_null());
  EXPECT_EQ(fresh.at("scope"), "Selective");
  EXPECT_EQ(fresh.at("requestor"), s.app.client_id);
  EXPECT_EQ(fresh.at("requestSource"), "PublicApi");
  const UtcTicks created = *UtcTicks::parse(fresh.at("creationDateTimeUtc").get<std::string>());
  const UtcTicks updated = *UtcTicks::parse(fresh.at("lastUpdateDateTimeUtc").get<std::string>());
  EXPECT_GE(updated - created, 0ns);
  EXPECT_LE(updated - created, 500ns);
  EXPECT_EQ(s.action(fresh.at("id")).at("computerDnsName"), "ws-001.contoso.example");
}

TEST(ActionLife, AnOfflineDeviceTimesOutAfterThreeDaysAndFourteenMinutes) {
  ServiceUnderTest s;
  const std::string id = s.start(s.fleet().cast.offline, "restrictCodeExecution");
  s.service.advance(72h + 13min);
  EXPECT_EQ(s.status(id), "Pending");
  s.service.advance(2min);
  const Json action = s.action(id);
  EXPECT_EQ(action.at("status"), "TimeOut");
  EXPECT_EQ(action.at("errorHResult"), -2145844840);
  EXPECT_EQ(*UtcTicks::parse(action.at("lastUpdateDateTimeUtc").get<std::string>()) -
                *UtcTicks::parse(action.at("creationDateTimeUtc").get<std::string>()),
            72h + 14min);
}

TEST(ActionLife, AFailingDeviceReportsAnError) {
  ServiceUnderTest s;
  const std::string id = s.start(s.fleet().cast.fails, "StopAndQuarantineFile", {{"Sha1", s.fleet().files[0]}});
  s.clock.advance(61s);
  EXPECT_EQ(s.status(id), "Failed");
  EXPECT_NE(s.action(id).at("errorHResult"), 0);
}

TEST(ActionLife, ASlowDeviceTakesHalfAnHour) {
  ServiceUnderTest s;
  const std::string id = s.start(s.fleet().cast.slow, "isolate");
  s.clock.advance(29min);
  EXPECT_EQ(s.status(id), "InProgress");
  s.clock.advance(2min);
  EXPECT_EQ(s.status(id), "Succeeded");
}

TEST(ActionLife, SpeedMakesServiceTimeRunFaster) {
  ServiceUnderTest s(Json::object(), {.speed = 60});
  const std::string id = s.start(s.machine(), "isolate");
  s.clock.advance(1100ms);
  EXPECT_EQ(s.status(id), "Succeeded");
}

TEST(ActionLife, CancellingAPendingActionEndsItAtOnce) {
  ServiceUnderTest s;
  const std::string id = s.start(s.fleet().cast.offline, "isolate");
  s.clock.advance(1min);
  const Reply reply = s.post("/api/machineactions/" + id + "/cancel", {{"Comment", "false positive"}});
  EXPECT_EQ(reply.status, 200);
  const Json action = s.action(id);
  EXPECT_EQ(action.at("status"), "Cancelled");
  EXPECT_EQ(action.at("errorHResult"), -2147467260);
  EXPECT_EQ(action.at("cancellationComment"), "false positive");
  EXPECT_EQ(action.at("cancellationRequestor"), s.app.client_id);
  EXPECT_EQ(*UtcTicks::parse(action.at("lastUpdateDateTimeUtc").get<std::string>()) -
                *UtcTicks::parse(action.at("cancellationDateTimeUtc").get<std::string>()),
            100ns);
}

TEST(ActionLife, CancellingAnActionUnderWayTakesAWhile) {
  ServiceUnderTest s;
  const std::string id = s.start(s.fleet().cast.slow, "isolate");
  s.clock.advance(1min);
  const Reply reply = s.post("/api/machineactions/" + id + "/cancel", {{"Comment", "x"}});
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(Json::parse(reply.body).at("status"), "InProgress");
  EXPECT_EQ(s.post("/api/machineactions/" + id + "/cancel", {{"Comment", "x"}}).status, 400);
  s.clock.advance(5s);
  EXPECT_EQ(s.status(id), "Cancelled");
}

TEST(ActionLife, ADeviceMayFinishBeforeItsCancellation) {
  ServiceUnderTest s(Json{{"timings",
                           {{"pickup_s", {{"min", 1}, {"max", 1}}},
                            {"duration_s", {{"min", 10}, {"max", 10}}},
                            {"cancellation_s", {{"min", 60}, {"max", 60}}}}}});
  const std::string id = s.start(s.machine(), "isolate");
  s.clock.advance(5s);
  EXPECT_EQ(s.post("/api/machineactions/" + id + "/cancel", {{"Comment", "x"}}).status, 200);
  s.clock.advance(10min);
  const Json action = s.action(id);
  EXPECT_EQ(action.at("status"), "Succeeded");
  EXPECT_TRUE(action.at("cancellationDateTimeUtc").is_null());
}

TEST(ActionLife, AnActionThatHasEndedCanNotBeCancelled) {
  ServiceUnderTest s;
  const std::string id = s.start(s.machine(), "isolate");
  s.clock.advance(2min);
  EXPECT_EQ(s.post("/api/machineactions/" + id + "/cancel", {{"Comment", "x"}}).status, 400);
  EXPECT_EQ(s.post("/api/machineactions/11111111-2222-3333-4444-555555555555/cancel", {{"Comment", "x"}}).status, 404);
}

TEST(ActionLife, ActionsOfOneDeviceEndInTheOrderOfCreation) {
  ServiceUnderTest s;
  for (std::size_t i = 0; i < 20; ++i) {
    const std::string first = s.start(s.machine(i), "isolate"), second = s.start(s.machine(i), "unisolate");
    s.clock.advance(2min);
    EXPECT_LT(*UtcTicks::parse(s.action(first).at("lastUpdateDateTimeUtc").get<std::string>()),
              *UtcTicks::parse(s.action(second).at("lastUpdateDateTimeUtc").get<std::string>()));
  }
}

TEST(ActionLife, ReorderedCompletionsEndTheLaterActionFirst) {
  ServiceUnderTest s(Json{{"knobs", {{"completion_order", "reordered"}}}});
  const std::string first = s.start(s.machine(), "isolate"), second = s.start(s.machine(), "unisolate");
  s.clock.advance(10min);
  EXPECT_GT(*UtcTicks::parse(s.action(first).at("lastUpdateDateTimeUtc").get<std::string>()),
            *UtcTicks::parse(s.action(second).at("lastUpdateDateTimeUtc").get<std::string>()));
}

TEST(ActionLife, AnActionCanNotBeReadBeforeItIsVisible) {
  ServiceUnderTest s(Json{{"timings", {{"visibility_delay_s", {{"min", 20}, {"max", 20}}}}}});
  const std::string id = s.start(s.machine(), "isolate");
  s.clock.advance(19s);
  EXPECT_EQ(s.get("/api/machineactions/" + id).status, 404);
  EXPECT_TRUE(ids(s.get("/api/machineactions")).empty());
  EXPECT_TRUE(ids(s.get_filtered("/api/machineactions", "id eq '" + id + "'")).empty());
  EXPECT_TRUE(ids(s.get("/api/machines/" + s.machine() + "/machineactions")).empty());
  EXPECT_EQ(s.service.actions().size(), 1u);
  s.clock.advance(2s);
  EXPECT_EQ(s.get("/api/machineactions/" + id).status, 200);
  EXPECT_EQ(ids(s.get("/api/machineactions")).size(), 1u);
}

TEST(ActionLife, TheSecondPostIsAnsweredAsItsTypeIsDocumented) {
  ServiceUnderTest s;
  const std::string restrict_id = s.start(s.machine(), "restrictCodeExecution");
  const Reply again = s.act(s.machine(), "restrictCodeExecution", {{"Comment", "another"}});
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(Json::parse(again.body).at("id"), restrict_id);
  EXPECT_EQ(Json::parse(again.body).at("requestorComment"), "case 77");

  s.start(s.machine(), "StopAndQuarantineFile", {{"Sha1", s.fleet().files[0]}});
  const Reply rejected = s.act(s.machine(), "StopAndQuarantineFile", {{"Sha1", s.fleet().files[0]}});
  EXPECT_EQ(rejected.status, 400);
  EXPECT_EQ(error_code(rejected), "ActiveRequestAlreadyExists");
  EXPECT_NE(rejected.body.find("\"message\":\"Action is already in progress\""), std::string::npos);
  EXPECT_EQ(s.act(s.machine(1), "StopAndQuarantineFile", {{"Sha1", s.fleet().files[0]}}).status, 201);
  EXPECT_EQ(s.service.actions().size(), 3u);

  s.clock.advance(2min);
  EXPECT_EQ(s.act(s.machine(), "StopAndQuarantineFile", {{"Sha1", s.fleet().files[0]}}).status, 201);
  EXPECT_NE(s.start(s.machine(), "restrictCodeExecution"), restrict_id);
}

TEST(ActionLife, DuplicateModesCanBeChosenByType) {
  ServiceUnderTest s(
      Json{{"knobs", {{"duplicates", {{"Isolate", "new-stuck"}, {"RestrictCodeExecution", "reject"}}}}}});
  const std::string first = s.start(s.machine(), "isolate"), stuck = s.start(s.machine(), "isolate");
  EXPECT_NE(first, stuck);
  s.start(s.machine(), "restrictCodeExecution");
  EXPECT_EQ(error_code(s.act(s.machine(), "restrictCodeExecution")), "ActiveRequestAlreadyExists");
  s.clock.advance(24h);
  s.token = s.token_for(s.app, s.service.directory().api_audiences.front());
  EXPECT_EQ(s.status(first), "Succeeded");
  EXPECT_EQ(s.status(stuck), "Pending");
}

TEST(ActionLife, RandomDuplicatesTakeEveryForm) {
  ServiceUnderTest s(Json{{"knobs", {{"duplicates", "random"}}}}, {.machines = 60});
  int returned = 0, rejected = 0, stuck = 0;
  for (std::size_t i = 0; i < 45; ++i) {
    const std::string first = s.start(s.machine(i), "isolate");
    const Reply reply = s.act(s.machine(i), "isolate");
    if (reply.status == 400)
      ++rejected;
    else
      ++(Json::parse(reply.body).at("id") == first ? returned : stuck);
  }
  EXPECT_GT(returned, 0);
  EXPECT_GT(rejected, 0);
  EXPECT_GT(stuck, 0);
}

TEST(ActionLife, EchoesCanBeTurnedOff) {
  ServiceUnderTest s(Json{{"knobs", {{"echo_external_id", false}, {"echo_comment_bytes", 4}}}});
  const Json action =
      Json::parse(s.act(s.machine(), "isolate", {{"Comment", "cäs! [cordon:1]"}, {"ExternalId", "e"}}).body);
  EXPECT_TRUE(action.at("externalId").is_null());
  EXPECT_EQ(action.at("requestorComment"), "cäs");
}

TEST(ActionLife, APackageLinkComesWhenTheActionHasSucceeded) {
  ServiceUnderTest s;
  const std::string id = s.start(s.machine(), "collectInvestigationPackage");
  EXPECT_EQ(s.get("/api/machineactions/" + id + "/getPackageUri").status, 404);
  s.clock.advance(2min);
  const Json link = Json::parse(s.get("/api/machineactions/" + id + "/GetPackageUri").body);
  const std::string value = link.at("value");
  EXPECT_EQ(value.front(), '"');
  EXPECT_EQ(value.back(), '"');
  const std::string target = value.substr(1 + std::string("https://localhost").size());
  EXPECT_EQ(s.service.handle({"GET", target.substr(0, target.size() - 1), "", "", ""}).body.size(), 22u);
}

TEST(ActionLife, AnOffboardedDeviceAnswersNoMore) {
  ServiceUnderTest s;
  const Reply reply = s.act(s.machine(), "offboard");
  EXPECT_EQ(reply.status, 200);
  s.clock.advance(2min);
  const std::string id = s.start(s.machine(), "isolate");
  s.clock.advance(10min);
  EXPECT_EQ(s.status(id), "Pending");
}

TEST(ActionLife, TheSameSeedGivesTheSameActions) {
  const auto run = [] {
    ServiceUnderTest s(Json::object(), {.seed = 7});
    for (std::size_t i = 0; i < 10; ++i) s.start(s.machine(i), "isolate");
    s.clock.advance(30s);
    return dump(s.service.actions());
  };
  EXPECT_EQ(run(), run());
}

}  // namespace
}  // namespace cordon::emulator
