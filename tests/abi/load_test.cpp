#include <cordon.h>
#include <dlfcn.h>
#include <gtest/gtest.h>

namespace {

// This program does not link the library: it comes and goes by dlopen alone.

TEST(Load, OneSymbolIsEnough) {
  void *library = dlopen(CORDON_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << dlerror();
  const auto get_api = reinterpret_cast<decltype(&cordon_get_api)>(dlsym(library, "cordon_get_api"));
  ASSERT_NE(get_api, nullptr);
  const cordon_api_v1 *api = get_api(1);
  ASSERT_NE(api, nullptr);
  cordon_client *client = nullptr;
  cordon_error *error = nullptr;
  EXPECT_EQ(api->init(api->abi_version, "{}", &client, &error), CORDON_OK);
  EXPECT_EQ(error, nullptr);
  api->client_free(client);
  dlclose(library);
}

TEST(Load, MayBeClosedAndOpenedAgainWithAClientInBetween) {
  const cordon_api_v1 *first = nullptr;
  for (int i = 0; i < 50; ++i) {
    void *library = dlopen(CORDON_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library, nullptr) << dlerror();
    const auto get_api = reinterpret_cast<decltype(&cordon_get_api)>(dlsym(library, "cordon_get_api"));
    const cordon_api_v1 *api = get_api(1);
    if (first == nullptr) first = api;
    EXPECT_EQ(api, first);
    cordon_client *client = nullptr;
    ASSERT_EQ(api->init(CORDON_ABI_VERSION, "{}", &client, nullptr), CORDON_OK);
    api->client_free(client);
    dlclose(library);
  }
}

TEST(Load, TheCodeStaysAfterDlclose) {
  void *library = dlopen(CORDON_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << dlerror();
  const auto version = reinterpret_cast<decltype(&cordon_version)>(dlsym(library, "cordon_version"));
  dlclose(library);
  EXPECT_STREQ(version(), "1.0.0");
}

}  // namespace
