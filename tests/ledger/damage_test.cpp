#include <gmock/gmock.h>

#include "ledger_fixture.hpp"

namespace cordon::ledger::test {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

/// What the ledger says of requests that were not sent, when it opens damaged.
class DamageTest : public LedgerTest {
 protected:
  void put(const std::string &digits, State state) {
    const auto done = write(
        [&](Tx &tx) {
          RequestRow row = request_row(digits);
          row.state = state;
          row.document["state"] = state_name(state);
          return tx.append(Record("state", row.id, row.tenant, Json{{"action", row.document}}, row.updated))
              .and_then([&](std::int64_t) { return tx.put_request(row); });
        },
        Durability::Full);
    ASSERT_TRUE(done) << done.error().message;
  }
  State state_of(const std::string &digits) {
    const auto row = read([&](Tx &tx) { return tx.request(request_row(digits).id); });
    EXPECT_TRUE(row && *row);
    EXPECT_EQ(text_or((*row)->document, "state"), state_name((*row)->state));
    return (*row)->state;
  }
  void reopen_after(const std::string &change) {
    close();
    RawFile(directory_.state_dir()).run(change);
    open();
  }
  std::vector<std::string> differences() {
    TableComparison so_far;
    while (!so_far.at_end)
      if (!read([&](Tx &tx) { return tx.compare_tables(so_far, 2); })) return {"could not be compared"};
    return so_far.differences;
  }
};

TEST_F(DamageTest, ASoundLedgerKeepsWhatIsQueued) {
  put("1", State::Queued);
  put("2", State::Sending);
  close();
  open();
  EXPECT_EQ(state_of("1"), State::Queued);
  EXPECT_EQ(state_of("2"), State::Sending);
  EXPECT_EQ(differences(), std::vector<std::string>());
}

TEST_F(DamageTest, ARequestBehindADamagedRecordBecomesUnknownAndThoseBeforeItStay) {
  put("1", State::Queued);
  put("2", State::Queued);
  put("3", State::Queued);
  reopen_after("UPDATE journal SET body = replace(body, 'queued', 'Queued') WHERE sequence = 2");
  EXPECT_THAT(ledger_->damage(), HasSubstr("record 2"));
  EXPECT_EQ(state_of("1"), State::Queued);
  EXPECT_EQ(state_of("2"), State::Unknown);
  EXPECT_EQ(state_of("3"), State::Unknown);
  EXPECT_EQ(differences(), std::vector<std::string>()) << "what is said now is recorded";
  close();
  open();
  EXPECT_EQ(ledger_->damage(), "") << "damage is told once";
}

TEST_F(DamageTest, ARowThatSaysOtherThanItsRecordIsNotBelieved) {
  put("1", State::Succeeded);
  put("2", State::Queued);
  close();
  RawFile(directory_.state_dir()).run("UPDATE requests SET state = 'queued', ended = 0 WHERE id LIKE '%1'");
  open();
  EXPECT_EQ(ledger_->damage(), "") << "the journal itself is sound";
  EXPECT_EQ(state_of("1"), State::Unknown);
  EXPECT_EQ(state_of("2"), State::Queued);
}

TEST_F(DamageTest, ARowThatCannotBeReadStopsNobodyButItself) {
  put("1", State::Queued);
  put("2", State::Queued);
  reopen_after("UPDATE requests SET document = '{', parameters = 'x' WHERE id LIKE '%1'");
  EXPECT_EQ(state_of("1"), State::Unknown);
  EXPECT_EQ(state_of("2"), State::Queued);
}

/// Deeper than a thread's stack.
constexpr const char *kDeep = "replace(hex(zeroblob(50000)), '0', '[')";

TEST_F(DamageTest, ARowNestedTooDeepIsTakenAsDamagedAndNobodyDies) {
  put("1", State::Queued);
  put("2", State::Queued);
  put("3", State::Pending);
  reopen_after(
      fmt::format("UPDATE requests SET document = {0}, progress = {0} || replace({0}, '[', ']')"
                  " WHERE id LIKE '%1'; UPDATE requests SET parameters = {0} WHERE id LIKE '%3'",
                  kDeep));
  EXPECT_EQ(state_of("1"), State::Unknown);
  EXPECT_EQ(state_of("2"), State::Queued);
  EXPECT_EQ(state_of("3"), State::Unknown);
}

TEST_F(DamageTest, ARecordNestedTooDeepIsNamedAndNobodyDies) {
  put("1", State::Queued);
  put("2", State::Queued);
  RawFile(directory_.state_dir()).run(fmt::format("UPDATE journal SET body = {} WHERE sequence = 2", kDeep));
  EXPECT_THAT(differences(), ::testing::ElementsAre(HasSubstr("000000000002: record 2")));
  EXPECT_EQ(events().size(), 1u);
  close();
  open();
  EXPECT_THAT(ledger_->damage(), HasSubstr("record 2"));
}

TEST_F(DamageTest, AnOlderCopyOfTheLedgerSendsNothingOfWhatItHolds) {
  put("1", State::Queued);
  close();
  const std::string file = directory_.state_dir() + "/ledger.db";
  fs::copy_file(file, directory_.path() + "/backup.db");
  open();
  put("1", State::Succeeded);
  close();
  fs::copy_file(directory_.path() + "/backup.db", file, fs::copy_options::overwrite_existing);
  open();
  EXPECT_THAT(ledger_->damage(), HasSubstr("cut off"));
  EXPECT_EQ(state_of("1"), State::Unknown);
}

TEST_F(DamageTest, ALivingClientsRequestIsLeftToIt) {
  put("1", State::Queued);
  const std::string owner = ledger_->owner();
  ASSERT_TRUE(write([&](Tx &tx) {
    RequestRow row = request_row("1");
    row.owner = owner;
    return tx.put_request(row);
  }));
  RawFile(directory_.state_dir()).run("UPDATE requests SET state = 'sending'");
  auto second = Ledger::open(directory_.state_dir(), clock_, random_);
  ASSERT_TRUE(second);
  ASSERT_TRUE((*second)->use_key(Secret(std::string(32, 'k')), "vault-1"));
  const auto row = read([&](Tx &tx) { return tx.request(request_row("1").id); });
  EXPECT_EQ((*row)->state, State::Sending);
}

TEST_F(DamageTest, DifferencesBetweenTableAndJournalAreNamed) {
  put("1", State::Queued);
  put("2", State::Pending);
  put("3", State::Succeeded);
  ASSERT_EQ(differences(), std::vector<std::string>());
  RawFile(directory_.state_dir())
      .run("UPDATE requests SET state = 'failed' WHERE id LIKE '%3'; DELETE FROM requests WHERE id LIKE '%2'");
  const auto found = differences();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_THAT(found[0], HasSubstr("000000000003: its row and record 3 differ in the state"));
  EXPECT_THAT(found[1], HasSubstr("000000000002: record 2 is about it, but its row is missing"));
}

TEST_F(DamageTest, AnEventReaderIsToldOfADamagedRecordAndGoesOnBehindIt) {
  put("1", State::Queued);
  put("2", State::Queued);
  put("3", State::Queued);
  RawFile(directory_.state_dir()).run("UPDATE journal SET at = at + 1 WHERE sequence = 2");
  EXPECT_EQ(events().size(), 1u) << "up to the damage";
  const auto damaged = read([](Tx &tx) { return tx.events_after(1, EventFilter(), 10); });
  ASSERT_FALSE(damaged);
  EXPECT_THAT(damaged.error().message, HasSubstr("record 2"));
  EXPECT_THAT(damaged.error().message, HasSubstr("after: 2"));
  EXPECT_EQ(events(2).size(), 1u);
}

}  // namespace
}  // namespace cordon::ledger::test
