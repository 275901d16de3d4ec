#include "base/ids.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace cordon {
namespace {

using testing::HasSubstr;
const std::string kForty = "0123456789abcdef0123456789abcdef01234567";

TEST(Ids, AreNormalisedToLowerCase) {
  EXPECT_EQ(MachineId::parse("0123456789ABCDEF0123456789abcdef01234567")->str(), kForty);
  EXPECT_EQ(ActionId::parse("6A1F0000-0000-4000-8000-00000000000F")->str(), "6a1f0000-0000-4000-8000-00000000000f");
}

TEST(Ids, ErrorsSayWhatWasExpectedAndNeverQuoteTheText) {
  const auto name = MachineId::parse("laptop-of-jane");
  ASSERT_FALSE(name);
  EXPECT_EQ(name.error().status, Status::InvalidArgument);
  EXPECT_THAT(name.error().message, HasSubstr("machine_id has 14 characters; it must be 40 hexadecimal digits"));
  EXPECT_THAT(name.error().message, testing::Not(HasSubstr("jane")));
  EXPECT_THAT(MachineId::parse("").error().message, HasSubstr("machine_id is empty"));
  EXPECT_THAT(Sha1::parse(kForty.substr(1) + "g").error().message, HasSubstr("not a hexadecimal digit"));
}

TEST(Ids, ShaOfAnotherKindIsNamed) {
  EXPECT_THAT(Sha1::parse(std::string(64, 'a')).error().message, HasSubstr("SHA-256"));
  EXPECT_THAT(Sha1::parse(std::string(32, 'a')).error().message, HasSubstr("MD5"));
  EXPECT_THAT(Sha1::parse(std::string(64, 'x')).error().message, testing::Not(HasSubstr("SHA-256")));
}

TEST(Ids, UuidNeedsItsHyphens) {
  EXPECT_TRUE(is_uuid("6a1f0000-0000-4000-8000-00000000000f"));
  for (const char *text : {"", "6a1f000000004000800000000000000f", "6a1f0000-0000-4000-8000-00000000000",
                           "6a1f0000-0000-4000-8000-00000000000g", "{6a1f0000-0000-4000-8000-0000000000}",
                           "6a1f0000_0000-4000-8000-00000000000f"})
    EXPECT_FALSE(RequestId::parse(text)) << text;
}

TEST(Ids, MadeRequestIdsAreRandomUuidsOfVersionFour) {
  SystemRandom random;
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string id = make_request_id(random).str();
    ASSERT_TRUE(RequestId::parse(id));
    EXPECT_EQ(id[14], '4');
    EXPECT_THAT(id[19], testing::AnyOf('8', '9', 'a', 'b'));
    EXPECT_TRUE(seen.insert(id).second);
  }
}

/// Gives the bytes of a list, one per byte asked for.
class Listed final : public Random {
 public:
  explicit Listed(std::string bytes) : bytes_(std::move(bytes)) {}
  void fill(void *out, std::size_t size) override {
    for (std::size_t i = 0; i < size; ++i) static_cast<char *>(out)[i] = bytes_.at(next_++);
  }

 private:
  std::string bytes_;
  std::size_t next_ = 0;
};

TEST(Random, BelowRejectsTheUnevenRest) {
  Listed random(std::string(8, '\xff') + std::string("\x05\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(random.below(3), 2u) << "2^64−1 is one of the values that would favour 0";
}

}  // namespace
}  // namespace cordon
