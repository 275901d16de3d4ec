#include "response_fixture.hpp"

namespace cordon::test {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// The ledger fails when what became of a request is to be recorded.
class Unrecorded : public ResponseTest {
 protected:
  /// One whose POST was taken.
  Caller &answered() {
    Caller &c = act(intent(machine()));
    run();
    EXPECT_EQ(service().posts.size(), 1u);
    process->disk.failures = 1;
    run_for(seconds(1));
    EXPECT_EQ(c.status(), "CORDON_E_OUTCOME_UNKNOWN");
    EXPECT_EQ(state_of(c.request_id()), "sending") << "what the ledger knows";
    return c;
  }
  /// One of which no byte has left.
  Caller &interrupted() {
    next().connecting = seconds(5);
    Caller &c = act(intent(machine()));
    run_for(seconds(1));
    process->disk.failures = 1;
    c.scope.cancel(Status::Interrupted);
    run();
    EXPECT_EQ(c.status(), "CORDON_E_OUTCOME_UNKNOWN");
    EXPECT_EQ(c.message().find("nothing was sent"), std::string::npos) << c.message();
    EXPECT_EQ(state_of(c.request_id()), "sending");
    return c;
  }
};

TEST_F(Unrecorded, AnAnswerIsUnknownAndFoundByWhoeverAsks) {
  const std::string id = answered().request_id();
  EXPECT_EQ(withdraw(id).error().status, Status::InvalidState) << "it was sent";
  Caller &polled = poll(id, minutes(2));
  run_for(minutes(2));
  EXPECT_EQ(polled.status(), "CORDON_PENDING");
  EXPECT_EQ(service().posts.size(), 1u);
}

TEST_F(Unrecorded, AnAnswerIsFoundThoughNobodyAsks) {
  recover();
  const std::string id = answered().request_id();
  run_for(minutes(2));
  EXPECT_EQ(state_of(id), "pending");
  EXPECT_EQ(service().posts.size(), 1u);
  EXPECT_EQ(slots_in_use(), 0);
}

TEST_F(Unrecorded, ATakingBackIsRecordedLater) {
  recover();
  const std::string id = interrupted().request_id();
  run_for(minutes(3));
  EXPECT_EQ(state_of(id), "withdrawn");
  EXPECT_EQ(service().posts.size(), 0u);
  EXPECT_EQ(slots_in_use(), 0);
}

}  // namespace
}  // namespace cordon::test
