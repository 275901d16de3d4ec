#include "identity/credential.hpp"

#include <set>

#include "identity/source_fixture.hpp"

namespace cordon::identity {
namespace {

class Credential : public SourceTest {
 protected:
  /// "<pointer below the credential>: <what the message adds>", or "good".
  std::string problem(const Json &credential) {
    const auto source = make(credential);
    if (source) return "good";
    const Error &error = source.error();
    EXPECT_EQ(error.status, Status::InvalidArgument);
    EXPECT_TRUE(error.pointer.starts_with(kPlace)) << error.pointer;
    EXPECT_TRUE(error.message.starts_with("config at " + error.pointer + ": ")) << error.message;
    EXPECT_EQ(error.message.find("s3cret"), std::string::npos);
    return error.pointer.substr(std::string(kPlace).size());
  }
};

TEST_F(Credential, EveryKindIsMadeFromItsLeastMembers) {
  for (const Json &one : {
           Json{{"kind", "client_secret"}, {"secret_name", "s"}},
           Json{{"kind", "client_certificate"}, {"certificate_file", "/c"}},
           Json{{"kind", "client_certificate"}, {"certificate_secret_name", "c"}},
           Json{{"kind", "workload_identity"}, {"assertion_file", "/a"}},
           Json{{"kind", "workload_identity"}, {"assertion_exec", {"/h"}}},
           Json{{"kind", "workload_identity"}, {"assertion_identity", Json::object()}},
           Json{{"kind", "managed_identity"}},
           Json{{"kind", "device_code"}},
       })
    EXPECT_EQ(problem(one), "good") << one.dump();
}

TEST_F(Credential, EachWrongOrMissingMemberIsNamed) {
  const auto with = [](const char *kind, Json members) {
    members["kind"] = kind;
    return members;
  };
  EXPECT_EQ(problem("s3cret"), "");
  EXPECT_EQ(problem(Json::object()), "/kind");
  EXPECT_EQ(problem(with("s3cret", {})), "/kind");
  EXPECT_EQ(problem(with("client_secret", Json::object())), "/secret_name");
  EXPECT_EQ(problem(with("client_secret", {{"secret_name", "s"}, {"certificate_file", "/c"}})), "/certificate_file");
  EXPECT_EQ(problem(with("client_certificate", Json::object())), "/certificate_file");
  EXPECT_EQ(problem(with("client_certificate", {{"certificate_file", "/c"}, {"certificate_secret_name", "c"}})),
            "/certificate_secret_name");
  EXPECT_EQ(problem(with("client_certificate", {{"certificate_file", "s3cret"}})), "/certificate_file");
  EXPECT_EQ(problem(with("client_certificate", {{"certificate_file", "/c"}, {"key_file", "k"}})), "/key_file");
  EXPECT_EQ(problem(with("client_certificate", {{"certificate_file", "/c"}, {"key_file", "/k"}, {"format", "pfx"}})),
            "/key_file");
  EXPECT_EQ(problem(with("client_certificate", {{"certificate_file", "/c"}, {"secret_name", "s"}})), "/secret_name");
  EXPECT_EQ(problem(with("workload_identity", Json::object())), "/assertion_file");
  EXPECT_EQ(problem(with("workload_identity", {{"assertion_file", "/a"}, {"assertion_exec", {"/h"}}})),
            "/assertion_exec");
  EXPECT_EQ(problem(with("workload_identity", {{"assertion_file", "relative"}})), "/assertion_file");
  EXPECT_EQ(problem(with("workload_identity", {{"assertion_exec", {"helper"}}})), "/assertion_exec/0");
  EXPECT_EQ(problem(with("workload_identity", {{"assertion_file", "/a"}, {"assertion_exec_timeout_ms", 500}})),
            "/assertion_exec_timeout_ms");
  EXPECT_EQ(problem(with("workload_identity", {{"assertion_file", "/a"}, {"assertion_audience", "x"}})),
            "/assertion_audience");
  EXPECT_EQ(problem(with("workload_identity", {{"assertion_identity", {{"client_id", "a"}, {"object_id", "b"}}}})),
            "/assertion_identity/object_id");
  EXPECT_EQ(problem(with("workload_identity", {{"assertion_identity", {{"identity_endpoint", "http://x.example"}}}})),
            "/assertion_identity/identity_endpoint");
  EXPECT_EQ(problem(with("managed_identity", {{"identity_client_id", "a"}, {"identity_resource_id", "b"}})),
            "/identity_resource_id");
  EXPECT_EQ(problem(with("managed_identity", {{"token_version", 1}})), "/token_version");
  EXPECT_EQ(problem(with("managed_identity", {{"source", "app_service"}})), "/source");
  EXPECT_EQ(problem(with("managed_identity", {{"source", "arc"}, {"arc_key_dir", "tokens"}})), "/arc_key_dir");
  EXPECT_EQ(problem(with("device_code", {{"secret_name", "s"}})), "/secret_name");
}

TEST_F(Credential, ADeviceCodeWithoutAVaultHasNowhereToKeepItsRefreshToken) {
  const CredentialSeams seams(
      transport, [](const std::string &) -> Result<Secret> { return Secret("s"); }, random, nullptr);
  const auto source = make_token_source(Json{{"kind", "device_code"}}, kPlace, applicant(), seams);
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().pointer, "/tenants/contoso/credential/kind");
  EXPECT_NE(source.error().message.find("vault"), std::string::npos);
}

TEST_F(Credential, FingerprintsDifferWhereverTheCredentialDoes) {
  secrets = {{"a", "one"}, {"b", "one"}, {"c", "two"}};
  std::set<std::string> seen;
  std::size_t made = 0;
  for (const Json &one : {
           Json{{"kind", "client_secret"}, {"secret_name", "a"}},
           Json{{"kind", "client_secret"}, {"secret_name", "b"}},
           Json{{"kind", "client_secret"}, {"secret_name", "c"}},
           Json{{"kind", "client_secret"}, {"secret_name", "a"}, {"token_version", 1}},
           Json{{"kind", "workload_identity"}, {"assertion_file", "/a"}},
           Json{{"kind", "workload_identity"}, {"assertion_file", "/b"}},
           Json{{"kind", "workload_identity"}, {"assertion_exec", {"/a"}}},
           Json{{"kind", "workload_identity"}, {"assertion_exec", {"/a", "b"}}},
           Json{{"kind", "managed_identity"}, {"source", "imds"}},
           Json{{"kind", "managed_identity"}, {"source", "imds"}, {"identity_client_id", "x"}},
           Json{{"kind", "managed_identity"}, {"source", "imds"}, {"identity_object_id", "x"}},
           Json{{"kind", "managed_identity"}, {"source", "arc"}},
           Json{{"kind", "device_code"}},
       }) {
    const std::string fingerprint = make(one).value()->fingerprint();
    EXPECT_FALSE(fingerprint.empty());
    EXPECT_EQ(fingerprint, make(one).value()->fingerprint());
    seen.insert(fingerprint);
    ++made;
  }
  EXPECT_EQ(seen.size(), made);
}

}  // namespace
}  // namespace cordon::identity
