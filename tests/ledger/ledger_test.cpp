#include "ledger/ledger.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <thread>

#include "ledger_fixture.hpp"

namespace cordon::ledger::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(LedgerTest, ClientsAppendToOneChainAndSeeEachOther) {
  auto second = Ledger::open(directory_.state_dir(), clock_, random_);
  ASSERT_TRUE(second) << second.error().message;
  ASSERT_TRUE((*second)->use_key(Secret(std::string(32, 'k')), "vault-1"));
  const auto append_there = [&] {
    return (*second)->run_blocking(Durability::Full, [&](Tx &tx) { return tx.append(record("there")); }).value();
  };
  EXPECT_EQ(append("here"), 1);
  EXPECT_EQ(append_there(), 2);
  EXPECT_EQ(append("here"), 3);
  EXPECT_TRUE(ledger_->verify_blocking()->intact());
  const auto clients = (*second)->run_blocking(Durability::Read, [](Tx &tx) { return tx.clients(); });
  EXPECT_THAT(*clients, ::testing::UnorderedElementsAre(ledger_->owner(), (*second)->owner()));
  EXPECT_TRUE((*second)->is_owner_alive(ledger_->owner()));
}

TEST_F(LedgerTest, ALeaseIsOneClientsUntilItIsOverOrItsHolderGone) {
  auto second = Ledger::open(directory_.state_dir(), clock_, random_);
  ASSERT_TRUE(second) << second.error().message;
  const auto take = [&](Ledger &who, std::chrono::seconds length) {
    return *who.run_blocking(Durability::Process, [&](Tx &tx) {
      return tx.take_lease("poll/contoso", clock_.now(), clock_.now() + length);
    });
  };
  EXPECT_TRUE(take(*ledger_, std::chrono::seconds(10)).held);
  EXPECT_TRUE(take(*ledger_, std::chrono::seconds(20)).held) << "its holder prolongs it";
  const Lease refused = take(**second, std::chrono::seconds(10));
  EXPECT_FALSE(refused.held);
  EXPECT_EQ(refused.until, clock_.now() + std::chrono::seconds(20));
  clock_.advance(std::chrono::seconds(20));
  EXPECT_TRUE(take(**second, std::chrono::seconds(10)).held);
  EXPECT_FALSE(take(*ledger_, std::chrono::seconds(10)).held);
  second->reset();
  EXPECT_TRUE(take(*ledger_, std::chrono::seconds(10)).held);
}

TEST_F(LedgerTest, RecordsAreReadByCursorInOrderAndByFilter) {
  const RequestId request = RequestId::trusted("00000000-0000-4000-8000-000000000001");
  ASSERT_TRUE(write([&](Tx &tx) -> Result<void> {
    for (int i = 1; i <= 6; ++i) {
      Record next = record(std::to_string(i), i % 2 == 0 ? "state" : "intent", i > 4 ? request : RequestId());
      if (i == 2) next.tenant = "fabrikam";
      if (auto done = tx.append(next); !done) return tl::unexpected(done.error());
    }
    return {};
  }));
  const auto texts = [&](std::int64_t after, const EventFilter &filter = {}, std::size_t limit = 1000) {
    std::vector<std::string> out;
    for (const JournalRecord &found : events(after, filter, limit)) {
      out.push_back(found.body["text"]);
      EXPECT_EQ(std::to_string(found.sequence), out.back());
      EXPECT_EQ(found.owner, ledger_->owner());
    }
    return out;
  };
  EXPECT_THAT(texts(0), ElementsAre("1", "2", "3", "4", "5", "6"));
  EXPECT_THAT(texts(4), ElementsAre("5", "6"));
  EXPECT_THAT(texts(6), ElementsAre());
  EXPECT_THAT(texts(1, {}, 2), ElementsAre("2", "3"));
  EventFilter filter;
  filter.kinds = {"intent", "decision"};
  EXPECT_THAT(texts(1, filter), ElementsAre("3", "5"));
  filter.request = request;
  EXPECT_THAT(texts(0, filter), ElementsAre("5"));
  filter = EventFilter();
  filter.tenant = "fabrikam";
  EXPECT_THAT(texts(0, filter), ElementsAre("2"));
  filter = EventFilter();
  filter.owner = "nobody";
  EXPECT_THAT(texts(0, filter), ElementsAre());
}

TEST_F(LedgerTest, RecordsSurviveAReopenAndTheSequenceGoesOn) {
  ASSERT_EQ(append("one"), 1);
  ASSERT_EQ(append("two", Durability::Process), 2);
  close();
  open();
  ASSERT_EQ(append("three"), 4) << "behind the checkpoint of the first client";
  EXPECT_EQ(events().size(), 3u);
  EXPECT_TRUE(ledger_->verify_blocking()->intact());
}

TEST_F(LedgerTest, AClosureThatOnlyPromisedToReadCannotWrite) {
  const auto wrote = read([](Tx &tx) { return tx.put_meta("a", "b"); });
  ASSERT_FALSE(wrote);
  EXPECT_EQ(wrote.error().status, Status::Internal);
  EXPECT_FALSE(*read([](Tx &tx) { return tx.get_meta("a"); }));
}

TEST_F(LedgerTest, WhatAClosureThrowsReachesItsCallerAndItsWritesAreTakenBack) {
  const auto throwing = [&] {
    return write([](Tx &tx) -> Result<void> {
      if (auto done = tx.put_meta("a", "b"); !done) return done;
      throw std::logic_error("broken promise");
    });
  };
  EXPECT_THROW(throwing(), std::logic_error);
  EXPECT_FALSE(*read([](Tx &tx) { return tx.get_meta("a"); }));
  EXPECT_EQ(append("goes on"), 1);
}

TEST_F(LedgerTest, TokensAndFactsAreKeptReplacedAndErased) {
  const auto sealed = ledger_->seal("token/contoso", Secret("bearer"));
  ASSERT_TRUE(write([&](Tx &tx) { return tx.put_token("contoso", TokenRow("old", UtcTicks())); }));
  ASSERT_TRUE(
      write([&](Tx &tx) { return tx.put_token("contoso", TokenRow(*sealed, UtcTicks::from_unix_seconds(99))); }));
  const auto token = read([](Tx &tx) { return tx.get_token("contoso"); });
  ASSERT_TRUE(token && *token);
  EXPECT_EQ((*token)->expires, UtcTicks::from_unix_seconds(99));
  EXPECT_EQ(ledger_->open_sealed("token/contoso", (*token)->sealed)->reveal(), "bearer");
  ASSERT_TRUE(write([](Tx &tx) { return tx.erase_token("contoso"); }));
  EXPECT_FALSE(*read([](Tx &tx) { return tx.get_token("contoso"); }));

  ASSERT_TRUE(write([](Tx &tx) { return tx.put_meta("halt/contoso", "1"); }));
  ASSERT_TRUE(write([](Tx &tx) { return tx.put_meta("halt/contoso", "2"); }));
  EXPECT_EQ(*read([](Tx &tx) { return tx.get_meta("halt/contoso"); }), "2");
  ASSERT_TRUE(write([](Tx &tx) { return tx.erase_meta("halt/contoso"); }));
  EXPECT_FALSE(*read([](Tx &tx) { return tx.get_meta("halt/contoso"); }));
}

TEST_F(LedgerTest, AStoppedLedgerFinishesWhatItHasAndRefusesTheRest) {
  std::vector<std::thread> writers;
  std::atomic<int> written = 0;
  std::atomic<int> refused = 0;
  for (int i = 0; i < 4; ++i)
    writers.emplace_back([&] {
      for (;;) {
        const auto done = append("x", Durability::Process);
        if (!done) {
          EXPECT_EQ(done.error().status, Status::ShuttingDown);
          ++refused;
          return;
        }
        ++written;
      }
    });
  while (written < 50) std::this_thread::yield();
  ledger_->stop();
  ledger_->stop();
  for (std::thread &writer : writers) writer.join();
  EXPECT_EQ(refused, 4);
  close();
  open();
  EXPECT_EQ(static_cast<int>(events(0, {}, 1'000'000).size()), written);
}

TEST_F(LedgerTest, AFileOfANewerReleaseOrAnotherProgramIsRefused) {
  close();
  RawFile(directory_.state_dir()).run("UPDATE meta SET value = '99' WHERE name = 'min_writer'");
  auto newer = Ledger::open(directory_.state_dir(), clock_, random_);
  ASSERT_FALSE(newer);
  EXPECT_THAT(newer.error().message, HasSubstr("newer release"));
  RawFile(directory_.state_dir()).run("PRAGMA application_id = 7");
  auto foreign = Ledger::open(directory_.state_dir(), clock_, random_);
  ASSERT_FALSE(foreign);
  EXPECT_THAT(foreign.error().message, HasSubstr("not a ledger of Cordon"));
}

TEST_F(LedgerTest, TheFileIsForItsOwnerAlone) {
  for (const char *name : {"ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.head", "ledger.lock"}) {
    const auto mode = std::filesystem::status(directory_.state_dir() + "/" + name).permissions();
    EXPECT_EQ(mode, std::filesystem::perms(0600)) << name;
  }
  close();
  std::filesystem::permissions(directory_.state_dir() + "/ledger.db", std::filesystem::perms(0644));
  EXPECT_THAT(Ledger::open(directory_.state_dir(), clock_, random_).error().message, HasSubstr("open to others"));
}

TEST_F(LedgerTest, AnotherProgramsShortLockIsWaitedFor) {
  RawFile other(directory_.state_dir());
  other.run("BEGIN IMMEDIATE");
  std::atomic<bool> done = false;
  std::thread writer([&] {
    EXPECT_EQ(append("x"), 1);
    done = true;
  });
  // Long enough for the writer to meet the lock; if it comes later, it just has an easier life.
  for (const auto end = std::chrono::steady_clock::now() + milliseconds(50); std::chrono::steady_clock::now() < end;)
    std::this_thread::yield();
  EXPECT_FALSE(done);
  other.run("COMMIT");
  writer.join();
}

// Coroutines on the loop.

class LedgerLoopTest : public LedgerTest {
 protected:
  void SetUp() override {
    LedgerTest::SetUp();
    ledger_->attach(loop_.scheduler());
  }
  void TearDown() override { ledger_->stop(); }
  TestLoop loop_{clock_};
};

loop::Task<void> put_in_order(Ledger &ledger, std::string name, std::vector<std::string> &log) {
  for (int i = 0; i < 20; ++i) {
    // The capture must live in the closure: a text long enough to be on the heap.
    const std::string text = name + " of a text that does not fit into a small string " + std::to_string(i);
    const auto write = [text](Tx &tx) { return tx.append(record(text)); };
    auto done = co_await ledger.run(i % 2 == 0 ? Durability::Full : Durability::Process, write);
    EXPECT_TRUE(done) << done.error().message;
    auto found = co_await ledger.run(Durability::Read, [sequence = done.value_or(1)](Tx &tx) {
      return tx.events_after(sequence - 1, EventFilter(), 1);
    });
    EXPECT_TRUE(found && found->size() == 1 && (*found)[0].body["text"] == text);
  }
  log.push_back(name);
}

TEST_F(LedgerLoopTest, CoroutinesSeeWhatTheyWroteAndAllGetOn) {
  std::vector<std::string> log;
  for (int i = 0; i < 16; ++i) loop_.scheduler().spawn(put_in_order(*ledger_, "writer " + std::to_string(i), log));
  loop_.run_until_idle();
  EXPECT_EQ(log.size(), 16u);
  EXPECT_EQ(events(0, {}, 10'000).size(), 320u);
  EXPECT_TRUE(ledger_->verify_blocking()->intact());
}

loop::Task<void> one_of_a_batch(Ledger &ledger, int number, std::vector<int> &failed) {
  auto done = co_await ledger.run(Durability::Full, [number](Tx &tx) -> Result<void> {
    if (auto put = tx.put_meta("n" + std::to_string(number), "x"); !put) return put;
    if (auto appended = tx.append(record(std::to_string(number))); !appended) return tl::unexpected(appended.error());
    if (number % 3 == 0) return fail(Status::RefusedByPolicy, "not this one");
    return {};
  });
  if (!done) failed.push_back(number);
}

TEST_F(LedgerLoopTest, AnErrorTakesBackTheWritesOfItsOwnClosureAlone) {
  std::vector<int> failed;
  for (int i = 0; i < 10; ++i) loop_.scheduler().spawn(one_of_a_batch(*ledger_, i, failed));
  loop_.run_until_idle();
  EXPECT_THAT(failed, ElementsAre(0, 3, 6, 9));
  for (int i = 0; i < 10; ++i) {
    const auto found = read([i](Tx &tx) { return tx.get_meta("n" + std::to_string(i)); });
    EXPECT_EQ(found->has_value(), i % 3 != 0) << i;
  }
  EXPECT_EQ(events().size(), 6u);
  EXPECT_TRUE(ledger_->verify_blocking()->intact());
}

TEST_F(LedgerLoopTest, EveryCommitThatAppendsIsToldWithTheNewestSequenceOnTheLoop) {
  std::vector<std::int64_t> told;
  const auto loop_thread = std::this_thread::get_id();
  ledger_->set_on_append([&](std::int64_t newest) {
    EXPECT_EQ(std::this_thread::get_id(), loop_thread);
    told.push_back(newest);
  });
  ASSERT_EQ(append("by a blocking caller"), 1);
  loop_.run_until([&] { return !told.empty(); });
  EXPECT_THAT(told, ElementsAre(1));
  std::vector<int> failed;
  loop_.scheduler().spawn(one_of_a_batch(*ledger_, 1, failed));
  loop_.run_until_idle();
  EXPECT_THAT(told, ElementsAre(1, 2));
  loop_.scheduler().spawn(one_of_a_batch(*ledger_, 3, failed));
  loop_.run_until_idle();
  ASSERT_TRUE(write([](Tx &tx) { return tx.put_meta("a", "b"); }));
  loop_.scheduler().run_due();
  EXPECT_THAT(told, ElementsAre(1, 2)) << "nothing was appended since";
}

TEST_F(LedgerLoopTest, AStoppedLedgerAnswersCoroutinesAtOnce) {
  ledger_->stop();
  std::vector<int> failed;
  loop_.scheduler().spawn(one_of_a_batch(*ledger_, 1, failed));
  EXPECT_THAT(failed, ElementsAre(1));
}

loop::Task<void> expect_throw(Ledger &ledger, bool &thrown) {
  try {
    auto done = co_await ledger.run(Durability::Read, [](Tx &) -> Result<void> { throw std::logic_error("x"); });
  } catch (const std::logic_error &) {
    thrown = true;
  }
}

TEST_F(LedgerLoopTest, WhatAClosureThrowsReachesTheCoroutine) {
  bool thrown = false;
  loop_.scheduler().spawn(expect_throw(*ledger_, thrown));
  loop_.run_until_idle();
  EXPECT_TRUE(thrown);
}

TEST_F(LedgerLoopTest, ACoroutineDestroyedWhileItWaitsIsForgotten) {
  std::vector<int> failed;
  {
    TestLoop short_lived(clock_);
    ledger_->attach(short_lived.scheduler());
    for (int i = 1; i < 50; ++i) short_lived.scheduler().spawn(one_of_a_batch(*ledger_, i, failed));
    ledger_->stop();
  }
  EXPECT_TRUE(failed.empty());
  close();
  open();
  EXPECT_EQ(events().size(), 33u) << "what was submitted is done all the same";
}

}  // namespace
}  // namespace cordon::ledger::test
