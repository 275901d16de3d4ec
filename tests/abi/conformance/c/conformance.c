/*
 * The conformance program in C99, the reference of all others: reads steps from standard input, makes each call through
 * the table of cordon_get_api, prints what came back. ../README.md says what a step is and what an answer is.
 *
 *   conformance LIBRARY
 */
#define _POSIX_C_SOURCE 200809L

#include <cordon.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

enum { MAX_CLIENTS = 8, MAX_BACKGROUND = 4, NAME_SIZE = 32, LINE_SIZE = 1 << 16 };

static const cordon_api_v1 *api; /* static in the library */

struct named_client {
  char name[NAME_SIZE];
  cordon_client *handle;
};
static struct named_client clients[MAX_CLIENTS];

/* What a call gave back. The texts are malloc'ed copies. */
struct answer {
  const char *status; /* static */
  char *result;       /* JSON, NULL for none */
  char *error;        /* JSON, NULL for none */
};

struct background {
  char name[NAME_SIZE];
  pthread_t thread;
  char *step;
  struct answer answer;
};
static struct background waiting[MAX_BACKGROUND];

static _Noreturn void die(const char *what, const char *detail) {
  fprintf(stderr, "conformance: %s: %s\n", what, detail == NULL ? "-" : detail);
  exit(1);
}

static void *checked(void *memory) {
  if (memory == NULL) die("memory", "none left");
  return memory;
}

/* ---- What a step says ---- */

static char *text_of(const char *step, const char *key) {
  return json_string(json_member(step, key));
}

static char *document_of(const char *step, const char *key) {
  return json_copy(json_member(step, key));
}

static int32_t milliseconds_of(const char *step, const char *key) {
  return (int32_t)json_number(json_member(step, key), -1);
}

/* The client that the step names: its place in the table, a new one if there is none yet. */
static struct named_client *client_of(const char *step) {
  char *const name = text_of(step, "client");
  struct named_client *found = NULL;
  size_t i;
  if (name == NULL) die("a step names no client", step);
  for (i = 0; i < MAX_CLIENTS && found == NULL; ++i)
    if (clients[i].name[0] == '\0' || strcmp(clients[i].name, name) == 0) found = &clients[i];
  if (found == NULL) die("too many clients", name);
  snprintf(found->name, sizeof found->name, "%s", name);
  free(name);
  return found;
}

/* ---- What an answer is made of ---- */

/* The members of an error in the order of their names, that of the transcript. */
static char *error_document(const cordon_error *error) {
  static const char *const members[] = {
      "action_id",  "http_status",    "message",   "name",         "outcome_unknown",        "pointer",
      "request_id", "retry_after_ms", "retryable", "service_code", "service_correlation_id", "status"};
  const char *const json = api->error_json(error);
  char *const made = checked(malloc(2 * strlen(json) + 512));
  char *out = made;
  size_t i;
  for (i = 0; i < sizeof members / sizeof *members; ++i) {
    const struct json_value value = json_member(json, members[i]);
    out += sprintf(out, "%c\"%s\":", i == 0 ? '{' : ',', members[i]);
    if (value.text == NULL) die("an error lacks a member", members[i]);
    memcpy(out, value.text, value.length);
    out += value.length;
  }
  strcpy(out, "}");
  return made;
}

/* Takes the text and the error over; both may be NULL. */
static struct answer answer_of(int32_t status, char *text, cordon_error *error) {
  struct answer answer = {NULL, NULL, NULL};
  if ((status < 0) != (error != NULL)) die("status and error disagree", api->status_name(status));
  if (status < 0 && text != NULL) die("an error with a document", text);
  answer.status = api->status_name(status);
  if (text != NULL) answer.result = checked(strdup(text));
  if (error != NULL) answer.error = error_document(error);
  api->string_free(text);
  api->error_free(error);
  return answer;
}

static struct answer answer_with(char *result) {
  const struct answer answer = {api->status_name(CORDON_OK), result, NULL};
  return answer;
}

/* Puts quotes around a text in which nothing needs an escape. */
static char *quoted(const char *text) {
  char *const made = checked(malloc(strlen(text) + 3));
  sprintf(made, "\"%s\"", text);
  return made;
}

/* ---- The steps: discovery ---- */

struct member {
  const char *name;
  long value;
};

static int by_name(const void *left, const void *right) {
  return strcmp(((const struct member *)left)->name, ((const struct member *)right)->name);
}

static char *object_of(struct member *members, size_t count) {
  char *const made = checked(malloc(count * 64 + 3));
  char *out = made;
  size_t i;
  qsort(members, count, sizeof *members, &by_name);
  *out++ = '{';
  for (i = 0; i < count; ++i) out += sprintf(out, "%s\"%s\":%ld", i == 0 ? "" : ",", members[i].name, members[i].value);
  strcpy(out, "}");
  return made;
}

static struct answer version(const char *step) {
  (void)step;
  return answer_with(quoted(api->version()));
}

/* Every number that the library has a name for. */
static struct answer constants(const char *step) {
  struct member found[256];
  size_t count = 0;
  int32_t status;
  (void)step;
  for (status = -128; status < 128; ++status) {
    const char *const name = api->status_name(status);
    if (strcmp(name, "CORDON_UNKNOWN") == 0) continue;
    found[count].name = name;
    found[count++].value = status;
  }
  return answer_with(object_of(found, count));
}

static struct answer layout(const char *step) {
  struct member members[] = {
#define MEMBER(name) {#name, (long)offsetof(cordon_api_v1, name)},
#include "table_members.h"
#undef MEMBER
  };
  (void)step;
  return answer_with(object_of(members, sizeof members / sizeof *members));
}

/* ---- The steps: calls ---- */

static struct answer open_client(const char *step) {
  struct named_client *const client = client_of(step);
  char *const config = document_of(step, "config");
  cordon_error *error = NULL;
  const int32_t status = api->init(CORDON_ABI_VERSION, config, &client->handle, &error);
  free(config);
  return answer_of(status, NULL, error);
}

static struct answer restrict_code_execution(const char *step) {
  char *const machine = text_of(step, "machine_id");
  char *const comment = text_of(step, "comment");
  char *const options = document_of(step, "options");
  char *action = NULL;
  cordon_error *error = NULL;
  const int32_t status = api->restrict_code_execution(client_of(step)->handle, machine, comment, options,
                                                      milliseconds_of(step, "timeout_ms"), &action, &error);
  free(machine);
  free(comment);
  free(options);
  return answer_of(status, action, error);
}

static struct answer stop_and_quarantine(const char *step) {
  char *const machine = text_of(step, "machine_id");
  char *const sha1 = text_of(step, "sha1");
  char *const comment = text_of(step, "comment");
  char *const options = document_of(step, "options");
  char *action = NULL;
  cordon_error *error = NULL;
  const int32_t status = api->stop_and_quarantine(client_of(step)->handle, machine, sha1, comment, options,
                                                  milliseconds_of(step, "timeout_ms"), &action, &error);
  free(machine);
  free(sha1);
  free(comment);
  free(options);
  return answer_of(status, action, error);
}

static struct answer poll_action(const char *step) {
  char *const id = text_of(step, "id");
  char *const options = document_of(step, "options");
  char *action = NULL;
  cordon_error *error = NULL;
  const int32_t status =
      api->poll_action(client_of(step)->handle, id, options, milliseconds_of(step, "wait_ms"), &action, &error);
  free(id);
  free(options);
  return answer_of(status, action, error);
}

static struct answer call(const char *step) {
  char *const operation = text_of(step, "operation");
  char *const request = document_of(step, "request");
  char *result = NULL;
  cordon_error *error = NULL;
  const int32_t status =
      api->call(client_of(step)->handle, operation, request, milliseconds_of(step, "timeout_ms"), &result, &error);
  free(operation);
  free(request);
  return answer_of(status, result, error);
}

static struct answer submit(const char *step) {
  char *const operation = text_of(step, "operation");
  char *const request = document_of(step, "request");
  char *id = NULL;
  cordon_error *error = NULL;
  struct answer answer;
  const int32_t status = api->submit(client_of(step)->handle, operation, request, &id, &error);
  free(operation);
  free(request);
  answer = answer_of(status, id, error);
  if (answer.result != NULL) {
    char *const bare = answer.result;
    answer.result = quoted(bare);
    free(bare);
  }
  return answer;
}

static struct answer next_event(const char *step) {
  char *const options = document_of(step, "options");
  char *event = NULL;
  cordon_error *error = NULL;
  const int32_t status =
      api->next_event(client_of(step)->handle, options, milliseconds_of(step, "wait_ms"), &event, &error);
  free(options);
  return answer_of(status, event, error);
}

static struct answer withdraw(const char *step) {
  char *const id = text_of(step, "request_id");
  cordon_error *error = NULL;
  const int32_t status = api->withdraw(client_of(step)->handle, id, &error);
  free(id);
  return answer_of(status, NULL, error);
}

static struct answer interrupt(const char *step) {
  char *const id = text_of(step, "call_id");
  cordon_error *error = NULL;
  const int32_t status = api->interrupt(client_of(step)->handle, id, &error);
  free(id);
  return answer_of(status, NULL, error);
}

static struct answer secret_set(const char *step) {
  char *const name = text_of(step, "name");
  char *const value = text_of(step, "value");
  cordon_error *error = NULL;
  const int32_t status = api->secret_set(client_of(step)->handle, name, value, strlen(value), &error);
  memset(value, 0, strlen(value)); /* a made-up secret; a host has to keep the compiler from dropping this */
  free(name);
  free(value);
  return answer_of(status, NULL, error);
}

static struct answer secret_remove(const char *step) {
  char *const name = text_of(step, "name");
  cordon_error *error = NULL;
  const int32_t status = api->secret_remove(client_of(step)->handle, name, &error);
  free(name);
  return answer_of(status, NULL, error);
}

static struct answer vault_status(const char *step) {
  char *document = NULL;
  cordon_error *error = NULL;
  const int32_t status = api->vault_status(client_of(step)->handle, &document, &error);
  return answer_of(status, document, error);
}

static struct answer shut_down(const char *step) {
  cordon_error *error = NULL;
  const int32_t status = api->shutdown(client_of(step)->handle, milliseconds_of(step, "timeout_ms"), &error);
  return answer_of(status, NULL, error);
}

static struct answer free_client(const char *step) {
  struct named_client *const client = client_of(step);
  api->client_free(client->handle);
  client->handle = NULL;
  return answer_with(NULL);
}

static const struct {
  const char *name;
  struct answer (*make)(const char *step);
} functions[] = {
    {"version", &version},
    {"constants", &constants},
    {"layout", &layout},
    {"open", &open_client},
    {"restrict_code_execution", &restrict_code_execution},
    {"stop_and_quarantine", &stop_and_quarantine},
    {"poll_action", &poll_action},
    {"call", &call},
    {"submit", &submit},
    {"next_event", &next_event},
    {"withdraw", &withdraw},
    {"interrupt", &interrupt},
    {"secret_set", &secret_set},
    {"secret_remove", &secret_remove},
    {"vault_status", &vault_status},
    {"shutdown", &shut_down},
    {"free", &free_client},
};

static struct answer make_call(const char *step) {
  char *const name = text_of(step, "do");
  size_t i;
  if (name == NULL) die("a step without \"do\"", step);
  for (i = 0; i < sizeof functions / sizeof *functions; ++i) {
    if (strcmp(functions[i].name, name) == 0) {
      free(name);
      return functions[i].make(step);
    }
  }
  die("no such function", name);
}

/* ---- In the background ---- */

static void *run_in_background(void *argument) {
  struct background *const slot = argument;
  slot->answer = make_call(slot->step);
  return NULL;
}

static struct background *background_named(const char *name) {
  size_t i;
  for (i = 0; i < MAX_BACKGROUND; ++i)
    if (strcmp(waiting[i].name, name) == 0) return &waiting[i];
  die("too many background calls, or none of this name", name);
}

static struct answer start(const char *step, const char *name) {
  const struct answer started = {"STARTED", NULL, NULL};
  struct background *const slot = background_named("");
  snprintf(slot->name, sizeof slot->name, "%s", name);
  slot->step = checked(strdup(step));
  client_of(step); /* the table of clients is changed by this thread only */
  if (pthread_create(&slot->thread, NULL, &run_in_background, slot) != 0) die("no thread for", name);
  return started;
}

static struct answer join(const char *name) {
  struct background *const slot = background_named(name);
  pthread_join(slot->thread, NULL);
  slot->name[0] = '\0';
  free(slot->step);
  return slot->answer;
}

/* ---- The conversation ---- */

static void answer_step(const char *line) {
  char *const function = text_of(line, "do");
  char *const background = text_of(line, "background");
  char *const step = document_of(line, "step");
  struct answer answer;
  if (function == NULL || step == NULL) die("not a step", line);
  if (background == NULL)
    answer = make_call(line);
  else if (strcmp(function, "join") == 0)
    answer = join(background);
  else
    answer = start(line, background);
  printf("{\"error\":%s,\"result\":%s,\"status\":\"%s\",\"step\":%s}\n", answer.error == NULL ? "null" : answer.error,
         answer.result == NULL ? "null" : answer.result, answer.status, step);
  fflush(stdout);
  free(answer.error);
  free(answer.result);
  free(function);
  free(background);
  free(step);
}

static void load_library(const char *path) {
  const cordon_api_v1 *(*get_api)(uint32_t) = NULL;
  void *symbol;
  void *const library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) die("cannot load the library", dlerror());
  symbol = dlsym(library, "cordon_get_api");
  memcpy(&get_api, &symbol, sizeof get_api);
  api = get_api == NULL ? NULL : get_api(CORDON_ABI_VERSION / 1000000);
  if (api == NULL || api->struct_size < sizeof *api) die("the library lacks the table of this header", path);
}

int main(int argc, char **argv) {
  static char line[LINE_SIZE];
  if (argc != 2) die("usage", "conformance LIBRARY");
  load_library(argv[1]);
  while (fgets(line, sizeof line, stdin) != NULL) answer_step(line);
  return 0;
}
