#include "e2e/host.hpp"
#include "faults/worker_process.hpp"

namespace cordon::test {
namespace {

constexpr const char *kPost = "POST /api/machines/{id}/restrictCodeExecution";
constexpr const char *kList = "GET /api/machineactions";
constexpr const char *kToken = "POST /{tenant}/oauth2/v2.0/token";

/// What becomes of an action whose POST meets a fault once.
enum class Promise {
  Found,      ///< applied, not told: found at the service, never sent again
  SentAgain,  ///< not applied, not told: sent again once the service is known not to have it
  Repeated,   ///< refused for the moment: sent again at once or when told to
  TakenLate,  ///< the answer is waited for
  TooLate     ///< the next moment to send comes after the caller's deadline: not sent, and said so
};

struct Case {
  const char *kind;
  Promise promise;
};

std::string name_of(const ::testing::TestParamInfo<Case> &one) {
  return one.param.kind;
}

void PrintTo(const Case &one, std::ostream *out) {
  *out << one.kind;
}

/// The faults that the emulator can arm, against a host in a process of its own.
class FaultKinds : public EmulatorTest, public ::testing::WithParamInterface<Case> {
 protected:
  FaultKinds() : EmulatorTest({"--speed", "60", "--quota", "1000000/60s"}) {
    config["quota"] = "1000000/60s";
    config["reconcile"]["settle_ms"] = 200;
  }

  std::unique_ptr<WorkerProcess> start() {
    auto worker = std::make_unique<WorkerProcess>(config, emulator.directory());
    EXPECT_EQ(worker->opened().status, "CORDON_OK") << worker->opened().text;
    worker->ask("secret emulator-app " + text_or(emulator.ready(), "client_secret"));
    return worker;
  }
  /// One whose token is at hand, and that has seen the service echo its marks.
  std::unique_ptr<WorkerProcess> start_warm() {
    auto worker = start();
    EXPECT_EQ(finish(*worker, machine(0)).status, "CORDON_OK");
    return worker;
  }
  static WorkerProcess::Reply finish(WorkerProcess &worker, const std::string &device, int timeout_ms = 60'000) {
    return worker.ask("act " + device + " " + std::to_string(timeout_ms) + R"( {"until":"finished"})");
  }
  void arm(const char *endpoint, const char *kind, int times = 1) {
    emulator.arm_fault({{"endpoint", endpoint}, {"kind", kind}, {"times", times}, {"seconds", 1}});
  }
  long posts_with(int status) {
    for (const Json &row : emulator.counters())
      if (row["endpoint"] == kPost && row["status"] == status) return row["count"];
    return 0;
  }
  /// The one action of that device is what the host was told.
  void expect_the_truth(const std::string &device, const WorkerProcess::Reply &reply) {
    Json found = Json::array();
    for (const Json &action : emulator.actions())
      if (action["machineId"] == device) found.push_back(action);
    const bool done = reply.status == "CORDON_OK";
    ASSERT_EQ(found.size(), done ? 1u : 0u) << reply.status << " " << reply.text;
    if (!done) return;
    EXPECT_EQ(reply.document["action_id"], found[0]["id"]);
    EXPECT_EQ(reply.document["adopted"], false);
    EXPECT_EQ(found[0]["status"], "Succeeded");
  }
};

class OfThePost : public FaultKinds {};

TEST_P(OfThePost, EndsAsPromisedWithAsManyPostsOnTheWire) {
  const auto worker = start_warm();
  const long posts = emulator.posts(), tokens = emulator.post_count("oauth2");
  arm(kPost, GetParam().kind);
  const int timeout_ms = GetParam().promise == Promise::TooLate ? 5'000 : 60'000;
  const auto reply = finish(*worker, machine(1), timeout_ms);
  const long more = emulator.posts() - posts;
  expect_the_truth(machine(1), reply);
  switch (GetParam().promise) {
    case Promise::Found:
    case Promise::TakenLate:
      EXPECT_EQ(reply.status, "CORDON_OK") << reply.text;
      EXPECT_EQ(more, 1);
      break;
    case Promise::SentAgain:
      EXPECT_EQ(reply.status, "CORDON_OK") << reply.text;
      EXPECT_EQ(more, 2);
      break;
    case Promise::Repeated:
      EXPECT_EQ(reply.status, "CORDON_OK") << reply.text;
      EXPECT_EQ(more, 2);
      EXPECT_EQ(posts_with(201), 2);
      EXPECT_EQ(emulator.post_count("oauth2") - tokens, std::string_view(GetParam().kind) == "expire_token" ? 1 : 0);
      break;
    case Promise::TooLate:
      EXPECT_EQ(reply.status, "CORDON_E_RATE_LIMITED") << reply.text;
      EXPECT_GT(int_or(reply.document, "retry_after_ms", 0), 5'000);
      EXPECT_EQ(worker->ask("poll " + text_or(reply.document, "request_id") + " 0").status, "CORDON_NOT_SENT");
      EXPECT_EQ(more, 1);
      break;
  }
  EXPECT_EQ(worker->finish(), 0);
}

INSTANTIATE_TEST_SUITE_P(, OfThePost,
                         ::testing::Values(Case{"drop_before", Promise::SentAgain}, Case{"drop_after", Promise::Found},
                                           Case{"error_before", Promise::SentAgain},
                                           Case{"error_after", Promise::Found}, Case{"throttle", Promise::Repeated},
                                           Case{"throttle_no_retry_after", Promise::TooLate},
                                           Case{"html", Promise::SentAgain}, Case{"garbage", Promise::Found},
                                           Case{"slow", Promise::TakenLate}, Case{"expire_token", Promise::Repeated},
                                           Case{"wrong_machine", Promise::Found}),
                         &name_of);

class OfTheList : public FaultKinds {};

/// The look-up of a request whose answer was lost is one of these lists, and so is every look at what became of it.
TEST_P(OfTheList, DelaysWhatIsKnownOfALostAnswerAndNeverMakesAnotherPost) {
  const auto worker = start_warm();
  const long posts = emulator.posts();
  arm(kPost, "drop_after");
  arm(kList, GetParam().kind, 2);
  const bool too_late = GetParam().promise == Promise::TooLate;
  const auto reply = finish(*worker, machine(1), too_late ? 4'000 : 60'000);
  EXPECT_EQ(emulator.posts() - posts, 1);
  if (too_late) {
    EXPECT_EQ(reply.status, "CORDON_E_OUTCOME_UNKNOWN") << reply.text;
  } else {
    EXPECT_EQ(reply.status, "CORDON_OK") << reply.text;
    expect_the_truth(machine(1), reply);
  }
  EXPECT_EQ(worker->finish(), 0);
}

class OfTheToken : public FaultKinds {};

TEST_P(OfTheToken, CostsNoActionAndNoSecondPost) {
  const auto worker = start();
  arm(kToken, GetParam().kind);
  const auto reply = finish(*worker, machine(1));
  EXPECT_EQ(reply.status, "CORDON_OK") << reply.text;
  EXPECT_EQ(emulator.posts(), 1);
  expect_the_truth(machine(1), reply);
}

auto cases_of_a_read() {
  return ::testing::Values(Case{"drop_before", Promise::Repeated}, Case{"drop_after", Promise::Repeated},
                           Case{"error_before", Promise::Repeated}, Case{"error_after", Promise::Repeated},
                           Case{"throttle", Promise::Repeated}, Case{"throttle_no_retry_after", Promise::TooLate},
                           Case{"html", Promise::Repeated}, Case{"garbage", Promise::Repeated},
                           Case{"slow", Promise::TakenLate}, Case{"expire_token", Promise::Repeated},
                           Case{"wrong_machine", Promise::Repeated});
}
INSTANTIATE_TEST_SUITE_P(, OfTheList, cases_of_a_read(), &name_of);
INSTANTIATE_TEST_SUITE_P(, OfTheToken, cases_of_a_read(), &name_of);

}  // namespace
}  // namespace cordon::test
