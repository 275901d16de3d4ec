#include "ledger/state_dir.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

#include "ledger/bell.hpp"
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
  static bool heard(const Bell &bell) {
    pollfd ear{bell.fd(), POLLIN, 0};
    return ::poll(&ear, 1, 0) == 1;
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

TEST_F(StateDirTest, ClientsKnowWhoOfThemLives) {
  auto first = open();
  ASSERT_TRUE(first);
  (*first)->end_opening();
  auto second = open();
  ASSERT_TRUE(second);
  (*second)->end_opening();
  EXPECT_NE((*first)->self(), (*second)->self());
  EXPECT_TRUE((*first)->is_alive((*first)->self()));
  EXPECT_TRUE((*first)->is_alive((*second)->self()));
  const std::string gone = (*second)->self();
  second->reset();
  EXPECT_FALSE((*first)->is_alive(gone));
  EXPECT_FALSE((*first)->is_alive("no name"));
}

TEST_F(StateDirTest, OneClientAtATimeOpensTheLedger) {
  auto first = open();
  ASSERT_TRUE(first);
  std::atomic<bool> opened = false;
  std::thread second([&] { opened = open().has_value(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(opened);
  (*first)->end_opening();
  second.join();
  EXPECT_TRUE(opened);
}

TEST_F(StateDirTest, AStoppedClientLivesAndAKilledOneIsDeadAndHeard) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto held = StateDir::open(directory_.state_dir(), random_);
    if (held) (*held)->end_opening();
    const ssize_t sent = ::write(ready[1], held ? (*held)->self().data() : "", held ? 36 : 0);
    ::raise(SIGSTOP);
    ::_exit(sent == 36 ? 0 : 1);
  }
  ::close(ready[1]);
  std::string owner(36, ' ');
  ASSERT_EQ(::read(ready[0], owner.data(), owner.size()), 36);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, WUNTRACED), child);
  ASSERT_TRUE(WIFSTOPPED(status));
  auto here = open();
  ASSERT_TRUE(here);
  (*here)->end_opening();
  const Bell bell(directory_.state_dir());
  ASSERT_TRUE(bell.listening());
  EXPECT_TRUE((*here)->is_alive(owner));
  EXPECT_FALSE(heard(bell)) << "looking is not heard";
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  ::close(ready[0]);
  EXPECT_TRUE(heard(bell));
  EXPECT_FALSE((*here)->is_alive(owner));
  EXPECT_TRUE(std::filesystem::exists(directory_.state_dir() + "/owners/" + owner)) << "death removes no file";
  auto next = open();
  ASSERT_TRUE(next);
  EXPECT_FALSE(std::filesystem::exists(directory_.state_dir() + "/owners/" + owner))
      << "the next client clears it away";
}

TEST_F(StateDirTest, NewsIsHeardUntilHushed) {
  auto first = open();
  ASSERT_TRUE(first);
  (*first)->end_opening();
  const Bell bell(directory_.state_dir());
  EXPECT_FALSE(heard(bell));
  (*first)->ring();
  EXPECT_TRUE(heard(bell));
  bell.hush();
  EXPECT_FALSE(heard(bell));
}

TEST_F(StateDirTest, AForkedChildThatClosedTheLocksKeepsNobodyAlive) {
  auto watcher = open();
  ASSERT_TRUE(watcher);
  (*watcher)->end_opening();
  auto held = open();
  ASSERT_TRUE(held);
  const std::string name = (*held)->self();
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
  EXPECT_TRUE((*watcher)->is_alive(name)) << "the parent's lock is its own";
  held->reset();
  EXPECT_FALSE((*watcher)->is_alive(name)) << "the child lives and holds nothing";
  ::close(alive[1]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  ::close(closed[0]);
  ::close(closed[1]);
}

TEST_F(StateDirTest, AnotherCopyOfTheLibraryInThisProcessIsRefused) {
  auto first = open();
  ASSERT_TRUE(first);
  (*first)->end_opening();
  std::string text;
  const std::string file = directory_.state_dir() + "/owners/" + (*first)->self();
  std::ifstream(file) >> std::ws &&std::getline(std::ifstream(file), text);
  // What another copy would have written: the same process, another address.
  std::ofstream(file, std::ios::trunc) << text << "\n0x1\n";
  EXPECT_THAT(refusal(), HasSubstr("another copy of libcordon"));
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
