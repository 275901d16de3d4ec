/* Reads one URL again and again with libcurl.  usage: peer_read URL CA_FILE TOKEN */
#include "meter.h"
#include "peer_curl.h"

static struct peer peer;

static int read_once(void *url) {
  const long status = peer_request(&peer, url, NULL);
  if (status != 200) fprintf(stderr, "peer_read: HTTP %ld\n", status);
  return status == 200 && peer.length > 0 ? 0 : -1;
}

int main(int argc, char **argv) {
  int result;
  if (argc != 4 || peer_open(&peer, argv[2]) != 0) return 2;
  peer_authorize(&peer, argv[3]);
  result = meter_serve(read_once, argv[1]);
  peer_close(&peer);
  return result;
}
