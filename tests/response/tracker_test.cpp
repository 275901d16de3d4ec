#include "response/tracker.hpp"
#include "response_fixture.hpp"

namespace cordon::test {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// Every end is learnt, whatever happened while nobody looked.
class Tracking : public ResponseTest {
 protected:
  PostStep &next() { return service().script.emplace_back(); }
  void finish(const std::string &device) {
    for (Json &action : service().actions)
      if (action["machineId"] == device) {
        action["status"] = "Succeeded";
        action["lastUpdateDateTimeUtc"] = clock.utc().str();
      }
  }
};

TEST_F(Tracking, AnEndThatCameWhileNobodyLookedIsLearntThoughAnEarlierRequestIsSentLater) {
  next().connects = false;
  const std::string late = submit(intent(machine('a'), {{"valid_for_ms", 3'600'000}})).request_id();
  const std::string early = submit(intent(machine('b'))).request_id();
  run_for(milliseconds(100));
  ASSERT_EQ(state_of(late), "queued");
  ASSERT_EQ(state_of(early), "pending");

  clock.advance(minutes(10));
  finish(machine('b'));
  clock.advance(minutes(10));
  const std::vector<Json> actions = service().actions;
  begin_process();
  service().actions = actions;
  recover();
  run_for(seconds(20));
  EXPECT_EQ(state_of(late), "pending");
  EXPECT_EQ(state_of(early), "succeeded");
}

TEST_F(Tracking, AnEndOlderThanWhatIsListedIsLearntWhenItsRequestWasRecordedLate) {
  const std::string other = submit(intent(machine('b'))).request_id();
  const std::string late = submit(intent(machine('a'))).request_id();
  run_for(seconds(5));
  finish(machine('a'));
  const Json ended = service().actions.back();
  service().actions.pop_back();  // as if nobody had known of the request when the end was listed
  run_for(minutes(2));
  service().actions.front()["status"] = "InProgress";
  service().actions.front()["lastUpdateDateTimeUtc"] = clock.utc().str();
  run_for(seconds(20));
  service().actions.push_back(ended);
  run_for(minutes(2));
  ASSERT_EQ(state_of(other), "in_progress");
  ASSERT_EQ(state_of(late), "pending") << "the looks begin behind it";

  const auto record = [this](nanoseconds ago) {
    return process->ledger->run_blocking(ledger::Durability::Process, [this, ago](ledger::Tx &tx) {
      return response::look_back_if_late(tx, "contoso", clock.now() - ago, clock.now());
    });
  };
  ASSERT_TRUE(record(seconds(29)));
  run_for(seconds(20));
  EXPECT_EQ(state_of(late), "pending") << "the overlap covers that";
  ASSERT_TRUE(record(seconds(31)));
  run_for(seconds(20));
  EXPECT_EQ(state_of(late), "succeeded");
}

TEST_F(Tracking, AListThatTheServiceCutsIsReadToItsEnd) {
  service().page_rows = 1;
  std::vector<std::string> ids;
  for (const char device : {'a', 'b', 'c'}) ids.push_back(submit(intent(machine(device))).request_id());
  run_for(seconds(1));
  service().finish_all("Succeeded");
  run_for(minutes(1));
  for (const std::string &id : ids) EXPECT_EQ(state_of(id), "succeeded");
}

TEST_F(Tracking, AnActionOfAnybodyThatCantBeReadKeepsNoEndFromBeingLearnt) {
  const std::string first = submit(intent(machine('a'))).request_id();
  const std::string second = submit(intent(machine('b'))).request_id();
  run_for(seconds(1));
  service().add_foreign(machine('c'), "Isolate", "somebody");
  service().actions.back()["type"] = nullptr;
  finish(machine('a'));
  run_for(minutes(2));
  EXPECT_EQ(state_of(first), "succeeded");
  EXPECT_EQ(state_of(second), "pending");
  finish(machine('b'));
  run_for(minutes(10));
  EXPECT_EQ(state_of(second), "succeeded");
}

}  // namespace
}  // namespace cordon::test
