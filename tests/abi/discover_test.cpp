#include <cordon.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/status.hpp"

namespace {

TEST(Discover, WorksBeforeAnyClientExists) {
  EXPECT_EQ(cordon_abi_version(), 1000000u);
  EXPECT_STREQ(cordon_version(), "1.0.0");
  EXPECT_EQ(nlohmann::json::parse(cordon_manifest())["name"], "cordon");
}

TEST(Discover, NamesEveryStatusByItsConstant) {
  for (int status = -30; status <= 8; ++status)
    EXPECT_STREQ(cordon_status_name(status), cordon::status_name(status)) << status;
  EXPECT_STREQ(cordon_status_name(CORDON_E_DEADLINE), "CORDON_E_DEADLINE");
  EXPECT_STREQ(cordon_status_name(CORDON_DRY_RUN), "CORDON_DRY_RUN");
}

TEST(Discover, ANumberThatIsNoStatusHasAName) {
  for (const int status : {9, -31, INT32_MAX, INT32_MIN}) EXPECT_STREQ(cordon_status_name(status), "CORDON_UNKNOWN");
}

TEST(Discover, GivesTheTableOfMajorOneOnly) {
  const cordon_api_v1 *api = cordon_get_api(1);
  ASSERT_NE(api, nullptr);
  EXPECT_EQ(api->struct_size, sizeof(cordon_api_v1));
  EXPECT_EQ(api->abi_version, cordon_abi_version());
  EXPECT_EQ(cordon_get_api(1), api);
  for (const uint32_t major : {0u, 2u, 1000000u, UINT32_MAX}) EXPECT_EQ(cordon_get_api(major), nullptr);
}

TEST(Discover, TheTableHoldsTheExportedFunctions) {
  const cordon_api_v1 *api = cordon_get_api(1);
#define SAME(member) EXPECT_EQ(api->member, cordon_##member)
  SAME(version);
  SAME(manifest);
  SAME(status_name);
  SAME(init);
  SAME(reload);
  SAME(shutdown);
  SAME(client_free);
  SAME(restrict_code_execution);
  SAME(stop_and_quarantine);
  SAME(poll_action);
  SAME(call);
  SAME(submit);
  SAME(next_event);
  SAME(event_fd);
  SAME(withdraw);
  SAME(interrupt);
  SAME(vault_unlock);
  SAME(secret_set);
  SAME(secret_remove);
  SAME(vault_status);
  SAME(vault_rekey);
  SAME(error_status);
  SAME(error_message);
  SAME(error_json);
  SAME(error_free);
  SAME(string_free);
#undef SAME
}

/// Frozen: a host that was compiled with 1.0.0 reads these offsets for ever.
TEST(Discover, TheTableKeepsItsLayout) {
  EXPECT_EQ(offsetof(cordon_api_v1, struct_size), 0u);
  EXPECT_EQ(offsetof(cordon_api_v1, abi_version), 4u);
  EXPECT_EQ(offsetof(cordon_api_v1, version), 8u);
  EXPECT_EQ(offsetof(cordon_api_v1, init), 32u);
  EXPECT_EQ(offsetof(cordon_api_v1, restrict_code_execution), 64u);
  EXPECT_EQ(offsetof(cordon_api_v1, submit), 96u);
  EXPECT_EQ(offsetof(cordon_api_v1, vault_unlock), 136u);
  EXPECT_EQ(offsetof(cordon_api_v1, error_status), 176u);
  EXPECT_EQ(offsetof(cordon_api_v1, string_free), 208u);
  EXPECT_GE(sizeof(cordon_api_v1), 216u);
}

}  // namespace
