// A host that exports functions of the libraries' names, as one with a counting or tracing layer does: the loader finds
// its own first, for Cordon's calls too.
#include <curl/curl.h>
#include <dlfcn.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <sqlite3.h>

#include <atomic>
#include <cstdio>

#include "guest/hosts/host.hpp"

namespace {

std::atomic<int> g_calls{0};

template <class Function>
Function real(Function, const char *name) {
  ++g_calls;
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}
#define REAL(function) real(&(function), #function)

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED CURL *curl_easy_init() {
  return REAL(curl_easy_init)();
}
EXPORTED CURLM *curl_multi_init() {
  return REAL(curl_multi_init)();
}
EXPORTED int sqlite3_open_v2(const char *file, sqlite3 **db, int flags, const char *vfs) {
  return REAL(sqlite3_open_v2)(file, db, flags, vfs);
}
EXPORTED int sqlite3_step(sqlite3_stmt *statement) {
  return REAL(sqlite3_step)(statement);
}
EXPORTED int sodium_init() {
  return REAL(sodium_init)();
}
EXPORTED void *sodium_malloc(std::size_t size) {
  return REAL(sodium_malloc)(size);
}

namespace cordon::test {
namespace {

/// Argument: "found" when Cordon's calls come here, "unaffected" when the library has its own copies of all of them.
SCENARIO(exporting_host) {
  const Library library(world.library, RTLD_NOW | RTLD_GLOBAL);
  {
    const Client client(library, world);
    expect_acts(client, world.machines.at(0));
    CHECK(client.call("health").status == CORDON_OK);
  }
  const int calls = g_calls;
  std::printf("%d calls of Cordon's came to the host's functions\n", calls);
  std::fflush(stdout);
  CHECK_SAID((calls > 0) == (world.arguments.at(0) == "found"), std::to_string(calls));
  sqlite3 *own = nullptr;
  CHECK(sqlite3_open_v2(":memory:", &own, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK);
  CHECK(g_calls == calls + 1);
  sqlite3_close(own);
}

}  // namespace
}  // namespace cordon::test
