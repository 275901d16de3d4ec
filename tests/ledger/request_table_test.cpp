#include <gmock/gmock.h>

#include "ledger_fixture.hpp"

namespace cordon::ledger::test {
namespace {

using ::testing::ElementsAre;

class RequestTableTest : public LedgerTest {
 protected:
  Result<void> put(const RequestRow &row) {
    return write([&](Tx &tx) { return tx.put_request(row); });
  }
  std::vector<std::string> list(const RequestQuery &query) {
    auto found = read([&](Tx &tx) { return tx.requests(query); });
    EXPECT_TRUE(found) << found.error().message;
    std::vector<std::string> ids;
    if (found)
      for (const RequestRow &row : *found) ids.push_back(row.id.str().substr(35));
    return ids;
  }
};

TEST_F(RequestTableTest, ARowComesBackAsItWasPut) {
  RequestRow row = request_row("1");
  row.idempotency_key = "key";
  row.state = State::InProgress;
  row.action_id = ActionId::trusted("10000000-0000-4000-8000-000000000000");
  row.parameters = Json{{"scope", "Full"}};
  row.progress = Json{{"looks", 2}};
  row.deadline = BootTime(std::chrono::seconds(77));
  row.closed = BootTime(std::chrono::seconds(66));
  row.lane = "urgent";
  ASSERT_TRUE(put(row));
  const auto found = read([&](Tx &tx) { return tx.request(row.id); });
  ASSERT_TRUE(found && *found);
  const RequestRow &back = **found;
  EXPECT_EQ(back.id, row.id);
  EXPECT_EQ(back.tenant, row.tenant);
  EXPECT_EQ(back.operation, row.operation);
  EXPECT_EQ(back.machine, row.machine);
  EXPECT_EQ(back.match_key, row.match_key);
  EXPECT_EQ(back.idempotency_key, row.idempotency_key);
  EXPECT_EQ(back.fingerprint, row.fingerprint);
  EXPECT_EQ(back.state, row.state);
  EXPECT_EQ(back.action_id, row.action_id);
  EXPECT_EQ(back.document, row.document);
  EXPECT_EQ(back.parameters, row.parameters);
  EXPECT_EQ(back.progress, row.progress);
  EXPECT_EQ(back.created, row.created);
  EXPECT_EQ(back.updated, row.updated);
  EXPECT_EQ(back.expires, row.expires);
  EXPECT_EQ(back.owner, row.owner);
  EXPECT_EQ(back.boot_id, row.boot_id);
  EXPECT_EQ(back.deadline, row.deadline);
  EXPECT_EQ(back.closed, row.closed);
  EXPECT_EQ(back.lane, row.lane);
  const auto nobody = read([](Tx &tx) { return tx.request(RequestId::trusted("nobody")); });
  ASSERT_TRUE(nobody);
  EXPECT_FALSE(*nobody);
}

TEST_F(RequestTableTest, ASecondPutBringsTheStateUpToDateAndLeavesTheIdentity) {
  RequestRow row = request_row("1");
  ASSERT_TRUE(put(row));
  row.state = State::Succeeded;
  row.tenant = "fabrikam";
  row.document["state"] = "succeeded";
  ASSERT_TRUE(put(row));
  const auto found = read([&](Tx &tx) { return tx.request(row.id); });
  EXPECT_EQ((*found)->state, State::Succeeded);
  EXPECT_EQ((*found)->document["state"], "succeeded");
  EXPECT_EQ((*found)->tenant, "contoso");
}

TEST_F(RequestTableTest, AnIdempotencyKeyBelongsToOneRequestOfATenantUntilThatWasNeverSent) {
  RequestRow first = request_row("1");
  first.idempotency_key = "key";
  ASSERT_TRUE(put(first));
  RequestRow second = request_row("2");
  second.idempotency_key = "key";
  EXPECT_EQ(put(second).error().status, Status::KeyReused);
  RequestRow elsewhere = request_row("3");
  elsewhere.tenant = "fabrikam";
  elsewhere.idempotency_key = "key";
  EXPECT_TRUE(put(elsewhere));

  const auto holder = [&] {
    auto found = read([](Tx &tx) { return tx.by_idempotency_key("contoso", "key"); });
    return found && *found ? (*found)->id.str().substr(35) : "";
  };
  EXPECT_EQ(holder(), "1");
  first.state = State::Failed;
  ASSERT_TRUE(put(first));
  EXPECT_EQ(put(second).error().status, Status::KeyReused) << "a failure is an answer, too";
  first.state = State::Expired;
  ASSERT_TRUE(put(first));
  EXPECT_EQ(holder(), "");
  EXPECT_TRUE(put(second));
  EXPECT_EQ(holder(), "2");
  const auto none = read([](Tx &tx) { return tx.by_idempotency_key("contoso", ""); });
  EXPECT_FALSE(*none);
}

TEST_F(RequestTableTest, TheNewestLiveRequestIsFoundByItsMatchKey) {
  RequestRow first = request_row("1");
  RequestRow second = request_row("2");
  first.match_key = second.match_key = "same";
  ASSERT_TRUE(put(first));
  ASSERT_TRUE(put(second));
  const auto live = [&] {
    auto found = read([](Tx &tx) { return tx.live_by_match_key("same"); });
    return found && *found ? (*found)->id.str().substr(35) : "";
  };
  EXPECT_EQ(live(), "2");
  second.state = State::Succeeded;
  ASSERT_TRUE(put(second));
  EXPECT_EQ(live(), "1");
  first.state = State::Unknown;
  ASSERT_TRUE(put(first));
  EXPECT_EQ(live(), "1") << "what is unknown has not ended";
  first.state = State::Rejected;
  ASSERT_TRUE(put(first));
  EXPECT_EQ(live(), "");
}

TEST_F(RequestTableTest, AllRequestsThatAdoptedAnActionAreFound) {
  const ActionId action = ActionId::trusted("10000000-0000-4000-8000-000000000000");
  for (const char *digits : {"1", "2", "3"}) {
    RequestRow row = request_row(digits);
    if (*digits != '2') row.action_id = action;
    if (*digits == '3') row.tenant = "fabrikam";
    ASSERT_TRUE(put(row));
  }
  EXPECT_EQ(read([&](Tx &tx) { return tx.by_action_id("", action); })->size(), 2u);
  EXPECT_EQ(read([&](Tx &tx) { return tx.by_action_id("fabrikam", action); })->size(), 1u);
  EXPECT_EQ(read([&](Tx &tx) { return tx.by_action_id("other", action); })->size(), 0u);
}

TEST_F(RequestTableTest, AreListedByStateTenantMachineOwnerLabelAndTimeOldestFirst) {
  const State states[] = {State::Queued, State::Pending, State::Succeeded, State::Pending};
  for (int i = 0; i < 4; ++i) {
    RequestRow row = request_row(std::to_string(i + 1));
    row.state = states[i];
    row.tenant = i == 3 ? "fabrikam" : "contoso";
    row.created = UtcTicks::from_unix_seconds(1000 + i);
    row.owner = i == 0 ? "me" : "you";
    if (i == 1) row.machine = MachineId::trusted(std::string(40, 'b'));
    ASSERT_TRUE(put(row));
  }
  EXPECT_THAT(list({}), ElementsAre("1", "2", "3", "4"));
  RequestQuery query;
  query.states = {State::Pending, State::Queued};
  EXPECT_THAT(list(query), ElementsAre("1", "2", "4"));
  query = {};
  query.live = true;
  EXPECT_THAT(list(query), ElementsAre("1", "2", "4"));
  query.tenant = "contoso";
  EXPECT_THAT(list(query), ElementsAre("1", "2"));
  query = {};
  query.machine = MachineId::trusted(std::string(40, 'b'));
  EXPECT_THAT(list(query), ElementsAre("2"));
  query = {};
  query.owner = "me";
  EXPECT_THAT(list(query), ElementsAre("1"));
  query = {};
  query.since = UtcTicks::from_unix_seconds(1002);
  EXPECT_THAT(list(query), ElementsAre("3", "4"));
  query = {};
  query.labels = {{"case", "INC-2"}};
  EXPECT_THAT(list(query), ElementsAre("2"));
  query.labels = {{"run", "7"}, {"case", "INC-3"}};
  EXPECT_THAT(list(query), ElementsAre("3"));
  query.labels = {{"run", "7"}, {"case", "' OR 1"}};
  EXPECT_THAT(list(query), ElementsAre());
  query = {};
  query.limit = 2;
  EXPECT_THAT(list(query), ElementsAre("1", "2"));
  query.after = request_row("2").id;
  EXPECT_THAT(list(query), ElementsAre("3", "4"));
}

}  // namespace
}  // namespace cordon::ledger::test
