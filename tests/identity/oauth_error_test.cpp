#include "identity/oauth_error.hpp"

#include <gtest/gtest.h>

#include "vectors/vectors.hpp"

namespace cordon::identity {
namespace {

const Applicant kApplicant("contoso", "tenant-guid", "client-guid", "https://login.example.test",
                           "https://api.example.test");

TEST(OauthError, VectorsGiveAStatusACodeAndWords) {
  int seen = 0;
  for (const Json &vector : test::service_manifest()) {
    if (vector["as"] != "oauth_error") continue;
    SCOPED_TRACE(vector["file"]);
    const Json &expected = vector["expect"];
    const Error error = oauth_error(kApplicant, vector["http"],
                                    test::read_text(test::service_vectors() / vector["file"]), std::nullopt);
    EXPECT_STREQ(status_name(error.status), expected["status"].get_ref<const std::string &>().c_str());
    EXPECT_EQ(error.service_code, expected["code"]);
    EXPECT_EQ(error.retryable, expected["retryable"]);
    if (expected.contains("says")) {
      EXPECT_NE(error.message.find(expected["says"].get<std::string>()), std::string::npos) << error.message;
    }
    EXPECT_NE(error.message.find("contoso"), std::string::npos);
    EXPECT_NE(error.message.find("client-guid"), std::string::npos);
    EXPECT_EQ(error.message.find("SECRET"), std::string::npos) << "the description is never quoted";
    ++seen;
  }
  EXPECT_GT(seen, 12);
}

TEST(OauthError, CarriesTheCorrelationIdOnlyWhenItIsOne) {
  const auto id_for = [](const char *id) {
    return oauth_error(kApplicant, 400, Json({{"error", "x"}, {"correlation_id", id}}).dump(), std::nullopt)
        .service_correlation_id;
  };
  EXPECT_EQ(id_for("99999999-2222-4333-8444-555555555555"), "99999999-2222-4333-8444-555555555555");
  EXPECT_EQ(id_for("<script>"), "");
}

TEST(OauthError, RetryAfterCountsForPassingTroubleAndIsCapped) {
  using std::chrono::hours;
  using std::chrono::seconds;
  EXPECT_EQ(oauth_error(kApplicant, 429, "", seconds(7)).retry_after_ms, 7000);
  EXPECT_EQ(oauth_error(kApplicant, 503, "", hours(20)).retry_after_ms, 3'600'000);
  EXPECT_EQ(oauth_error(kApplicant, 401, R"({"error":"invalid_client"})", seconds(7)).retry_after_ms, -1);
}

}  // namespace
}  // namespace cordon::identity
