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

}  // namespace
}  // namespace cordon::test
