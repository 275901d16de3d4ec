#include "emulator/scenario.hpp"

#include <gtest/gtest.h>

#include "base/schema.hpp"

namespace cordon::emulator {
namespace {

std::string pointer_of(const Json &scenario) {
  const auto read = Scenario::read(scenario, 1);
  return read ? "accepted" : read.error().pointer;
}

TEST(Scenario, SaysWhereItIsWrong) {
  EXPECT_EQ(pointer_of({{"machine", 1}}), "/machine");
  EXPECT_EQ(pointer_of({{"knobs", {{"page_size", 0}}}}), "/knobs/page_size");
  EXPECT_EQ(pointer_of({{"quota", "fast"}}), "/quota");
  EXPECT_EQ(pointer_of({{"quota", {{"GET /nowhere", "1/1s"}}}}), "/quota/GET ~1nowhere");
  EXPECT_EQ(pointer_of({{"timings", {{"pickup_s", {{"min", 5}, {"max", 1}}}}}}), "/timings/pickup_s");
  EXPECT_EQ(pointer_of({{"apps", {{{"name", "a"}, {"tenant", "nobody"}}}}}), "/apps/0/tenant");
  EXPECT_EQ(pointer_of({{"machines", {{{"name", "m"}, {"tenant", "nobody"}}}}}), "/machines/0/tenant");
  EXPECT_NE(pointer_of({{"faults", {{{"endpoint", "*"}, {"kind", "none"}}}}}), "accepted");
  EXPECT_NE(pointer_of({{"knobs", {{"duplicates", "sometimes"}}}}), "accepted");
}

TEST(Scenario, WhatIsNotSaidIsAsUsual) {
  const Scenario usual = Scenario::usual(5), read = Scenario::read(Json::object(), 5).value();
  EXPECT_EQ(usual.directory.tenants.front().tenant_id, read.directory.tenants.front().tenant_id);
  EXPECT_EQ(usual.directory.apps.front().client_secret, read.directory.apps.front().client_secret);
  EXPECT_EQ(usual.directory.apps.front().name, "emulator-app");
  EXPECT_NE(usual.directory.apps.front().client_secret, Scenario::usual(6).directory.apps.front().client_secret);
}

TEST(Scenario, EveryTenantHasAnApplicationUnlessTheyAreListed) {
  const Scenario made = Scenario::read({{"tenants", {{{"name", "a"}}, {{"name", "b"}}}}}, 1).value();
  ASSERT_EQ(made.directory.apps.size(), 2u);
  EXPECT_EQ(made.directory.apps[1].tenant_id, made.directory.tenants[1].tenant_id);
  const Scenario listed =
      Scenario::read({{"tenants", {{{"name", "a"}}, {{"name", "b"}}}}, {"apps", {{{"name", "x"}, {"tenant", "b"}}}}}, 1)
          .value();
  ASSERT_EQ(listed.directory.apps.size(), 1u);
  EXPECT_EQ(listed.directory.apps[0].tenant_id, listed.directory.tenants[1].tenant_id);
}

}  // namespace
}  // namespace cordon::emulator
