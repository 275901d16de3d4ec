/*
 * A host that was built when an older header was current: it includes that header (abi/baseline/<version>) and runs
 * with today's library. What it relies on is what every host of that release relies on.
 *
 *   frozen_host LIBRARY
 */
#define _POSIX_C_SOURCE 200809L

#include <cordon.h>
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static int failures;

static void expect(int holds, const char *what) {
  if (holds) return;
  ++failures;
  fprintf(stderr, "frozen_host: %s\n", what);
}

/* The table's member has to be the function of that name, at the place where this header has it. */
static void expect_member(void *library, const cordon_api_v1 *api, size_t offset, const char *name) {
  char symbol[64];
  void *member = NULL;
  if (strcmp(name, "struct_size") == 0 || strcmp(name, "abi_version") == 0) return; /* numbers */
  snprintf(symbol, sizeof symbol, "cordon_%s", name);
  if (offset + sizeof member > api->struct_size) {
    expect(0, name);
    return;
  }
  memcpy(&member, (const char *)api + offset, sizeof member);
  if (member == NULL || member != dlsym(library, symbol)) expect(0, symbol);
}

static void check_table(void *library, const cordon_api_v1 *api) {
  expect(api->struct_size >= sizeof(cordon_api_v1), "the table has become shorter");
  expect(api->abi_version / 1000000 == CORDON_ABI_VERSION / 1000000, "the table is of another major version");
  expect(api->abi_version >= CORDON_ABI_VERSION, "the library is older than this host");
#define MEMBER(name) expect_member(library, api, offsetof(cordon_api_v1, name), #name);
#include "table_members.h"
#undef MEMBER
}

static void check_numbers(const cordon_api_v1 *api) {
  static const struct {
    int32_t number;
    const char *name;
  } known[] = {{CORDON_OK, "CORDON_OK"},
               {CORDON_PENDING, "CORDON_PENDING"},
               {CORDON_DRY_RUN, "CORDON_DRY_RUN"},
               {CORDON_E_INTERNAL, "CORDON_E_INTERNAL"},
               {CORDON_E_OUTCOME_UNKNOWN, "CORDON_E_OUTCOME_UNKNOWN"},
               {CORDON_E_LEDGER, "CORDON_E_LEDGER"}};
  size_t i;
  for (i = 0; i < sizeof known / sizeof *known; ++i)
    expect(strcmp(api->status_name(known[i].number), known[i].name) == 0, known[i].name);
}

/* One call of each shape: refused by what every release refuses, with nothing left in the outputs. */
static void check_calls(const cordon_api_v1 *api) {
  cordon_client *client = (cordon_client *)&failures; /* overwritten, never read */
  cordon_error *error = NULL;
  char *text = (char *)&failures;
  expect(api->init(CORDON_ABI_VERSION, "{\"unheard_of\":true}", &client, &error) == CORDON_E_INVALID_ARGUMENT,
         "a wrong configuration is not refused as it was");
  expect(client == NULL && error != NULL, "outputs of a failed init");
  expect(api->error_status(error) == CORDON_E_INVALID_ARGUMENT, "status of the error");
  expect(strstr(api->error_json(error), "\"pointer\":\"/unheard_of\"") != NULL, "pointer of the error");
  api->error_free(error);
  expect(api->restrict_code_execution(NULL, "m", "c", NULL, -1, &text, &error) == CORDON_E_INVALID_HANDLE,
         "a call without a client");
  expect(text == NULL && strstr(api->error_message(error), "\n") == NULL, "outputs of a call without a client");
  api->error_free(error);
  api->client_free(NULL);
  api->string_free(NULL);
}

int main(int count, char **arguments) {
  const cordon_api_v1 *(*get_api)(uint32_t) = NULL;
  const cordon_api_v1 *api;
  void *symbol;
  void *const library = count == 2 ? dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL) : NULL;
  if (library == NULL) {
    fprintf(stderr, "frozen_host: %s\n", count == 2 ? dlerror() : "usage: frozen_host LIBRARY");
    return 2;
  }
  symbol = dlsym(library, "cordon_get_api");
  memcpy(&get_api, &symbol, sizeof get_api);
  api = get_api == NULL ? NULL : get_api(CORDON_ABI_VERSION / 1000000);
  if (api == NULL) {
    fprintf(stderr, "frozen_host: there is no table of this major version\n");
    return 1;
  }
  check_table(library, api);
  check_numbers(api);
  check_calls(api);
  return failures == 0 ? 0 : 1;
}
