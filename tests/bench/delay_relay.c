/* Relays TCP connections and holds back what the server answers: a server that is some milliseconds away.
 * usage: delay_relay SERVER_PORT DELAY_MS      prints the port it listens on, ends when stdin does */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kConnections = 64, kChunk = 65536 };

struct pair {
  int client;
  int server;
  char held[kChunk];
  size_t length;
  double due_ms; /* when `held` may go to the client */
};

static struct pair pairs[kConnections];

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static struct sockaddr_in loopback(unsigned port) {
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons((uint16_t)port);
  return address;
}

static void no_delay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void drop(struct pair *pair) {
  close(pair->client);
  close(pair->server);
  pair->client = pair->server = -1;
  pair->length = 0;
}

static void take(int listener, unsigned server_port) {
  const int client = accept(listener, NULL, NULL);
  size_t i;
  if (client < 0) return;
  for (i = 0; i < kConnections; ++i) {
    if (pairs[i].client < 0) {
      const struct sockaddr_in address = loopback(server_port);
      pairs[i].client = client;
      pairs[i].server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      no_delay(client);
      no_delay(pairs[i].server);
      if (connect(pairs[i].server, (const struct sockaddr *)&address, sizeof address) != 0) drop(&pairs[i]);
      return;
    }
  }
  close(client);
}

/* Whole or not at all: what is relayed is small and the sockets block. */
static int put(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    const ssize_t wrote = send(fd, bytes, length, MSG_NOSIGNAL);
    if (wrote <= 0) return -1;
    bytes += wrote;
    length -= (size_t)wrote;
  }
  return 0;
}

static void to_server(struct pair *pair) {
  static char chunk[kChunk];
  const ssize_t got = recv(pair->client, chunk, sizeof chunk, 0);
  if (got <= 0 || put(pair->server, chunk, (size_t)got) != 0) drop(pair);
}

static void hold(struct pair *pair, double delay_ms) {
  const ssize_t got = recv(pair->server, pair->held, sizeof pair->held, 0);
  if (got <= 0) {
    drop(pair);
    return;
  }
  pair->length = (size_t)got;
  pair->due_ms = now_ms() + delay_ms;
}

static void release_due(void) {
  size_t i;
  for (i = 0; i < kConnections; ++i) {
    if (pairs[i].length > 0 && pairs[i].due_ms <= now_ms()) {
      if (put(pairs[i].client, pairs[i].held, pairs[i].length) != 0) drop(&pairs[i]);
      pairs[i].length = 0;
    }
  }
}

/* Until the first held answer is due; in ns, because a millisecond too many would be the relay's, not the server's. */
static struct timespec until_due(void) {
  double left_ms = 1000;
  struct timespec wait;
  size_t i;
  for (i = 0; i < kConnections; ++i) {
    if (pairs[i].length > 0 && pairs[i].due_ms - now_ms() < left_ms) left_ms = pairs[i].due_ms - now_ms();
  }
  if (left_ms < 0) left_ms = 0;
  wait.tv_sec = (time_t)(left_ms / 1e3);
  wait.tv_nsec = (long)((left_ms - (double)wait.tv_sec * 1e3) * 1e6);
  return wait;
}

static void relay(int listener, unsigned server_port, double delay_ms) {
  for (;;) {
    struct pollfd watched[2 + 2 * kConnections];
    const struct timespec wait = until_due();
    size_t i;
    memset(watched, 0, sizeof watched);
    watched[0].fd = STDIN_FILENO;
    watched[1].fd = listener;
    for (i = 0; i < kConnections; ++i) {
      watched[2 + 2 * i].fd = pairs[i].client;
      watched[3 + 2 * i].fd = pairs[i].length > 0 ? -1 : pairs[i].server;
    }
    for (i = 0; i < 2 + 2 * kConnections; ++i) watched[i].events = POLLIN;
    if (ppoll(watched, 2 + 2 * kConnections, &wait, NULL) < 0 && errno != EINTR) return;
    release_due();
    if (watched[0].revents != 0) return;
    for (i = 0; i < kConnections; ++i) {
      if (watched[2 + 2 * i].revents != 0 && pairs[i].client >= 0) to_server(&pairs[i]);
      if (watched[3 + 2 * i].revents != 0 && pairs[i].server >= 0) hold(&pairs[i], delay_ms);
    }
    if (watched[1].revents != 0) take(listener, server_port);
  }
}

int main(int argc, char **argv) {
  struct sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  size_t i;
  if (argc != 3) return 2;
  for (i = 0; i < kConnections; ++i) pairs[i].client = pairs[i].server = -1;
  if (bind(listener, (const struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 16) != 0) return 2;
  if (getsockname(listener, (struct sockaddr *)&address, &length) != 0) return 2;
  printf("%u\n", (unsigned)ntohs(address.sin_port));
  fflush(stdout);
  relay(listener, (unsigned)strtoul(argv[1], NULL, 10), strtod(argv[2], NULL));
  return 0;
}
