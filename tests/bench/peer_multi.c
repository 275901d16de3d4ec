/* The same actions as fast as libcurl's multi interface sends them, so many at a time, and nothing of it made durable.
 * usage: peer_multi URL TOKEN CA_FILE MACHINES_FILE AT_ONCE      prints the wall time in microseconds */
#include <curl/curl.h>

#include "meter.h"

enum { MOST_AT_ONCE = 256 };

static const char body[] = "{\"Comment\":\"bench\"}";

struct run {
  CURLM *multi;
  struct curl_slist *headers;
  FILE *machines;
  const char *url;
  const char *ca_file;
};

static size_t forget(char *bytes, size_t size, size_t count, void *into) {
  (void)bytes;
  (void)into;
  return size * count;
}

/* Lets `easy` post for the next machine. 0: none was left. */
static int post_next(const struct run *run, CURL *easy) {
  char line[128];
  char url[512];
  if (fgets(line, sizeof line, run->machines) == NULL) return 0;
  line[strcspn(line, "\n")] = '\0';
  snprintf(url, sizeof url, "%s/api/machines/%s/restrictCodeExecution", run->url, line);
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_CAINFO, run->ca_file);
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, run->headers);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, forget);
  return curl_multi_add_handle(run->multi, easy) == CURLM_OK;
}

/* Every transfer that has ended makes room for the next. Returns how many failed. */
static int collect(const struct run *run, long *open) {
  const CURLMsg *message;
  int left;
  int failed = 0;
  while ((message = curl_multi_info_read(run->multi, &left)) != NULL) {
    CURL *easy = message->easy_handle;
    long status = 0;
    if (message->msg != CURLMSG_DONE) continue;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    failed += status != 201;
    curl_multi_remove_handle(run->multi, easy);
    *open -= !post_next(run, easy);
  }
  return failed;
}

int main(int argc, char **argv) {
  CURL *easy[MOST_AT_ONCE];
  char header[8192];
  struct run run;
  long at_once;
  long open = 0;
  long i;
  int failed = 0;
  double start;
  if (argc != 6 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return 2;
  at_once = strtol(argv[5], NULL, 10);
  run.machines = fopen(argv[4], "r");
  if (run.machines == NULL || at_once < 1 || at_once > MOST_AT_ONCE) return 2;
  run.url = argv[1];
  run.ca_file = argv[3];
  snprintf(header, sizeof header, "Authorization: Bearer %s", argv[2]);
  run.headers = curl_slist_append(curl_slist_append(NULL, header), "Content-Type: application/json");
  run.multi = curl_multi_init();
  start = meter_wall_us();
  for (i = 0; i < at_once; ++i) {
    easy[i] = curl_easy_init();
    open += post_next(&run, easy[i]);
  }
  while (open > 0) {
    int running;
    if (curl_multi_perform(run.multi, &running) != CURLM_OK) return 1;
    failed += collect(&run, &open);
    if (running > 0 && curl_multi_poll(run.multi, NULL, 0, 1000, NULL) != CURLM_OK) return 1;
  }
  printf("%.0f\n", meter_wall_us() - start);
  for (i = 0; i < at_once; ++i) curl_easy_cleanup(easy[i]);
  curl_multi_cleanup(run.multi);
  curl_slist_free_all(run.headers);
  fclose(run.machines);
  return failed == 0 ? 0 : 1;
}
