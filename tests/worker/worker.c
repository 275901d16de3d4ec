/*
 * A host of Cordon that does what it is told, line by line on stdin, and answers each line with one on stdout. It knows
 * the library by cordon_get_api alone. At the end of stdin it shuts its client down and ends.
 *
 *   worker LIBRARY CONFIG_FILE
 *
 *   secret NAME VALUE             -> secret STATUS
 *   act MACHINE TIMEOUT_MS [OPTIONS]   restricts, blocking     -> act STATUS DOCUMENT
 *   submit MACHINE [OPTIONS]      restricts, in the background -> submit STATUS REQUEST_ID
 *   poll ID WAIT_MS               -> poll STATUS DOCUMENT
 *   call OPERATION REQUEST        -> call STATUS DOCUMENT
 *   follow COUNT WAIT_MS          reads events until COUNT requests have ended or none has come for so long
 *                                                              -> event CORDON_OK EVENT..., follow STATUS
 *   crowd THREADS COUNT FILE      restricts COUNT machines of a file from so many threads at once -> crowd STATUS
 *   usage                         -> usage PEAK_KIB RESIDENT_KIB CPU_US
 *
 * DOCUMENT is the error's JSON where STATUS is an error. OPTIONS are JSON without blanks. Exit: 0 stdin ended, 1 the
 * client could not be opened (the first line is "ready STATUS"), 2 wrong use.
 */
#include <cordon.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_SIZE = 64 * 1024, REQUEST_SIZE = 8 * 1024, CALL_TIMEOUT_MS = 120000 };

static const cordon_api_v1 *api; /* static in the library */
static cordon_client *client;

/* Answers with a status and the text or the error that came with it, and gives both back. */
static void answer(const char *verb, int32_t status, char *text, cordon_error *error) {
  printf("%s %s %s\n", verb, api->status_name(status), error != NULL ? api->error_json(error) : text ? text : "");
  fflush(stdout);
  api->string_free(text);
  api->error_free(error);
}

static const char *or_empty(const char *options) {
  return options == NULL ? "{}" : options;
}

static void do_secret(char *words) {
  cordon_error *error = NULL;
  const char *name = strtok(words, " ");
  const char *value = strtok(NULL, "\n");
  const int32_t status = api->secret_set(client, name, value, value == NULL ? 0 : strlen(value), &error);
  answer("secret", status, NULL, error);
}

static void do_act(char *words) {
  cordon_error *error = NULL;
  char *document = NULL;
  const char *machine = strtok(words, " ");
  const char *timeout = strtok(NULL, " ");
  const char *options = strtok(NULL, "");
  const int32_t status = api->restrict_code_execution(client, machine, "test", options,
                                                      timeout == NULL ? -1 : (int32_t)atol(timeout), &document, &error);
  answer("act", status, document, error);
}

static int32_t submit(const char *machine, const char *options, char **id, cordon_error **error) {
  char request[REQUEST_SIZE];
  snprintf(request, sizeof request, "{\"machine_id\":\"%s\",\"comment\":\"test\",\"options\":%s}",
           machine == NULL ? "" : machine, or_empty(options));
  return api->submit(client, "restrict_code_execution", request, id, error);
}

static void do_submit(char *words) {
  cordon_error *error = NULL;
  char *id = NULL;
  const char *machine = strtok(words, " ");
  const int32_t status = submit(machine, strtok(NULL, ""), &id, &error);
  answer("submit", status, id, error);
}

static void do_poll(char *words) {
  cordon_error *error = NULL;
  char *document = NULL;
  const char *id = strtok(words, " ");
  const char *wait = strtok(NULL, " ");
  const int32_t status = api->poll_action(client, id, NULL, wait == NULL ? 0 : (int32_t)atol(wait), &document, &error);
  answer("poll", status, document, error);
}

static void do_call(char *words) {
  cordon_error *error = NULL;
  char *document = NULL;
  const char *operation = strtok(words, " ");
  const int32_t status = api->call(client, operation, or_empty(strtok(NULL, "")), CALL_TIMEOUT_MS, &document, &error);
  answer("call", status, document, error);
}

static int is_end(const char *event) {
  static const char *const ends[] = {"succeeded", "failed",  "timed_out", "cancelled",
                                     "rejected",  "expired", "withdrawn", "unknown"};
  char member[32];
  size_t i;
  for (i = 0; i < sizeof ends / sizeof ends[0]; ++i) {
    snprintf(member, sizeof member, "\"state\":\"%s\"", ends[i]);
    if (strstr(event, member) != NULL) return 1;
  }
  return 0;
}

static void do_follow(char *words) {
  const char *count = strtok(words, " ");
  const char *wait = strtok(NULL, " ");
  long left = count == NULL ? 0 : atol(count);
  cordon_error *error = NULL;
  int32_t status = CORDON_OK;
  while (left > 0 && status == CORDON_OK) {
    char *event = NULL;
    status = api->next_event(client, NULL, wait == NULL ? 0 : (int32_t)atol(wait), &event, &error);
    if (status != CORDON_OK) break;
    if (is_end(event)) --left;
    printf("event CORDON_OK %s\n", event);
    api->string_free(event);
  }
  answer("follow", status, NULL, error);
}

/* What the threads of a crowd share. */
struct crowd {
  pthread_mutex_t mutex;
  FILE *machines;
  long left;
  int32_t worst; /* the first status that was neither OK nor PENDING */
};

static void *act_until_none_is_left(void *context) {
  struct crowd *crowd = context;
  char machine[64];
  for (;;) {
    int32_t status;
    int more;
    pthread_mutex_lock(&crowd->mutex);
    more = crowd->left > 0 && fgets(machine, sizeof machine, crowd->machines) != NULL;
    --crowd->left;
    pthread_mutex_unlock(&crowd->mutex);
    if (!more) return NULL;
    machine[strcspn(machine, "\n")] = '\0';
    status = api->restrict_code_execution(client, machine, "test", NULL, CALL_TIMEOUT_MS, NULL, NULL);
    if (status == CORDON_OK || status == CORDON_PENDING) continue;
    pthread_mutex_lock(&crowd->mutex);
    crowd->worst = status;
    pthread_mutex_unlock(&crowd->mutex);
  }
}

static void do_crowd(char *words) {
  struct crowd crowd = {PTHREAD_MUTEX_INITIALIZER, NULL, 0, CORDON_OK};
  pthread_t threads[256];
  const char *count = strtok(words, " ");
  const char *total = strtok(NULL, " ");
  const char *file = strtok(NULL, " ");
  long i;
  const long number = count == NULL ? 0 : atol(count);
  crowd.left = total == NULL ? 0 : atol(total);
  crowd.machines = file == NULL ? NULL : fopen(file, "r");
  if (number < 1 || number > 256 || crowd.machines == NULL) {
    answer("crowd", CORDON_E_INVALID_ARGUMENT, NULL, NULL);
    return;
  }
  for (i = 0; i < number; ++i) pthread_create(&threads[i], NULL, act_until_none_is_left, &crowd);
  for (i = 0; i < number; ++i) pthread_join(threads[i], NULL);
  fclose(crowd.machines);
  answer("crowd", crowd.worst, NULL, NULL);
}

static void do_usage(char *words) {
  struct rusage usage;
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  (void)words;
  if (file != NULL) {
    if (fscanf(file, "%*s %ld", &pages) != 1) pages = 0;
    fclose(file);
  }
  getrusage(RUSAGE_SELF, &usage);
  printf("usage %ld %ld %lld\n", usage.ru_maxrss, pages * (sysconf(_SC_PAGESIZE) / 1024),
         (long long)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
             usage.ru_stime.tv_usec);
  fflush(stdout);
}

static const struct verb {
  const char *name;
  void (*act)(char *words);
} verbs[] = {{"secret", do_secret}, {"act", do_act},       {"submit", do_submit}, {"poll", do_poll},
             {"call", do_call},     {"follow", do_follow}, {"crowd", do_crowd},   {"usage", do_usage}};

static int obey(char *line) {
  size_t i;
  line[strcspn(line, "\n")] = '\0';
  for (i = 0; i < sizeof verbs / sizeof verbs[0]; ++i) {
    const size_t length = strlen(verbs[i].name);
    if (strncmp(line, verbs[i].name, length) != 0 || (line[length] != ' ' && line[length] != '\0')) continue;
    verbs[i].act(line + length + (line[length] == ' '));
    return 1;
  }
  return 0;
}

static char *read_file(const char *name) {
  FILE *file = fopen(name, "r");
  struct stat facts;
  char *text = NULL;
  if (file == NULL) return NULL;
  if (fstat(fileno(file), &facts) == 0) text = calloc((size_t)facts.st_size + 1, 1);
  if (text != NULL && fread(text, 1, (size_t)facts.st_size, file) != (size_t)facts.st_size) text[0] = '\0';
  fclose(file);
  return text;
}

static int open_client(const char *library, const char *config_file) {
  const cordon_api_v1 *(*get_api)(uint32_t);
  cordon_error *error = NULL;
  void *const loaded = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  void *const symbol = loaded == NULL ? NULL : dlsym(loaded, "cordon_get_api");
  char *const config = read_file(config_file);
  int32_t status;
  if (symbol == NULL || config == NULL) {
    fprintf(stderr, "worker: %s\n", loaded == NULL ? dlerror() : "no cordon_get_api or no config");
    return 2;
  }
  memcpy(&get_api, &symbol, sizeof get_api);
  api = get_api(1);
  status = api->init(CORDON_ABI_VERSION, config, &client, &error);
  free(config);
  answer("ready", status, NULL, error);
  return status == CORDON_OK ? 0 : 1;
}

int main(int argc, char **argv) {
  static char line[LINE_SIZE];
  int opened;
  if (argc != 3) return 2;
  opened = open_client(argv[1], argv[2]);
  if (opened != 0) return opened;
  while (fgets(line, sizeof line, stdin) != NULL)
    if (!obey(line)) {
      fprintf(stderr, "worker: what is this: %s\n", line);
      return 2;
    }
  api->shutdown(client, 10000, NULL);
  api->client_free(client);
  return 0;
}
