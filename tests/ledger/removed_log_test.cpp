#include <cstdlib>

#include "ledger_fixture.hpp"

namespace cordon::ledger::test {
namespace {

/// The write-ahead log goes away under a client, as when another program that knows nothing of Cordon was the last one
/// to close the ledger.
class RemovedLogTest : public LedgerTest {
 protected:
  void SetUp() override { open_with_wrap_of_ledger_load(); }

  void open_with_wrap_of_ledger_load() {
    open_without_key();
    ASSERT_TRUE(ledger_->use_key(Secret(std::string(32, 'k')), "load"));
  }
  void remove_log() {
    RawFile(directory_.state_dir()).run("PRAGMA wal_checkpoint(TRUNCATE)");
    for (const char *file : {"/ledger.db-wal", "/ledger.db-shm"})
      ASSERT_TRUE(std::filesystem::remove(directory_.state_dir() + file));
  }
  /// In a process of its own, for SQLite would share what it knows of the file.
  int another_client_appends(int records) {
    return std::system(fmt::format("{} {} 1 {}", LEDGER_LOAD_BINARY, directory_.state_dir(), records).c_str());
  }
};

TEST_F(RemovedLogTest, AnotherClientsLogOutlivesTheEndOfOneThatHasLostItsOwn) {
  ASSERT_TRUE(append("before"));
  remove_log();
  ASSERT_EQ(another_client_appends(5), 0);
  const auto refused = append("nobody would find it again");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, Status::Ledger);
  close();
  open_with_wrap_of_ledger_load();
  EXPECT_EQ(events().size(), 6u);
  const auto report = ledger_->verify_blocking();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->damage, "");
}

}  // namespace
}  // namespace cordon::ledger::test
