#include "base/log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <type_traits>

#include "base/json.hpp"
#include "base/secure.hpp"
#include "support/fake_clock.hpp"

namespace cordon {
namespace {

class LogTest : public testing::Test {
 protected:
  LogTest() {
    char name[] = "/tmp/cordon-log-XXXXXX";
    close(mkstemp(name));
    path_ = name;
  }
  ~LogTest() override { unlink(path_.c_str()); }
  std::string written() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  Log::Settings to_file(LogLevel level) const {
    Log::Settings settings;
    settings.file = path_;
    settings.level = level;
    return settings;
  }
  test::FakeClock clock_;
  std::string path_;
};

TEST_F(LogTest, WritesOneJsonLineOfTimeLevelTextAndFields) {
  auto log = Log::open(to_file(LogLevel::Info), clock_);
  ASSERT_TRUE(log);
  (*log)->write(LogLevel::Warning, "slow answer",
                {{"ms", std::int64_t{7}}, {"host", std::string_view("a\nb\xff")}, {"again", true}});
  const std::string line = written();
  ASSERT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_EQ(*parse_json(line, "log"), (Json{{"time", clock_.utc().str()},
                                            {"level", "warning"},
                                            {"text", "slow answer"},
                                            {"ms", 7},
                                            {"host", "a\nb\xef\xbf\xbd"},
                                            {"again", true}}));
}

TEST_F(LogTest, LeavesOutWhatIsBelowItsLevel) {
  auto log = Log::open(to_file(LogLevel::Warning), clock_);
  ASSERT_TRUE(log);
  (*log)->write(LogLevel::Debug, "no");
  (*log)->write(LogLevel::Info, "no");
  EXPECT_EQ(written(), "");
  (*log)->write(LogLevel::Error, "yes");
  EXPECT_NE(written(), "");
}

TEST_F(LogTest, AFieldCannotPassForTimeLevelOrText) {
  auto log = Log::open(to_file(LogLevel::Info), clock_);
  ASSERT_TRUE(log);
  (*log)->write(LogLevel::Info, "true text",
                {{"text", std::string_view("forged")}, {"level", std::string_view("forged")}});
  const Json line = *parse_json(written(), "log");
  EXPECT_EQ(line["text"], "true text");
  EXPECT_EQ(line["level"], "info");
}

TEST_F(LogTest, AppendsAndMakesAPrivateFile) {
  unlink(path_.c_str());
  for (int i = 0; i < 2; ++i) (*Log::open(to_file(LogLevel::Info), clock_))->write(LogLevel::Info, "line");
  struct stat found {};
  ASSERT_EQ(stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 077, 0u);
  const std::string text = written();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST_F(LogTest, ABorrowedDescriptorStaysOpen) {
  const int fd = open(path_.c_str(), O_WRONLY | O_APPEND);
  Log::Settings settings;
  settings.fd = fd;
  (*Log::open(settings, clock_))->write(LogLevel::Info, "line");
  EXPECT_EQ(fcntl(fd, F_GETFD), 0);
  close(fd);
  EXPECT_NE(written(), "");
}

TEST_F(LogTest, AFileThatCantBeOpenedIsNamedByItsConfigKey) {
  Log::Settings settings;
  settings.file = path_ + "/none";
  const auto log = Log::open(settings, clock_);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().pointer, "/log/file");
}

TEST_F(LogTest, WithoutATargetItIsSilent) {
  Log().write(LogLevel::Error, "nowhere");
  EXPECT_EQ(written(), "");
}

// What can be logged is a list of plain types; a secret, a document or an error is none of them.
static_assert(!std::is_constructible_v<Log::Field, const char *, const Secret &>);
static_assert(!std::is_constructible_v<Log::Field, const char *, const SecureString &>);
static_assert(!std::is_constructible_v<Log::Field, const char *, const SecureJson &>);
static_assert(!std::is_constructible_v<Log::Field, const char *, const Json &>);
static_assert(!std::is_constructible_v<Log::Field, const char *, const Error &>);
static_assert(std::is_constructible_v<Log::Field, const char *, const std::string &>);

TEST_F(LogTest, ALiteralIsTextAndNotAFlag) {
  const Log::Field field("host", "a");
  EXPECT_EQ(std::get<std::string_view>(field.value), "a");
}

}  // namespace
}  // namespace cordon
