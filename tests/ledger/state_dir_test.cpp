#include "ledger/state_dir.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <fstream>

#include "ledger_fixture.hpp"
#include "support/child.hpp"

namespace cordon::ledger::test {
namespace {

using cordon::test::in_child;

using ::testing::HasSubstr;

class StateDirTest : public ::testing::Test {
 protected:
  auto open() { return StateDir::open(directory_.state_dir(), random_); }
  std::string refusal() {
    const auto opened = open();
    if (opened) return "opened";
    EXPECT_EQ(opened.error().status, Status::Ledger);
    EXPECT_THAT(opened.error().message, HasSubstr(directory_.state_dir()));
    return opened.error().message;
  }
  TempDir directory_;
  SystemRandom random_;
};

TEST_F(StateDirTest, IsMadeForItsOwnerAlone) {
  ASSERT_TRUE(open());
  struct stat status {};
  ASSERT_EQ(::stat(directory_.state_dir().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700u);
}

TEST_F(StateDirTest, ASecondClientIsRefusedUntilTheFirstIsGone) {
  auto first = open();
  ASSERT_TRUE(first);
  EXPECT_THAT(refusal(), HasSubstr("is in use by another client"));
  EXPECT_TRUE((*first)->is_owner_alive((*first)->owner()));
  first->reset();
  EXPECT_TRUE(open());
}

TEST_F(StateDirTest, AnotherProcessIsRefusedWhileTheFirstLivesEvenStopped) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto held = StateDir::open(directory_.state_dir(), random_);
    const ssize_t sent = ::write(ready[1], held ? (*held)->owner().data() : "", held ? 36 : 0);
    ::raise(SIGSTOP);
    ::_exit(sent == 36 ? 0 : 1);
  }
  ::close(ready[1]);
  std::string owner(36, ' ');
  ASSERT_EQ(::read(ready[0], owner.data(), owner.size()), 36);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, WUNTRACED), child);
  ASSERT_TRUE(WIFSTOPPED(status));
  EXPECT_THAT(refusal(), HasSubstr("is in use by another client"));
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  ::close(ready[0]);
  EXPECT_TRUE(std::filesystem::exists(directory_.state_dir() + "/owners/" + owner)) << "death removes no file";
  auto next = open();
  ASSERT_TRUE(next);
  EXPECT_FALSE((*next)->is_owner_alive(owner));
  EXPECT_FALSE(std::filesystem::exists(directory_.state_dir() + "/owners/" + owner))
      << "the next client clears it away";
}

TEST_F(StateDirTest, AForkedChildThatClosedTheLocksDoesNotHoldTheDirectory) {
  auto held = open();
  ASSERT_TRUE(held);
  int alive[2];
  int closed[2];
  ASSERT_EQ(::pipe(alive), 0);
  ASSERT_EQ(::pipe(closed), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(alive[1]);
    (*held)->close_after_fork();
    const ssize_t sent = ::write(closed[1], "c", 1);
    char end = 0;
    const ssize_t got = ::read(alive[0], &end, 1);  // until the parent is done
    ::_exit(sent == 1 && got == 0 ? 0 : 1);
  }
  ::close(alive[0]);
  char done = 0;
  ASSERT_EQ(::read(closed[0], &done, 1), 1);
  EXPECT_THAT(refusal(), HasSubstr("is in use")) << "the parent's lock is its own";
  held->reset();
  EXPECT_TRUE(open()) << "the child lives and holds nothing";
  ::close(alive[1]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  ::close(closed[0]);
  ::close(closed[1]);
}

TEST_F(StateDirTest, ADirectoryOpenToOthersIsRefusedWithTheCommandThatHelps) {
  ASSERT_TRUE(open());
  for (const mode_t mode : {0770u, 0702u, 0777u}) {
    ::chmod(directory_.state_dir().c_str(), mode);
    EXPECT_THAT(refusal(), HasSubstr("chmod 0700"));
  }
  ::chmod(directory_.state_dir().c_str(), 0750);
  EXPECT_TRUE(open());
}

TEST_F(StateDirTest, SomebodyElsesDirectoryAndWhatIsNoneAreRefused) {
  std::ofstream(directory_.state_dir()) << "a file";
  EXPECT_THAT(refusal(), HasSubstr("is not a directory"));
  std::filesystem::remove(directory_.state_dir());
  if (::geteuid() == 0) {
    ::mkdir(directory_.state_dir().c_str(), 0700);
    ASSERT_EQ(::chown(directory_.state_dir().c_str(), 65534, 65534), 0);
    EXPECT_THAT(refusal(), HasSubstr("belongs to user 65534"));
  }
  EXPECT_EQ(StateDir::open("relative", random_).error().pointer, "/state_dir");
  EXPECT_EQ(StateDir::open("", random_).error().status, Status::InvalidArgument);
  EXPECT_THAT(StateDir::open(directory_.path() + "/no/parent", random_).error().message, HasSubstr("can't be made"));
}

TEST_F(StateDirTest, OnlyFileSystemsKnownToKeepLocksAreFit) {
  for (const long fit : {0xef53L, 0x58465342L, 0x9123683eL, 0x2fc12fc1L, 0x794c7630L, 0x01021994L})
    EXPECT_EQ(unfit_file_system(fit), nullptr) << std::hex << fit;
  EXPECT_THAT(unfit_file_system(0x6969), HasSubstr("NFS"));
  EXPECT_THAT(unfit_file_system(0xff534d42L), HasSubstr("CIFS"));
  EXPECT_THAT(unfit_file_system(static_cast<int>(0xfe534d42)), HasSubstr("SMB")) << "a type of 32 bits, sign-extended";
  EXPECT_THAT(unfit_file_system(0x01021997), HasSubstr("9p"));
  EXPECT_THAT(unfit_file_system(0x65735546), HasSubstr("FUSE"));
  EXPECT_NE(unfit_file_system(0x12345678), nullptr);
  struct statfs system {};
  ASSERT_EQ(::statfs("/proc", &system), 0);
  EXPECT_NE(unfit_file_system(static_cast<long>(system.f_type)), nullptr);
}

}  // namespace
}  // namespace cordon::ledger::test
