#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/text.hpp"
#include "support/emulator_process.hpp"

namespace cordon::emulator {

struct WireReply {
  CURLcode result = CURLE_OK;
  long status = 0;
  std::string body, headers;
  Json json() const { return Json::parse(body); }
};

/// One connection to a running emulator, kept alive, with a token.
class HttpsClient {
 public:
  explicit HttpsClient(const test::EmulatorProcess &emulator)
      : easy_(curl_easy_init(), curl_easy_cleanup), url_(emulator.url()), ca_(emulator.ca_file()) {}

  void login(const Json &ready) {
    const std::string form = "grant_type=client_credentials&client_id=" + text_or(ready, "client_id") +
                             "&client_secret=" + percent_encode(text_or(ready, "client_secret")) +
                             "&scope=" + percent_encode("https://api.securitycenter.microsoft.com/.default");
    const std::string path = "/" + text_or(ready, "tenant_id") + "/oauth2/v2.0/token";
    token_ = send("POST", path, &form, "application/x-www-form-urlencoded").json().at("access_token");
  }
  WireReply get(const std::string &path) { return send("GET", path, nullptr, ""); }
  WireReply post(const std::string &path, const Json &body) {
    const std::string text = dump(body);
    return send("POST", path, &text, "application/json");
  }
  WireReply isolate(const std::string &machine) {
    return post("/api/machines/" + machine + "/isolate", {{"Comment", "case 77"}});
  }
  void set_timeout_ms(long ms) { timeout_ms_ = ms; }

 private:
  static std::size_t append(char *bytes, std::size_t size, std::size_t count, void *out) {
    static_cast<std::string *>(out)->append(bytes, size * count);
    return size * count;
  }

  WireReply send(const char *method, const std::string &path, const std::string *body, const std::string &type) {
    CURL *easy = easy_.get();
    WireReply reply;
    const std::string address = url_ + path;
    curl_slist *list = curl_slist_append(nullptr, ("Content-Type: " + type).c_str());
    list = curl_slist_append(list, ("Authorization: Bearer " + token_).c_str());
    const std::unique_ptr<curl_slist, void (*)(curl_slist *)> headers(list, curl_slist_free_all);
    curl_easy_setopt(easy, CURLOPT_URL, address.c_str());
    curl_easy_setopt(easy, CURLOPT_CAINFO, ca_.c_str());
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms_);
    // libcurl repeats a POST on its own when a reused connection dies before the answer.
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, body != nullptr ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &append);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &reply.body);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &append);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &reply.headers);
    if (body != nullptr)
      curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body->c_str());
    else
      curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    reply.result = curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &reply.status);
    return reply;
  }

  std::unique_ptr<CURL, void (*)(CURL *)> easy_;
  std::string url_, ca_, token_;
  long timeout_ms_ = 60'000;
};

}  // namespace cordon::emulator
