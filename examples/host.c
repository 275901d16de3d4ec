/*
 * A host of Cordon in C99. It knows nothing of the library but abi/cordon.h: one dlopen, one dlsym, then the table.
 *
 *   host LIB CONFIG contain MACHINE SHA1            restrict a device, quarantine a file, follow both to their end
 *   host LIB CONFIG start MACHINE SHA1 STATE_FILE   submit both, note their request ids, wait to be killed
 *   host LIB CONFIG resume STATE_FILE               follow the noted requests to their end
 *   host LIB CONFIG refused MACHINE                 show how a wrong argument is refused
 *   host LIB CONFIG secret NAME FILE                store a secret
 *
 * LIB is a path, or - for libcordon.so.1 where the loader finds it. CONFIG is a path, or - for the library's own
 * choice. Exit: 0 all was done, 1 an error, 2 wrong use, 3 something ended otherwise or has not ended.
 */
#define _POSIX_C_SOURCE 200809L

#include <cordon.h>
#include <ctype.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_DONE = 0, EXIT_ERROR = 1, EXIT_USAGE = 2, EXIT_OTHERWISE = 3 };
enum { ID_SIZE = 64, SECRET_SIZE = 64 * 1024, CONFIG_SIZE = 1024 * 1024 };
enum { CALL_TIMEOUT_MS = 60000, WAIT_MS = 10000, MAX_WAITS = 360 };

static const cordon_api_v1 *api; /* static in the library; valid as long as the process lives */

/* What one call told about one action. The texts are copies. */
struct outcome {
  int32_t status;
  char request_id[ID_SIZE];
  char action_id[ID_SIZE];
  char state[ID_SIZE];
  int adopted;
};

/* ---- Words ---- */

static void say(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar('\n');
  fflush(stdout); /* whoever drives this program reads it line by line */
}

/* Prints the error's line and gives the error back. Borrows nothing. */
static void say_error(const char *what, cordon_error *error) {
  say("%s: %s: %s", what, api->status_name(api->error_status(error)), api->error_message(error));
  api->error_free(error);
}

/* What a status means for an action. Only CORDON_OK means that the device did it; unknown numbers never do. */
static const char *meaning(int32_t status) {
  switch (status) {
    case CORDON_OK:
      return "done on the device";
    case CORDON_PENDING:
      return "accepted, not done yet";
    case CORDON_ACTION_FAILED:
      return "failed on the device";
    case CORDON_ACTION_TIMED_OUT:
      return "given up by the service, the device did not answer";
    case CORDON_ACTION_CANCELLED:
      return "cancelled at the service";
    case CORDON_ACTION_REJECTED:
      return "rejected by the service";
    case CORDON_NOT_SENT:
      return "never sent";
    case CORDON_DRY_RUN:
      return "checked only, this is a dry run";
    case CORDON_E_OUTCOME_UNKNOWN:
      return "not known; Cordon goes on looking";
    default:
      return status > 0 ? "not done" : "an error";
  }
}

/* True while polling again can tell more. */
static int is_open(int32_t status) {
  return status == CORDON_PENDING || status == CORDON_E_OUTCOME_UNKNOWN;
}

/* An error says that nothing was sent and nothing will be, unless the outcome is unknown. */
static int can_be_followed(const struct outcome *outcome) {
  return outcome->request_id[0] != '\0' && (outcome->status >= 0 || is_open(outcome->status));
}

/* ---- Just enough JSON: the value of a member of the outermost object ---- */

/* Returns the character behind a string that begins at `text` (its opening quote). */
static const char *behind_string(const char *text) {
  for (++text; *text != '\0' && *text != '"'; ++text)
    if (*text == '\\' && text[1] != '\0') ++text;
  return *text == '"' ? text + 1 : text;
}

/* Points into `json` at the value of `key`, or is NULL. */
static const char *find_member(const char *json, const char *key) {
  const size_t length = strlen(key);
  int depth = 0;
  while (*json != '\0') {
    if (*json == '"') {
      const char *behind = behind_string(json);
      const int is_key = depth == 1 && *behind == ':';
      if (is_key && (size_t)(behind - json) == length + 2 && memcmp(json + 1, key, length) == 0) return behind + 1;
      json = behind;
      continue;
    }
    if (*json == '{' || *json == '[') ++depth;
    if (*json == '}' || *json == ']') --depth;
    ++json;
  }
  return NULL;
}

/* Copies a text member without escapes, as ids and states are; an empty text if there is none. */
static void copy_member(const char *json, const char *key, char *to, size_t size) {
  const char *value = find_member(json, key);
  size_t length = 0;
  to[0] = '\0';
  if (value == NULL || *value != '"') return;
  while (value[1 + length] != '\0' && value[1 + length] != '"') ++length;
  if (length >= size) return;
  memcpy(to, value + 1, length);
  to[length] = '\0';
}

/* ---- Calls ---- */

/*
 * Reads what an acting call or a poll gave back into *outcome, prints it, and gives the document and the error back: it
 * owns both from here on. Exactly one of the two is set.
 */
static void take_outcome(const char *what, int32_t status, char *document, cordon_error *error,
                         struct outcome *outcome) {
  const char *json = error != NULL ? api->error_json(error) : document;
  const char *adopted = json == NULL ? NULL : find_member(json, "adopted");
  memset(outcome, 0, sizeof *outcome);
  outcome->status = status;
  if (json != NULL) {
    copy_member(json, "request_id", outcome->request_id, sizeof outcome->request_id);
    copy_member(json, "action_id", outcome->action_id, sizeof outcome->action_id);
    copy_member(json, "state", outcome->state, sizeof outcome->state);
    outcome->adopted = adopted != NULL && strncmp(adopted, "true", 4) == 0;
  }
  say("%s: %s (%s)", what, meaning(status), api->status_name(status));
  if (outcome->request_id[0] != '\0') say("  request id %s", outcome->request_id);
  if (outcome->action_id[0] != '\0') say("  action id  %s", outcome->action_id);
  if (outcome->state[0] != '\0') say("  state      %s%s", outcome->state, outcome->adopted ? ", adopted" : "");
  api->string_free(document);
  if (error != NULL) say_error("  reason", error);
}

static void restrict_device(cordon_client *client, const char *machine, struct outcome *outcome) {
  char *document = NULL;
  cordon_error *error = NULL;
  const int32_t status = api->restrict_code_execution(
      client, machine, "Contain the device while the incident is looked into",
      "{\"until\":\"accepted\",\"labels\":{\"case\":\"EXAMPLE-1\"}}", CALL_TIMEOUT_MS, &document, &error);
  take_outcome("restrict app execution", status, document, error, outcome);
}

static void quarantine_file(cordon_client *client, const char *machine, const char *sha1, struct outcome *outcome) {
  char *document = NULL;
  cordon_error *error = NULL;
  const int32_t status = api->stop_and_quarantine(
      client, machine, sha1, "Stop the file while the incident is looked into",
      "{\"until\":\"accepted\",\"labels\":{\"case\":\"EXAMPLE-1\"}}", CALL_TIMEOUT_MS, &document, &error);
  take_outcome("stop and quarantine", status, document, error, outcome);
}

/* Polls, each time with a wait, until the action has ended, cannot be asked for, or the patience is over. */
static void follow_to_end(cordon_client *client, const char *what, const char *request_id, struct outcome *outcome) {
  int waits;
  memset(outcome, 0, sizeof *outcome);
  outcome->status = CORDON_PENDING;
  for (waits = 0; waits < MAX_WAITS && is_open(outcome->status); ++waits) {
    char *document = NULL;
    cordon_error *error = NULL;
    const int32_t status = api->poll_action(client, request_id, NULL, WAIT_MS, &document, &error);
    take_outcome(what, status, document, error, outcome);
    /* Not known is no answer to wait for, so the pace is ours. */
    if (status == CORDON_E_OUTCOME_UNKNOWN) sleep(1);
  }
}

/* ---- Subcommands: each borrows the client ---- */

static int contain(cordon_client *client, const char *machine, const char *sha1) {
  struct outcome first, again, file, end_of_first, end_of_file;

  restrict_device(client, machine, &first);
  quarantine_file(client, machine, sha1, &file);
  if (!can_be_followed(&first) || !can_be_followed(&file)) return EXIT_ERROR;

  say("the same restriction once more, as two playbooks would ask for it:");
  restrict_device(client, machine, &again);
  if (strcmp(first.request_id, again.request_id) == 0)
    say("joined: it is the same request, nothing was sent twice");
  else if (again.adopted)
    say("adopted: it is an action that was there already");
  else
    say("it is a request of its own");

  follow_to_end(client, "restrict app execution", first.request_id, &end_of_first);
  follow_to_end(client, "stop and quarantine", file.request_id, &end_of_file);
  say("final: restrict app execution %s, stop and quarantine %s", meaning(end_of_first.status),
      meaning(end_of_file.status));
  return end_of_first.status == CORDON_OK && end_of_file.status == CORDON_OK ? EXIT_DONE : EXIT_OTHERWISE;
}

/* Submits one request. On CORDON_OK it is recorded, not done: it will be sent even if this process dies. */
static int submit(cordon_client *client, const char *operation, const char *request, char *id, size_t size) {
  char *request_id = NULL; /* ours to give back */
  cordon_error *error = NULL;
  const int32_t status = api->submit(client, operation, request, &request_id, &error);
  if (status == CORDON_OK && request_id != NULL && strlen(request_id) < size) {
    strcpy(id, request_id);
    say("%s: recorded as request %s; it outlives this process", operation, id);
    api->string_free(request_id);
    return 0;
  }
  if (status < 0)
    say_error(operation, error);
  else
    say("%s: %s (%s)", operation, meaning(status), api->status_name(status));
  api->string_free(request_id);
  return -1;
}

/* The file appears when it is complete and on disk, never half written. */
static int write_state(const char *path, const char *first, const char *second) {
  char temporary[4096];
  FILE *file;
  int failed;
  if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary) return -1;
  file = fopen(temporary, "w");
  if (file == NULL) return -1;
  failed = fprintf(file, "%s\n%s\n", first, second) < 0 || fflush(file) != 0 || fsync(fileno(file)) != 0;
  failed = fclose(file) != 0 || failed;
  return failed || rename(temporary, path) != 0 ? -1 : 0;
}

static int is_alphanumeric(const char *text) {
  for (; *text != '\0'; ++text)
    if (!isalnum((unsigned char)*text)) return 0;
  return 1;
}

static int start(cordon_client *client, const char *machine, const char *sha1, const char *path) {
  char request[512];
  char restriction[ID_SIZE];
  char quarantine[ID_SIZE];
  /* They are put into JSON as they are. */
  if (!is_alphanumeric(machine) || !is_alphanumeric(sha1) || strlen(machine) + strlen(sha1) > 200) {
    say("MACHINE and SHA1 are hexadecimal digits");
    return EXIT_USAGE;
  }
  snprintf(request, sizeof request, "{\"machine_id\":\"%s\",\"comment\":\"Contain the device\"}", machine);
  if (submit(client, "restrict_code_execution", request, restriction, sizeof restriction) != 0) return EXIT_ERROR;
  snprintf(request, sizeof request, "{\"machine_id\":\"%s\",\"sha1\":\"%s\",\"comment\":\"Stop the file\"}", machine,
           sha1);
  if (submit(client, "stop_and_quarantine", request, quarantine, sizeof quarantine) != 0) return EXIT_ERROR;
  if (write_state(path, restriction, quarantine) != 0) {
    say("cannot write %s", path);
    return EXIT_ERROR;
  }
  say("waiting to be killed");
  for (;;) pause();
}

static int resume(cordon_client *client, const char *path) {
  char request_id[ID_SIZE];
  int followed = 0;
  int done = 0;
  FILE *file = fopen(path, "r");
  if (file == NULL) {
    say("cannot read %s", path);
    return EXIT_ERROR;
  }
  while (fgets(request_id, sizeof request_id, file) != NULL) {
    struct outcome end;
    request_id[strcspn(request_id, "\n")] = '\0';
    follow_to_end(client, "request of an earlier process", request_id, &end);
    say("final: %s %s", request_id, meaning(end.status));
    ++followed;
    if (end.status == CORDON_OK) ++done;
  }
  fclose(file);
  if (followed == 0) say("%s names no request: its writer ended before it had any", path);
  return followed > 0 && done == followed ? EXIT_DONE : EXIT_OTHERWISE;
}

static int refused(cordon_client *client, const char *machine) {
  struct outcome outcome;
  say("a SHA-256 where the service takes a SHA-1:");
  quarantine_file(client, machine, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", &outcome);
  return outcome.status == CORDON_E_INVALID_ARGUMENT ? EXIT_DONE : EXIT_OTHERWISE;
}

/* The compiler may not drop the wiping: it cannot know what a volatile write is good for. */
static void wipe(char *bytes, size_t size) {
  volatile char *at = bytes;
  while (size-- > 0) *at++ = 0;
}

static int store_secret(cordon_client *client, const char *name, const char *path) {
  static char secret[SECRET_SIZE]; /* one place that is wiped, no copies */
  cordon_error *error = NULL;
  int32_t status;
  size_t length;
  int whole;
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    say("cannot read %s", path);
    return EXIT_ERROR;
  }
  setvbuf(file, NULL, _IONBF, 0); /* the stream shall keep no copy either */
  length = fread(secret, 1, sizeof secret, file);
  whole = length < sizeof secret && !ferror(file);
  fclose(file);
  if (!whole) {
    wipe(secret, sizeof secret);
    say("%s can't be read to its end, or is no secret: it has more than %d bytes", path, SECRET_SIZE - 1);
    return EXIT_ERROR;
  }
  if (length > 0 && secret[length - 1] == '\n') --length;
  status = api->secret_set(client, name, secret, length, &error);
  wipe(secret, sizeof secret);
  if (status != CORDON_OK) {
    say_error("secret", error);
    return EXIT_ERROR;
  }
  say("secret %s is in the vault, and wiped from this program", name);
  return EXIT_DONE;
}

/* ---- Loading ---- */

/* Fills `api`. The library stays loaded for the rest of the process, so its handle is not kept. */
static int load_library(const char *path) {
  const cordon_api_v1 *(*get_api)(uint32_t) = NULL;
  void *symbol;
  void *library = dlopen(strcmp(path, "-") == 0 ? "libcordon.so.1" : path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    say("cannot load the library: %s", dlerror());
    return -1;
  }
  symbol = dlsym(library, "cordon_get_api");
  memcpy(&get_api, &symbol, sizeof get_api); /* C99 has no cast from an object to a function pointer */
  api = get_api == NULL ? NULL : get_api(CORDON_ABI_VERSION / 1000000);
  /* A library older than this header has a shorter table; the last member used has to lie inside. */
  if (api == NULL || api->struct_size < offsetof(cordon_api_v1, string_free) + sizeof api->string_free) {
    say("the library does not offer the ABI this program was built for");
    return -1;
  }
  return 0;
}

/* Returns a malloc'ed text that the caller frees; NULL when the file cannot be read. */
static char *read_text(const char *path) {
  char *text = malloc(CONFIG_SIZE + 1);
  size_t length;
  FILE *file = fopen(path, "rb");
  if (text == NULL || file == NULL) {
    if (file != NULL) fclose(file);
    free(text);
    return NULL;
  }
  length = fread(text, 1, CONFIG_SIZE, file);
  text[length] = '\0';
  fclose(file);
  return text;
}

/* The caller ends the client with api->client_free; NULL when it does not open. */
static cordon_client *open_client(const char *config_path) {
  cordon_client *client = NULL;
  cordon_error *error = NULL;
  char *config = NULL;
  int32_t status;
  if (strcmp(config_path, "-") != 0 && (config = read_text(config_path)) == NULL) {
    say("cannot read %s", config_path);
    return NULL;
  }
  status = api->init(CORDON_ABI_VERSION, config, &client, &error);
  free(config);
  if (status != CORDON_OK) {
    say_error("init", error);
    return NULL;
  }
  say("Cordon %s is open", api->version());
  return client;
}

static int run(cordon_client *client, int count, char **arguments) {
  const char *command = arguments[0];
  if (count == 3 && strcmp(command, "contain") == 0) return contain(client, arguments[1], arguments[2]);
  if (count == 4 && strcmp(command, "start") == 0) return start(client, arguments[1], arguments[2], arguments[3]);
  if (count == 2 && strcmp(command, "resume") == 0) return resume(client, arguments[1]);
  if (count == 2 && strcmp(command, "refused") == 0) return refused(client, arguments[1]);
  if (count == 3 && strcmp(command, "secret") == 0) return store_secret(client, arguments[1], arguments[2]);
  return EXIT_USAGE;
}

int main(int argc, char **argv) {
  cordon_client *client;
  int result;
  if (argc < 4) {
    fprintf(stderr,
            "usage: %s LIB CONFIG contain MACHINE SHA1 | start MACHINE SHA1 STATE_FILE | resume STATE_FILE |\n"
            "       refused MACHINE | secret NAME FILE\n",
            argc > 0 ? argv[0] : "host");
    return EXIT_USAGE;
  }
  if (load_library(argv[1]) != 0) return EXIT_ERROR;
  client = open_client(argv[2]);
  if (client == NULL) return EXIT_ERROR;
  result = run(client, argc - 3, argv + 3);
  api->client_free(client); /* also shuts it down */
  return result;
}
