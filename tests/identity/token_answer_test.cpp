#include "identity/token_answer.hpp"

#include <gtest/gtest.h>

#include "identity/token.hpp"
#include "vectors/vectors.hpp"

namespace cordon::identity {
namespace {

TEST(TokenAnswer, VectorsAreReadOrRefusedAsTheirManifestSays) {
  int seen = 0;
  for (const Json &vector : test::service_manifest()) {
    if (vector["as"] != "token") continue;
    SCOPED_TRACE(vector["file"]);
    const auto answer = parse_token_answer(test::read_text(test::service_vectors() / vector["file"]));
    ASSERT_EQ(answer.has_value(), vector["accept"].get<bool>());
    ++seen;
    if (!answer) {
      EXPECT_EQ(answer.error().status, Status::InvalidResponse);
      continue;
    }
    EXPECT_EQ(answer->expires_in_s, vector["expect"]["expires_in_s"].get<std::int64_t>());
    EXPECT_EQ(token_roles(answer->access_token).size(), vector["expect"]["roles"].get<std::size_t>());
  }
  EXPECT_GT(seen, 10);
}

TEST(TokenAnswer, CarriesARefreshTokenWhenOneCame) {
  const auto answer = parse_token_answer(R"({"access_token":"a","refresh_token":"r","expires_in":9})");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->refresh_token.reveal(), "r");
  EXPECT_TRUE(parse_token_answer(R"({"access_token":"a","expires_in":9})")->refresh_token.empty());
}

TEST(TokenAnswer, ErrorsQuoteNothingOfTheBody) {
  for (const char *body : {R"({"access_token":"s3cret"})", R"({"access_token":"s3cret)", "s3cret"}) {
    const auto answer = parse_token_answer(body);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().message.find("s3cret"), std::string::npos);
  }
}

}  // namespace
}  // namespace cordon::identity
