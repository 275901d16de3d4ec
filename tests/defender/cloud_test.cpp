#include "defender/cloud.hpp"

#include <gtest/gtest.h>

namespace cordon::defender {
namespace {

TEST(Cloud, CommercialHostsShareOneAudience) {
  const auto commercial = parse_cloud("commercial");
  const auto europe = parse_cloud("commercial/eu");
  ASSERT_TRUE(commercial && europe);
  EXPECT_EQ(commercial->api, "https://api.security.microsoft.com");
  EXPECT_EQ(europe->api, "https://eu.api.security.microsoft.com");
  EXPECT_EQ(europe->audience, "https://api.securitycenter.microsoft.com");
  EXPECT_EQ(europe->audience, commercial->audience);
}

TEST(Cloud, GccSignsInAtTheCommercialHost) {
  EXPECT_EQ(parse_cloud("gcc")->login, "https://login.microsoftonline.com");
  EXPECT_EQ(parse_cloud("gcc-high")->login, "https://login.microsoftonline.us");
  EXPECT_EQ(parse_cloud("dod")->api, parse_cloud("gcc-high")->api);
}

TEST(Cloud, EveryNamedCloudIsHttpsThroughout) {
  for (const std::string &name : cloud_names()) {
    const auto cloud = parse_cloud(name);
    ASSERT_TRUE(cloud) << name;
    EXPECT_TRUE(cloud->api.starts_with("https://") && cloud->login.starts_with("https://")) << name;
  }
}

TEST(Cloud, ACustomOneIsTakenWithoutItsTrailingSlash) {
  const auto cloud = parse_cloud({{"api", "https://127.0.0.1:8443/"}, {"login", "https://[::1]:1"}, {"audience", "a"}});
  ASSERT_TRUE(cloud) << cloud.error().message;
  EXPECT_EQ(cloud->api, "https://127.0.0.1:8443");
  EXPECT_EQ(cloud->name, "custom");
}

TEST(Cloud, RefusesWhatIsNoOriginAndDoesNotQuoteIt) {
  for (const char *bad :
       {"http://x", "https://", "https://user:pw@host", "https://host/path", "https://host?q", "host"}) {
    const auto cloud = parse_cloud({{"api", bad}, {"login", "https://l"}, {"audience", "a"}});
    ASSERT_FALSE(cloud) << bad;
    EXPECT_EQ(cloud.error().pointer, "/cloud/api");
    EXPECT_EQ(cloud.error().message.find("pw"), std::string::npos);
  }
  EXPECT_FALSE(parse_cloud("comercial"));
  EXPECT_FALSE(parse_cloud("gcc/eu"));
  EXPECT_FALSE(parse_cloud(7));
}

}  // namespace
}  // namespace cordon::defender
