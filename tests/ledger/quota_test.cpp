#include "ledger/quota.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cordon::ledger {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

TEST(Quota, IsReadAsCallsPerSecondsAndWrittenBackTheSame) {
  const auto windows = parse_quota("100/60s, 1500/3600s");
  ASSERT_TRUE(windows);
  EXPECT_EQ(*windows, (QuotaWindows{QuotaWindow(100, seconds(60)), QuotaWindow(1500, seconds(3600))}));
  EXPECT_EQ(quota_text(*windows), "100/60s,1500/3600s");
}

TEST(Quota, ABrokenTextIsRefusedWithThePlaceOfTheWindow) {
  for (const char *text : {"", "100", "100/60", "100/s", "/60s", "0/60s", "-1/60s", "100/0s", "100/60s,",
                           "100/60s,,1/1s", "100/60m", "1e3/60s", "100/60ss", "100//60s", "1000001/1s", "1/604801s"}) {
    const auto windows = parse_quota(text);
    ASSERT_FALSE(windows) << text;
    EXPECT_EQ(windows.error().status, Status::InvalidArgument);
    EXPECT_THAT(windows.error().message, HasSubstr("window")) << text;
  }
  EXPECT_THAT(parse_quota("100/60s,x/3600s").error().message, HasSubstr("window 2"));
  EXPECT_FALSE(parse_quota("1/1s,1/1s,1/1s,1/1s,1/1s,1/1s,1/1s,1/1s,1/1s"));
}

}  // namespace
}  // namespace cordon::ledger
