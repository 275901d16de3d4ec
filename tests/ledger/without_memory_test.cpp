#include <fstream>
#include <new>

#include "ledger/archive.hpp"
#include "ledger/sqlite_store.hpp"
#include "ledger_fixture.hpp"
#include "support/failing_new.hpp"

namespace cordon::ledger::test {
namespace {

using cordon::test::g_allocations_left;

/// Whoever is told that it failed takes a request for unsent that others see as being sent.
TEST(WithoutMemory, WhatIsDurableIsToldAsDone) {
  const TempDir directory;
  const FakeClock clock;
  SystemRandom random;
  Keyring keyring;
  keyring.set(1, Secret(std::string(32, 'k')), false);
  auto peers = StateDir::open(directory.state_dir(), random);
  ASSERT_TRUE(peers) << peers.error().message;
  std::ofstream((*peers)->file("ledger.db")).close();
  auto db = Database::open((*peers)->file("ledger.db"));
  ASSERT_TRUE(db) << db.error().message;
  sqlite3 *const handle = (*db)->handle();
  auto head = HeadFile::open((*peers)->file("ledger.head"));
  ASSERT_TRUE(head) << head.error().message;
  auto store = SqliteStore::open(std::move(*db), std::move(*head), **peers, keyring, clock, random);
  ASSERT_TRUE(store) << store.error().message;

  const auto append = [&] {
    return (*store)
        ->begin(Durability::Full)
        .and_then([&] { return (*store)->enter(true); })
        .and_then([&] { return (*store)->tx().append(record("x")); })
        .and_then([&](std::int64_t) { return (*store)->leave(true); })
        .and_then([&] { return (*store)->commit(); });
  };
  ASSERT_TRUE(append());
  sqlite3_commit_hook(
      handle, [](void *) { return g_allocations_left = 0, 0; }, nullptr);
  bool done = false;
  try {
    done = append().has_value();
  } catch (const std::bad_alloc &) {
  }
  g_allocations_left = -1;
  EXPECT_TRUE(done);
  EXPECT_EQ((*store)->committed_sequence(), 2);
}

/// Or no client would archive anything any more.
TEST(WithoutMemory, AnArchiveThatCouldNotBeOpenedIsNotKeptLocked) {
  const TempDir directory;
  const std::string ledger_id = "ledger";
  const UtcTicks now = FakeClock().utc();
  const auto opens = [&](long allocations) {
    g_allocations_left = allocations;
    bool opened = false;
    try {
      const auto archive = Archive::open(directory.path(), ledger_id, now);
      opened = archive && *archive != nullptr;
    } catch (const std::bad_alloc &) {
    }
    g_allocations_left = -1;
    return opened;
  };
  long allowed = 0;
  for (; allowed < 1000 && !opens(allowed); ++allowed) ASSERT_TRUE(opens(-1)) << "after " << allowed << " allocations";
  EXPECT_GT(allowed, 0);
  EXPECT_LT(allowed, 1000);
}

}  // namespace
}  // namespace cordon::ledger::test
