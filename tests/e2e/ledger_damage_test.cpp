#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "e2e/host.hpp"
#include "e2e/slow_disk.hpp"
#include "e2e/tamper.hpp"

namespace cordon::test {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

/// A ledger that was deleted, cut, changed or slowed down: an error that names it and the remedy, never a crash, and
/// nothing is sent that may have been sent before.
class LedgerDamage : public EmulatorTest {
 protected:
  std::string state_dir() const { return config["state_dir"]; }
  std::string file() const { return state_dir() + "/ledger.db"; }

  /// A request that waits for its secret, of a client that is gone.
  std::string leave_queued() {
    Host host(config);
    EXPECT_EQ(host.opened().status, CORDON_OK) << host.opened().message();
    const Reply submitted = host.submit("restrict_code_execution", {{"machine_id", machine()}, {"comment", "c"}});
    EXPECT_EQ(submitted.status, CORDON_OK) << submitted.message();
    EXPECT_EQ(host.shutdown().status, CORDON_OK);
    return submitted.text;
  }
  /// Whoever opens the ledger now looks for it and does not send it.
  void expect_looked_for(const std::string &id) {
    const auto host = open();
    const Reply found = host->poll(id, 5'000);
    EXPECT_EQ(found.status, CORDON_E_OUTCOME_UNKNOWN) << found.text << found.message();
    EXPECT_EQ(host->poll(id, 0).status, CORDON_E_OUTCOME_UNKNOWN);
    EXPECT_EQ(emulator.posts(), 0);
    EXPECT_EQ(emulator.actions().size(), 0u);
    EXPECT_EQ(host->restrict_device(machine(1), "another", {{"until", "finished"}}).status, CORDON_OK)
        << "what comes now is served";
  }
  void expect_ledger_error(const Reply &reply) {
    EXPECT_EQ(reply.status, CORDON_E_LEDGER) << reply.message();
    EXPECT_THAT(reply.message(), HasSubstr(file()));
    EXPECT_THAT(reply.message(), AnyOf(HasSubstr("backup"), HasSubstr("access rights"), HasSubstr("move")));
  }
  void use_once() {
    const auto host = open();
    ASSERT_EQ(host->restrict_device(machine(), "c", {{"until", "finished"}}).status, CORDON_OK);
  }
};

TEST_F(LedgerDamage, AnUndamagedLedgerSendsWhatWasQueued) {
  const std::string id = leave_queued();
  const auto host = open();
  EXPECT_EQ(host->poll(id, 60'000).status, CORDON_OK);
  EXPECT_EQ(emulator.posts(), 1);
}

TEST_F(LedgerDamage, ARequestWhoseRecordWasChangedIsLookedForAndNotSent) {
  const std::string id = leave_queued();
  tamper(state_dir(), "UPDATE journal SET body = replace(body, 'queued', 'Queued') WHERE request_id <> ''");
  expect_looked_for(id);
}

TEST_F(LedgerDamage, ARequestWhoseRowWasChangedIsLookedForAndNotSent) {
  const std::string id = leave_queued();
  tamper(state_dir(), "UPDATE requests SET machine_id = 'ffffffffffffffffffffffffffffffffffffffff'");
  const auto host = open();
  EXPECT_EQ(host->poll(id, 0).status, CORDON_E_OUTCOME_UNKNOWN);
  EXPECT_EQ(emulator.posts(), 0);
}

TEST_F(LedgerDamage, NothingThatACutJournalLeftQueuedIsSent) {
  const std::string id = leave_queued();
  tamper(state_dir(),
         "DELETE FROM journal WHERE sequence = (SELECT max(sequence) FROM journal);"
         "DELETE FROM journal WHERE sequence = (SELECT max(sequence) FROM journal)");
  expect_looked_for(id);
}

TEST_F(LedgerDamage, ADeletedLedgerIsBegunAnewAndAnOpenOneGoesOnOrSaysSo) {
  use_once();
  fs::remove_all(state_dir());
  const auto host = open();
  EXPECT_EQ(host->restrict_device(machine(1), "c", {{"until", "finished"}}).status, CORDON_OK);
  for (const char *name : {"ledger.db", "ledger.db-wal", "ledger.db-shm"}) fs::remove(state_dir() + "/" + name);
  const Reply after = host->restrict_device(machine(2), "c", nullptr, 20'000);
  if (after.status < 0) {
    EXPECT_EQ(after.status, CORDON_E_LEDGER) << after.message();
    EXPECT_EQ(emulator.post_count("restrictCodeExecution"), 2);
  }
  EXPECT_EQ(host->shutdown().status, CORDON_OK);
}

TEST_F(LedgerDamage, AFileThatWasCutOrReplacedOrOverwrittenIsRefusedByName) {
  use_once();
  const std::string kept = (emulator.directory() / "kept.db").string();
  fs::copy_file(file(), kept);
  const auto size = fs::file_size(file());
  const long posts = emulator.posts();
  const auto restore = [&] { fs::copy_file(kept, file(), fs::copy_options::overwrite_existing); };
  const std::vector<std::function<void()>> harms = {
      [&] { fs::resize_file(file(), size / 2 / 4096 * 4096); },
      [&] { fs::resize_file(file(), 100); },
      [&] { std::ofstream(file(), std::ios::binary | std::ios::trunc) << std::string(50'000, '\x5a'); },
      [&] {
        std::fstream out(file(), std::ios::in | std::ios::out | std::ios::binary);
        for (std::uintmax_t page = 4096; page + 4096 <= size; page += 4096) {
          out.seekp(static_cast<std::streamoff>(page));
          out << std::string(200, '\xff');
        }
      },
  };
  for (std::size_t i = 0; i < harms.size(); ++i) {
    harms[i]();
    Host host(config);
    if (host.opened().status == CORDON_OK) {
      host.set_secret("emulator-app", emulator.ready()["client_secret"]);
      expect_ledger_error(host.restrict_device(machine(1), "c"));
    } else {
      expect_ledger_error(host.opened());
    }
    EXPECT_EQ(emulator.posts(), posts) << "harm " << i;
    restore();
  }
}

TEST_F(LedgerDamage, EveryFlippedBitIsSurvived) {
  use_once();
  const std::string kept = (emulator.directory() / "kept.db").string();
  fs::copy_file(file(), kept);
  const auto size = fs::file_size(file());
  const long posts = emulator.posts();
  constexpr std::uintmax_t kFlips = 60;
  int noticed = 0;
  for (std::uintmax_t i = 0; i < kFlips; ++i) {
    fs::copy_file(kept, file(), fs::copy_options::overwrite_existing);
    std::fstream out(file(), std::ios::in | std::ios::out | std::ios::binary);
    const auto place = static_cast<std::streamoff>(i * (size / kFlips) + i % 97);
    out.seekg(place);
    const auto byte = static_cast<char>(out.get() ^ (1 << i % 8));
    out.seekp(place);
    out.put(byte);
    out.close();
    Host host(config);
    if (host.opened().status != CORDON_OK) {
      EXPECT_THAT(host.opened().status, AnyOf(CORDON_E_LEDGER, CORDON_E_VAULT_WRONG_KEY)) << host.opened().message();
      ++noticed;
      continue;
    }
    const Reply checked = host.call("ledger_check");
    if (checked.status != CORDON_OK || checked.document["intact"] == false) ++noticed;
    (void)host.call("list_requests");
    (void)host.next_event(0, {{"after", 0}, {"scope", "all"}});
  }
  EXPECT_GT(noticed, 0);
  EXPECT_EQ(emulator.posts(), posts) << "nothing was sent again";
}

TEST_F(LedgerDamage, ANewerLedgerIsRefusedAndOneThatOnlyGrewIsUsed) {
  use_once();
  tamper(state_dir(), "UPDATE meta SET value = '99' WHERE name = 'schema'; ALTER TABLE requests ADD COLUMN more TEXT");
  EXPECT_EQ(open()->restrict_device(machine(1), "c", {{"until", "finished"}}).status, CORDON_OK);
  tamper(state_dir(), "UPDATE meta SET value = '99' WHERE name = 'min_writer'");
  const Host host(config);
  EXPECT_EQ(host.opened().status, CORDON_E_LEDGER);
  EXPECT_THAT(host.opened().message(), HasSubstr("newer release"));
  EXPECT_THAT(host.opened().message(), HasSubstr(file()));
}

TEST_F(LedgerDamage, OnASlowDiskNothingIsSentBeforeItsIntentIsDurable) {
  SlowDisk disk;
  const auto host = open();
  ASSERT_EQ(host->restrict_device(machine(), "a token is at hand now", {{"until", "finished"}}).status, CORDON_OK);
  disk.close_gate();
  Reply done;
  std::thread caller([&] { done = host->restrict_device(machine(1), "c", {{"until", "finished"}}, 60'000); });
  disk.wait_for_sync();
  EXPECT_EQ(emulator.post_count("restrictCodeExecution"), 1);
  disk.open_gate();
  caller.join();
  EXPECT_EQ(done.status, CORDON_OK) << done.message();
  EXPECT_EQ(emulator.post_count("restrictCodeExecution"), 2);
}

TEST_F(LedgerDamage, OnAStalledDiskACallKeepsItsDeadlineAndNothingIsSentLater) {
  SlowDisk disk;
  const auto host = open();
  ASSERT_EQ(host->restrict_device(machine(), "a token is at hand now", {{"until", "finished"}}).status, CORDON_OK);
  disk.close_gate();
  std::atomic<bool> returned = false;
  Reply refused;
  std::thread caller([&] {
    refused = host->restrict_device(machine(1), "c", nullptr, 300);
    returned = true;
  });
  for (int i = 0; i < 600 && !returned; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_TRUE(returned) << "the call waits for the disk instead of its deadline";
  disk.open_gate();
  caller.join();
  EXPECT_EQ(refused.status, CORDON_E_OUTCOME_UNKNOWN) << "nobody could tell: " << refused.message();
  EXPECT_THAT(refused.message(), HasSubstr("disk"));
  EXPECT_EQ(host->restrict_device(machine(2), "c", {{"until", "finished"}}).status, CORDON_OK);
  EXPECT_EQ(emulator.post_count("restrictCodeExecution"), 2) << "not the one that was given up";
}

}  // namespace
}  // namespace cordon::test
