#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>

#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "ledger_fixture.hpp"

namespace cordon::ledger::test {
namespace {

class DurabilityTest : public LedgerTest {
 protected:
  void SetUp() override {}

  static constexpr int kWriters = 8;
  /// A child whose threads append and say each number once it was promised to be durable.
  pid_t start_writers(int pipe_end) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    auto opened = Ledger::open(directory_.state_dir(), clock_, random_);
    if (!opened || !(*opened)->use_key(Secret(std::string(32, 'k')), "vault-1")) ::_exit(1);
    Ledger &ledger = **opened;
    std::vector<std::thread> writers;
    for (int thread = 0; thread < kWriters; ++thread)
      writers.emplace_back([&ledger, pipe_end, thread] {
        const Durability durability = thread % 2 == 0 ? Durability::Full : Durability::Process;
        for (;;) {
          const auto sequence = ledger.run_blocking(durability, [](Tx &tx) { return tx.append(record("x")); });
          const std::int64_t number = sequence.value_or(-1);
          if (::write(pipe_end, &number, sizeof number) != sizeof number || number < 0) ::_exit(1);
        }
      });
    for (std::thread &writer : writers) writer.join();
    ::_exit(1);
  }
};

TEST_F(DurabilityTest, AKilledProcessLosesNothingThatWasCommittedAndLeavesAChainThatHolds) {
  std::int64_t newest = 0;
  for (int round = 0; round < 6; ++round) {
    int fds[2];
    ASSERT_EQ(::pipe2(fds, O_CLOEXEC), 0);
    const pid_t child = start_writers(fds[1]);
    ::close(fds[1]);
    std::set<std::int64_t> promised;
    std::int64_t number = 0;
    while (::read(fds[0], &number, sizeof number) == sizeof number) {
      ASSERT_GT(number, 0);
      ASSERT_TRUE(promised.insert(number).second) << "one sequence, one record";
      if (promised.size() == static_cast<std::size_t>(50 + 97 * round)) ::kill(child, SIGKILL);
    }
    ::close(fds[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

    open();
    EXPECT_EQ(ledger_->damage(), "");
    const auto report = ledger_->verify_blocking();
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->intact()) << report->damage;
    EXPECT_GE(report->records, *promised.rbegin());
    EXPECT_GT(*promised.begin(), newest) << "the sequence goes on where it was";
    EXPECT_LE(*promised.begin(), newest + kWriters) << "but for those that died before they could say theirs";
    newest = report->records;
    close();
  }
}

/// The calls that strace counted; −1 if it can't trace here.
int synced(const std::string &state_dir, int writers, int commits) {
  const std::string counts = state_dir + ".strace";
  // The leak checker can't run under a tracer.
  const std::string command =
      fmt::format("ASAN_OPTIONS=detect_leaks=0 strace -f -o {} -e trace=fsync,fdatasync {} {} {} {} 2>/dev/null",
                  counts, LEDGER_LOAD_BINARY, state_dir, writers, commits);
  if (std::system("strace -o /dev/null true 2>/dev/null") != 0) return -1;
  if (std::system(command.c_str()) != 0) throw std::runtime_error("ledger_load failed");
  std::ifstream lines(counts);
  int count = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("sync(") != std::string::npos) ++count;
  }
  return count;
}

TEST_F(DurabilityTest, TheWriteAheadLogIsCopiedBackAndDoesNotGrowWithoutBound) {
  open();
  for (int i = 0; i < 2500; ++i) ASSERT_TRUE(append(std::string(12'000, 'x'), Durability::Process));
  const std::string path = directory_.state_dir();
  EXPECT_GT(std::filesystem::file_size(path + "/ledger.db"), 10'000'000u);
  EXPECT_LT(std::filesystem::file_size(path + "/ledger.db-wal"), 20'000'000u);
}

class SyncCountTest : public ::testing::Test {
 protected:
  TempDir directory_;
};

TEST_F(SyncCountTest, ALoneFullCommitSyncsOnceAndManyAtOnceShare) {
  // What opening, making the key and closing cost besides is taken off by comparing two lengths.
  const int few = synced(directory_.path() + "/a", 1, 20);
  if (few < 0) GTEST_SKIP() << "strace can't trace here";
  const int many = synced(directory_.path() + "/b", 1, 220);
  EXPECT_EQ(many - few, 200) << "one sync for each lone commit";
  const int few_at_once = synced(directory_.path() + "/c", 64, 2);
  const int many_at_once = synced(directory_.path() + "/d", 64, 12);
  EXPECT_LE(many_at_once - few_at_once, 640 / 8);
  EXPECT_GE(many_at_once, 12) << "each round of 64 waits for a sync of its own";
}

}  // namespace
}  // namespace cordon::ledger::test
