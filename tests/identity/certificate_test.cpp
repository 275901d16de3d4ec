#include "identity/certificate.hpp"

#include <gtest/gtest.h>

#include "emulator/signed_token.hpp"
#include "support/rsa_pair.hpp"

namespace cordon::identity {
namespace {

const test::RsaPair &key_pair() {
  static const test::RsaPair one;
  return one;
}

struct Given {
  std::string bytes;
  std::string key{};
  std::string password{};
  std::optional<bool> pfx{};
};

Result<ClientCertificate> load(const Given &given) {
  const Secret bytes(given.bytes), key(given.key), password(given.password);
  ClientCertificate::Source source(bytes);
  if (!given.key.empty()) source.key = &key;
  if (!given.password.empty()) source.password = &password;
  source.pfx = given.pfx;
  return ClientCertificate::load(source);
}

std::string problem(const Given &given) {
  const auto loaded = load(given);
  if (loaded) return "loaded";
  EXPECT_EQ(loaded.error().status, Status::InvalidState);
  return loaded.error().message;
}

TEST(ClientCertificate, IsReadFromEveryFormAPersonMayHave) {
  const auto expected = emulator::RegisteredCertificate::read(key_pair().certificate()).value();
  const std::string password = "pass ö";
  for (const Given &given :
       {Given{key_pair().pem()}, Given{key_pair().key() + key_pair().certificate()},
        Given{key_pair().certificate(), key_pair().key()},
        Given{key_pair().certificate() + key_pair().key(password), {}, password},
        Given{key_pair().certificate(), key_pair().key(password), password}, Given{key_pair().pfx()},
        Given{key_pair().pfx(password), {}, password}, Given{key_pair().pem(), {}, {}, false},
        Given{test::RsaPair(1).certificate() + key_pair().pem()}}) {
    const auto loaded = load(given);
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(loaded->sha256_thumbprint(), expected.sha256);
    EXPECT_EQ(loaded->sha1_thumbprint(), expected.sha1);
    EXPECT_EQ(loaded->not_after(), expected.not_after);
    const auto signature = loaded->sign("text", SigningAlgorithm::Ps256);
    ASSERT_TRUE(signature);
    EXPECT_TRUE(expected.key.verifies("PS256", "text", signature->reveal()));
    EXPECT_FALSE(expected.key.verifies("RS256", "text", signature->reveal()));
    EXPECT_FALSE(expected.key.verifies("PS256", "test", signature->reveal()));
    const auto older = loaded->sign("text", SigningAlgorithm::Rs256);
    ASSERT_TRUE(older);
    EXPECT_TRUE(expected.key.verifies("RS256", "text", older->reveal()));
  }
}

TEST(ClientCertificate, TheChainBeginsWithOurOwn) {
  const test::RsaPair other(1);
  const auto loaded = load({other.certificate() + key_pair().pem()});
  ASSERT_TRUE(loaded);
  ASSERT_EQ(loaded->chain().size(), 2u);
  EXPECT_EQ(loaded->chain()[0], load({key_pair().pem()})->chain()[0]);
}

TEST(ClientCertificate, SaysWhatIsWrongAndWhatToDo) {
  const auto says = [](const Given &given, const char *words) {
    const std::string told = problem(given);
    EXPECT_NE(told.find(words), std::string::npos) << told << " instead of: " << words;
    EXPECT_EQ(told.find("s3cret"), std::string::npos);
  };
  says({key_pair().certificate()}, "holds no private key");
  says({key_pair().key()}, "holds no certificate");
  says({"s3cret"}, "neither PEM nor PKCS #12");
  says({"s3cret", {}, {}, false}, "holds no private key");
  says({std::string("\x30\x82\x01\x00", 4)}, "neither PEM nor PKCS #12");
  says({key_pair().certificate() + key_pair().key("s3cret")}, "password_secret_name");
  says({key_pair().certificate() + key_pair().key("s3cret"), {}, "other"}, "does not open its private key");
  says({key_pair().pfx("s3cret")}, "password_secret_name");
  says({key_pair().pfx("s3cret"), {}, "other"}, "does not open it");
  says({test::RsaPair(1).certificate(), key_pair().key()}, "do not belong together");
  says({test::RsaPair(1, 1024).pem()}, "less than 2048 bits");
  says({test::RsaPair(1, 0, "EC").pem()}, "no RSA key");
}

}  // namespace
}  // namespace cordon::identity
