#include "identity/token.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace cordon::identity {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const BootTime kNow{hours(5)};

SharedToken token_for(std::int64_t seconds_) {
  return make_token(Secret("t"), seconds_, kNow, UtcTicks::from_unix_seconds(1000));
}

TEST(Token, IsRefreshedMinutesBeforeItsEndAndUsedAlmostToTheEnd) {
  const SharedToken token = token_for(3600);
  EXPECT_EQ(token->refresh_at, kNow + hours(1) - minutes(5));
  EXPECT_EQ(token->usable_until, kNow + hours(1) - minutes(1));
  EXPECT_EQ(token->expires_at.unix_seconds(), 4600);
}

TEST(Token, OfADaysLifeIsRefreshedAtHalfOfIt) {
  EXPECT_EQ(token_for(86'400)->refresh_at, kNow + hours(12));
}

TEST(Token, OfAMinutesLifeIsStillOfUse) {
  const SharedToken token = token_for(60);
  EXPECT_EQ(token->refresh_at, kNow + seconds(45));
  EXPECT_EQ(token->usable_until, kNow + seconds(54));
}

TEST(Token, AnAbsurdLifeDoesNotOverflow) {
  EXPECT_LT(token_for(INT64_MAX)->usable_until, kNow + hours(24 * 8));
  EXPECT_EQ(token_for(-5)->usable_until, kNow);
}

Secret jwt(std::string_view payload) {
  return Secret("e30." + base64url_encode(payload) + ".c2ln");
}

TEST(TokenRoles, AreReadFromRolesOrScopes) {
  EXPECT_EQ(token_roles(jwt(R"({"roles":["A","B"],"scp":"C"})")), (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(token_roles(jwt(R"({"scp":"Machine.Read  Machine.Scan "})")),
            (std::vector<std::string>{"Machine.Read", "Machine.Scan"}));
}

TEST(TokenRoles, AreEmptyForWhatIsNoJwt) {
  for (const char *text : {"", "opaque", "a.b", "..", "a.!!.c", "a.e30.c"})
    EXPECT_TRUE(token_roles(Secret(text)).empty()) << text;
  EXPECT_TRUE(token_roles(jwt(R"({"roles":"A"})")).empty());
  EXPECT_TRUE(token_roles(jwt("[1]")).empty());
}

}  // namespace
}  // namespace cordon::identity
