/* Fetches a token, then for each call appends the intent to a file, makes it durable, and posts the action.
 * usage: peer_action URL TENANT CLIENT_ID CLIENT_SECRET CA_FILE MACHINES_FILE JOURNAL_FILE */
#include <fcntl.h>
#include <unistd.h>

#include "meter.h"
#include "peer_curl.h"

#define AUDIENCE "https%3A%2F%2Fapi.securitycenter.microsoft.com%2F.default"

static struct peer peer;

struct work {
  const char *url;
  FILE *machines;
  int journal;
};

static int take_token(const char *origin, const char *tenant, const char *id, const char *secret, char *token,
                      size_t size) {
  char url[512];
  char body[1024];
  char *escaped = curl_easy_escape(peer.easy, secret, 0);
  const char *from;
  const char *to;
  snprintf(url, sizeof url, "%s/%s/oauth2/v2.0/token", origin, tenant);
  snprintf(body, sizeof body, "grant_type=client_credentials&client_id=%s&client_secret=%s&scope=%s", id, escaped,
           AUDIENCE);
  curl_free(escaped);
  if (peer_request(&peer, url, body) != 200) return -1;
  from = strstr(peer.answer, "\"access_token\":\"");
  if (from == NULL) return -1;
  from += strlen("\"access_token\":\"");
  to = strchr(from, '"');
  if (to == NULL || (size_t)(to - from) >= size) return -1;
  memcpy(token, from, (size_t)(to - from));
  token[to - from] = '\0';
  return 0;
}

static int act(void *context) {
  struct work *work = context;
  const char *machine = meter_next_line(work->machines);
  const char *body = "{\"Comment\":\"bench\"}";
  char url[512];
  long status;
  int length;
  if (machine == NULL) return -1;
  length = snprintf(url, sizeof url, "%s/api/machines/%s/restrictCodeExecution\n", work->url, machine);
  if (length <= 0 || write(work->journal, url, (size_t)length) != length || fdatasync(work->journal) != 0) return -1;
  url[length - 1] = '\0';
  status = peer_request(&peer, url, body);
  if (status != 201) fprintf(stderr, "peer_action: HTTP %ld %s\n", status, peer.answer);
  return status == 201 ? 0 : -1;
}

int main(int argc, char **argv) {
  static char token[8000];
  struct work work;
  int result;
  if (argc != 8 || peer_open(&peer, argv[5]) != 0) return 2;
  work.url = argv[1];
  work.machines = fopen(argv[6], "r");
  work.journal = open(argv[7], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (work.machines == NULL || work.journal < 0) return 2;
  if (take_token(argv[1], argv[2], argv[3], argv[4], token, sizeof token) != 0) {
    fputs("peer_action: no token\n", stderr);
    return 2;
  }
  peer_authorize(&peer, token);
  result = meter_serve(act, &work);
  peer_close(&peer);
  fclose(work.machines);
  close(work.journal);
  return result;
}
