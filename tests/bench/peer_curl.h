/* What a careful C program does with libcurl: one handle that stays, TLS checked, the answer kept in memory. */
#ifndef CORDON_BENCH_PEER_CURL_H
#define CORDON_BENCH_PEER_CURL_H

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

struct peer {
  CURL *easy;
  struct curl_slist *headers;
  char answer[65536];
  size_t length;
};

static size_t peer_keep(char *bytes, size_t size, size_t count, void *into) {
  struct peer *peer = into;
  const size_t more = size * count;
  if (more >= sizeof peer->answer - peer->length) return 0;
  memcpy(peer->answer + peer->length, bytes, more);
  peer->length += more;
  peer->answer[peer->length] = '\0';
  return more;
}

static int peer_open(struct peer *peer, const char *ca_file) {
  memset(peer, 0, sizeof *peer);
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return -1;
  peer->easy = curl_easy_init();
  if (peer->easy == NULL) return -1;
  curl_easy_setopt(peer->easy, CURLOPT_CAINFO, ca_file);
  curl_easy_setopt(peer->easy, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(peer->easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(peer->easy, CURLOPT_TIMEOUT_MS, 60000L);
  curl_easy_setopt(peer->easy, CURLOPT_WRITEFUNCTION, peer_keep);
  curl_easy_setopt(peer->easy, CURLOPT_WRITEDATA, peer);
  return 0;
}

static void peer_authorize(struct peer *peer, const char *token) {
  char header[8192];
  snprintf(header, sizeof header, "Authorization: Bearer %s", token);
  peer->headers = curl_slist_append(NULL, header);
  peer->headers = curl_slist_append(peer->headers, "Content-Type: application/json");
  curl_easy_setopt(peer->easy, CURLOPT_HTTPHEADER, peer->headers);
}

/* GET without a body, POST with one. Returns the HTTP status, or -1. */
static long peer_request(struct peer *peer, const char *url, const char *body) {
  long status = 0;
  peer->length = 0;
  curl_easy_setopt(peer->easy, CURLOPT_URL, url);
  if (body != NULL) {
    curl_easy_setopt(peer->easy, CURLOPT_POSTFIELDS, body);
  } else {
    curl_easy_setopt(peer->easy, CURLOPT_HTTPGET, 1L);
  }
  if (curl_easy_perform(peer->easy) != CURLE_OK) return -1;
  curl_easy_getinfo(peer->easy, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

static void peer_close(struct peer *peer) {
  curl_easy_cleanup(peer->easy);
  curl_slist_free_all(peer->headers);
  curl_global_cleanup();
}

#endif
