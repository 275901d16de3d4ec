#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <fstream>

#include "ledger_fixture.hpp"
#include "support/child.hpp"

namespace cordon::ledger::test {
namespace {

using cordon::test::in_child;

using ::testing::HasSubstr;

class FailureTest : public LedgerTest {
 protected:
  void SetUp() override {}

  /// Appends until it fails; the error's text, then whether the ledger recovers once `make_room` was called.
  std::string fill(const std::function<void()> &make_room) {
    open();
    if (::testing::Test::HasFatalFailure()) return "could not be opened";
    const std::string padding(20'000, 'x');
    Result<std::int64_t> done = 0;
    std::int64_t good = 0;
    for (int i = 0; i < 2000 && done; ++i)
      if (done = append(padding); done) good = *done;
    if (done) return "never full";
    const std::string again = append(padding) ? "" : " (refused again)";
    const std::size_t readable = events(0, {}, 10'000).size();
    make_room();
    const auto after = append("with room again");
    const auto report = ledger_->verify_blocking();
    close();
    return fmt::format("{} {}{}; readable {}; after {}; intact {}", status_name(done.error().status),
                       done.error().message, again, readable == static_cast<std::size_t>(good),
                       after && *after == good + 1, report && report->intact());
  }

  void expect_full(const std::string &said) {
    EXPECT_THAT(said, HasSubstr("CORDON_E_LEDGER"));
    EXPECT_THAT(said, HasSubstr(directory_.state_dir() + "/ledger.db"));
    EXPECT_THAT(said, HasSubstr("no space is left"));
    EXPECT_THAT(said, HasSubstr("(refused again); readable true; after true; intact true")) << said;
  }
};

TEST_F(FailureTest, AFullDiskFailsTheCommitLosesNothingAndIsRecoveredFrom) {
  const std::string said = in_child([&]() -> std::string {
    const std::string disk = directory_.path();
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("small", disk.c_str(), "tmpfs", 0, "size=4m,mode=0700") != 0)
      return "no mount";
    std::ofstream(disk + "/ballast") << std::string(1 << 20, 'b');
    return fill([&] { std::filesystem::remove(disk + "/ballast"); });
  });
  if (said == "no mount") GTEST_SKIP() << "mounting a small disk needs privileges";
  expect_full(said);
}

TEST_F(FailureTest, AReachedFileSizeLimitIsReportedLikeAFullDisk) {
  expect_full(in_child([&]() -> std::string {
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    const rlimit before = limit;
    limit.rlim_cur = 2 << 20;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    return fill([&] { ::setrlimit(RLIMIT_FSIZE, &before); });
  }));
}

TEST_F(FailureTest, AReadOnlyDirectoryIsRefusedWithItsNameAndARemedy) {
  const std::string said = in_child([&]() -> std::string {
    if (::geteuid() == 0) {
      if (::chown(directory_.path().c_str(), 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0)
        return "can't become another user";
    }
    open();
    close();
    ::chmod(directory_.state_dir().c_str(), 0500);
    const auto opened = Ledger::open(directory_.state_dir(), clock_, random_);
    ::chmod(directory_.state_dir().c_str(), 0700);
    ::chmod((directory_.state_dir() + "/ledger.db").c_str(), 0400);
    const auto read_only = Ledger::open(directory_.state_dir(), clock_, random_);
    return (opened ? "opened" : opened.error().message) + " / " + (read_only ? "opened" : read_only.error().message);
  });
  const std::string expected = "the ledger " + directory_.state_dir() +
                               "/ledger.db can't be used: it is read-only for this process; give its user write access "
                               "to the directory and all files in it";
  EXPECT_EQ(said, expected + " / " + expected);
}

TEST_F(FailureTest, AFileThatIsNoDatabaseIsReportedAsDamaged) {
  open();
  close();
  std::fstream(directory_.state_dir() + "/ledger.db", std::ios::in | std::ios::out | std::ios::binary)
      << std::string(200, 'z');
  const auto opened = Ledger::open(directory_.state_dir(), clock_, random_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().status, Status::Ledger);
  EXPECT_THAT(opened.error().message, HasSubstr(directory_.state_dir() + "/ledger.db"));
  EXPECT_THAT(opened.error().message, HasSubstr("damaged"));
  EXPECT_THAT(opened.error().message, HasSubstr("backup"));
}

TEST_F(FailureTest, DamagedPagesFailWhoeverReadsThemAndNobodyDies) {
  open();
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(append(std::string(1000, 'x'), Durability::Process));
  close();
  const std::string path = directory_.state_dir() + "/ledger.db";
  const auto size = std::filesystem::file_size(path);
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    for (std::uintmax_t page = 20 * 4096; page + 4096 <= size; page += 4096) {
      file.seekp(static_cast<std::streamoff>(page));
      file << std::string(64, '\xee');
    }
  }
  auto opened = Ledger::open(directory_.state_dir(), clock_, random_);
  if (!opened) {
    EXPECT_EQ(opened.error().status, Status::Ledger);
    return;
  }
  ledger_ = std::move(*opened);
  const auto found = read([](Tx &tx) { return tx.events_after(0, EventFilter(), 1000); });
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().status, Status::Ledger);
  EXPECT_THAT(found.error().message, HasSubstr("damaged"));
  const auto check = ledger_->check_storage();
  if (check) {
    EXPECT_FALSE(check->empty());
  }
}

TEST_F(FailureTest, ASoundStorageHasNoFindings) {
  open();
  ASSERT_TRUE(append("x"));
  EXPECT_EQ(*ledger_->check_storage(), std::vector<std::string>());
}

TEST_F(FailureTest, AStorageErrorThatAClosureSwallowsFailsItAllTheSame) {
  open();
  RawFile(directory_.state_dir()).run("DROP TABLE tokens");
  const auto done = write([](Tx &tx) -> Result<void> {
    if (auto put = tx.put_meta("a", "b"); !put) return put;
    (void)tx.put_token("t", TokenRow("x", UtcTicks()));
    return {};
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().status, Status::Ledger);
  EXPECT_FALSE(*read([](Tx &tx) { return tx.get_meta("a"); }));
}

}  // namespace
}  // namespace cordon::ledger::test
