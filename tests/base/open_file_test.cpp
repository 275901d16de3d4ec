#include "base/open_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>

namespace cordon {
namespace {

class OpenFile : public ::testing::Test {
 protected:
  OpenFile() {
    std::string pattern = testing::TempDir() + "/open-file-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  ~OpenFile() override { std::filesystem::remove_all(directory_); }
  std::string path(const char *name) const { return (directory_ / name).string(); }
  static mode_t mode(const std::string &path) {
    struct stat found {};
    return stat(path.c_str(), &found) == 0 ? found.st_mode & 07777 : 0;
  }

  std::filesystem::path directory_;
};

TEST_F(OpenFile, MakesWhatItMakesWithExactlyTheModeWhateverTheUmask) {
  for (const mode_t mask : {0777u, 0u, 022u}) {
    const std::string name = path(("file" + std::to_string(mask)).c_str());
    const mode_t before = umask(mask);
    const int fd = open_file(name, O_RDWR | O_CREAT, 0600);
    const bool made = make_private_directory(name + ".d");
    umask(before);
    ASSERT_GE(fd, 0);
    EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
    EXPECT_TRUE(made);
    EXPECT_EQ(mode(name), 0600u);
    EXPECT_EQ(mode(name + ".d"), 0700u);
  }
}

TEST_F(OpenFile, LeavesADirectoryTheGroupThatItInherits) {
  ASSERT_EQ(chmod(directory_.c_str(), 02700), 0);
  for (const mode_t mask : {0777u, 0u}) {
    const std::string name = path(("inherits" + std::to_string(mask)).c_str());
    const mode_t before = umask(mask);
    const bool made = make_private_directory(name);
    umask(before);
    EXPECT_TRUE(made);
    EXPECT_EQ(mode(name), 02700u);
  }
}

TEST_F(OpenFile, LeavesTheModeOfAFileThatWasThere) {
  close(open(path("there").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0640));
  chmod(path("there").c_str(), 0640);
  close(open_file(path("there"), O_RDWR | O_CREAT, 0600));
  EXPECT_EQ(mode(path("there")), 0640u);
  EXPECT_EQ(open_file(path("there"), O_RDWR | O_CREAT | O_EXCL, 0600), -1);
  EXPECT_EQ(errno, EEXIST);
}

TEST_F(OpenFile, MakesTheFileThatALinkLeadsTo) {
  ASSERT_EQ(symlink(path("target").c_str(), path("link").c_str()), 0);
  const int fd = open_file(path("link"), O_WRONLY | O_CREAT, 0600);
  EXPECT_GE(fd, 0);
  close(fd);
  EXPECT_TRUE(std::filesystem::exists(path("target")));
  EXPECT_EQ(open_file(path("link2"), O_RDONLY), -1);
  EXPECT_EQ(errno, ENOENT);
}

TEST_F(OpenFile, HoldsClosedStandardDescriptorsUntilTheLastWhoWantsThemHeld) {
  const int input = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 50);
  close(STDIN_FILENO);
  std::optional<StandardDescriptorsHeld> first(std::in_place), second(std::in_place);
  EXPECT_NE(fcntl(STDIN_FILENO, F_GETFL) & O_PATH, 0);
  first.reset();
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_GT(fd, STDERR_FILENO);
  close(fd);
  second.reset();
  EXPECT_EQ(fcntl(STDIN_FILENO, F_GETFD), -1);
  {
    const StandardDescriptorsHeld held;
    dup2(input, STDIN_FILENO);  // the host has put its own there
  }
  EXPECT_GE(fcntl(STDIN_FILENO, F_GETFD), 0);
  close(input);
}

}  // namespace
}  // namespace cordon
