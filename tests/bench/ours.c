/* The same work through libcordon.
 *
 * usage: ours LIBRARY CONFIG_FILE read MACHINE       each call reads the machine
 *        ours LIBRARY CONFIG_FILE secret NAME       stores stdin in the vault
 *        ours LIBRARY CONFIG_FILE act MACHINES_FILE  each call restricts the file's next machine
 *        ours LIBRARY CONFIG_FILE pending MACHINES_FILE COUNT
 *                                                    submits COUNT, waits until all are accepted, prints peak KiB
 *        ours LIBRARY CONFIG_FILE tenants NAMES_FILE reads once for each of the file's tenants, prints KiB in use */
#include <dlfcn.h>
#include <sys/stat.h>

#include "cordon.h"
#include "meter.h"

static const cordon_api_v1 *api;

struct work {
  cordon_client *client;
  const char *request;
  FILE *machines;
};

static int complain(int32_t status, cordon_error *error) {
  fprintf(stderr, "ours: %s: %s\n", api->status_name(status), api->error_message(error));
  api->error_free(error);
  return -1;
}

static int read_once(void *context) {
  struct work *work = context;
  cordon_error *error = NULL;
  char *result = NULL;
  const int32_t status = api->call(work->client, "get_machine", work->request, 60000, &result, &error);
  if (status != CORDON_OK) return complain(status, error);
  api->string_free(result);
  return 0;
}

static int act(void *context) {
  struct work *work = context;
  cordon_error *error = NULL;
  char *action = NULL;
  const char *machine = meter_next_line(work->machines);
  int32_t status;
  if (machine == NULL) return -1;
  status = api->restrict_code_execution(work->client, machine, "bench", NULL, 60000, &action, &error);
  if (status != CORDON_OK && status != CORDON_PENDING) return complain(status, error);
  api->string_free(action);
  return 0;
}

static int submit_all(struct work *work, unsigned long count) {
  unsigned long i;
  for (i = 0; i < count; ++i) {
    const char *machine = meter_next_line(work->machines);
    char request[256];
    char *id = NULL;
    cordon_error *error = NULL;
    int32_t status;
    if (machine == NULL) return -1;
    snprintf(request, sizeof request,
             "{\"machine_id\":\"%s\",\"comment\":\"bench\",\"options\":{\"valid_for_ms\":3600000}}", machine);
    status = api->submit(work->client, "restrict_code_execution", request, &id, &error);
    if (status != CORDON_OK) return complain(status, error);
    api->string_free(id);
  }
  return 0;
}

/* Every accepted request says so once, by an event that carries the service's status word. */
static int wait_until_accepted(struct work *work, unsigned long count) {
  while (count > 0) {
    char *event = NULL;
    cordon_error *error = NULL;
    const int32_t status = api->next_event(work->client, NULL, 120000, &event, &error);
    if (status != CORDON_OK) return complain(status, error);
    if (strstr(event, "\"state\":\"pending\"") != NULL) --count;
    api->string_free(event);
  }
  return 0;
}

/* Each gets its token. */
static int read_for_all(struct work *work) {
  char tenant[80];
  while (fgets(tenant, sizeof tenant, work->machines) != NULL) {
    char request[256];
    char *result = NULL;
    cordon_error *error = NULL;
    int32_t status;
    tenant[strcspn(tenant, "\n")] = '\0';
    snprintf(request, sizeof request, "{\"filter\":{\"top\":1},\"options\":{\"tenant\":\"%s\"}}", tenant);
    status = api->call(work->client, "list_actions", request, 60000, &result, &error);
    if (status != CORDON_OK) return complain(status, error);
    api->string_free(result);
  }
  return 0;
}

static int print_peak(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("%ld\n", usage.ru_maxrss);
  return 0;
}

/* Memory of its own that is in use now, without the code. */
static int print_in_use(void) {
  char line[128];
  long kib = -1;
  FILE *status = fopen("/proc/self/status", "r");
  if (status == NULL) return 1;
  while (fgets(line, sizeof line, status) != NULL)
    if (sscanf(line, "RssAnon: %ld", &kib) == 1) break;
  fclose(status);
  printf("%ld\n", kib);
  return kib < 0;
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

static int store_secret(struct work *work, const char *name) {
  char value[4096];
  cordon_error *error = NULL;
  const size_t length = fread(value, 1, sizeof value, stdin);
  const int32_t status = api->secret_set(work->client, name, value, length, &error);
  return status == CORDON_OK ? 0 : complain(status, error);
}

static int run(struct work *work, int argc, char **argv) {
  char request[128];
  int result = 2;
  if (strcmp(argv[3], "read") == 0) {
    snprintf(request, sizeof request, "{\"machine_id\":\"%s\"}", argv[4]);
    work->request = request;
    return meter_serve(read_once, work);
  }
  if (strcmp(argv[3], "secret") == 0) return store_secret(work, argv[4]) == 0 ? 0 : 1;
  work->machines = fopen(argv[4], "r");
  if (work->machines == NULL) return 2;
  if (strcmp(argv[3], "act") == 0) result = meter_serve(act, work);
  if (strcmp(argv[3], "pending") == 0 && argc == 6) {
    const unsigned long count = strtoul(argv[5], NULL, 10);
    result = submit_all(work, count) == 0 && wait_until_accepted(work, count) == 0 ? print_peak() : 1;
  }
  if (strcmp(argv[3], "tenants") == 0) result = read_for_all(work) == 0 ? print_in_use() : 1;
  fclose(work->machines);
  return result;
}

int main(int argc, char **argv) {
  struct work work = {NULL, NULL, NULL};
  cordon_error *error = NULL;
  const cordon_api_v1 *(*get_api)(uint32_t);
  void *library;
  void *symbol;
  char *config;
  int32_t status;
  int result;
  if (argc < 5) return 2;
  library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  symbol = library == NULL ? NULL : dlsym(library, "cordon_get_api");
  config = read_file(argv[2]);
  if (symbol == NULL || config == NULL) {
    fprintf(stderr, "ours: %s\n", library == NULL ? dlerror() : "no cordon_get_api or no config");
    return 2;
  }
  memcpy(&get_api, &symbol, sizeof get_api);
  api = get_api(1);
  status = api->init(CORDON_ABI_VERSION, config, &work.client, &error);
  free(config);
  if (status != CORDON_OK) {
    complain(status, error);
    return 2;
  }
  result = run(&work, argc, argv);
  api->shutdown(work.client, 10000, NULL);
  api->client_free(work.client);
  return result;
}
