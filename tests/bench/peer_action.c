/* For each call: appends the intent to a file, makes it durable, posts the action. The token is given.
 * usage: peer_action URL TOKEN CA_FILE MACHINES_FILE JOURNAL_FILE */
#include <fcntl.h>
#include <unistd.h>

#include "meter.h"
#include "peer_curl.h"

static struct peer peer;

struct work {
  const char *url;
  FILE *machines;
  int journal;
};

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
  struct work work;
  int result;
  if (argc != 6 || peer_open(&peer, argv[3]) != 0) return 2;
  work.url = argv[1];
  work.machines = fopen(argv[4], "r");
  work.journal = open(argv[5], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (work.machines == NULL || work.journal < 0) return 2;
  peer_authorize(&peer, argv[2]);
  result = meter_serve(act, &work);
  peer_close(&peer);
  fclose(work.machines);
  close(work.journal);
  return result;
}
