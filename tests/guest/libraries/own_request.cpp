#include "guest/libraries/own_request.hpp"

namespace cordon::test {
namespace {

std::size_t keep(char *bytes, std::size_t size, std::size_t count, void *answer) {
  static_cast<std::string *>(answer)->append(bytes, size * count);
  return size * count;
}

}  // namespace

OwnRequest::OwnRequest(const World &world)
    : ca_file_(world.config["http"]["ca_file"]),
      url_(world.config["tenant_defaults"]["cloud"]["api"].get<std::string>() + "/emulator/counters"),
      multi_(curl_multi_init()),
      easy_(curl_easy_init()) {
  curl_easy_setopt(easy_, CURLOPT_URL, url_.c_str());
  curl_easy_setopt(easy_, CURLOPT_CAINFO, ca_file_.c_str());
  curl_easy_setopt(easy_, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &keep);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, static_cast<void *>(&answer_));
}

OwnRequest::~OwnRequest() {
  curl_easy_cleanup(easy_);
  curl_multi_cleanup(multi_);
}

void OwnRequest::make() {
  answer_.clear();
  curl_multi_add_handle(multi_, easy_);
  int running = 1;
  while (running > 0 && curl_multi_perform(multi_, &running) == CURLM_OK)
    if (running > 0) curl_multi_poll(multi_, nullptr, 0, 1'000, nullptr);
  int left = 0;
  const CURLMsg *message = curl_multi_info_read(multi_, &left);
  CHECK_SAID(message != nullptr && message->data.result == CURLE_OK,
             message == nullptr ? "no answer" : curl_easy_strerror(message->data.result));
  long status = 0;
  long made = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy_, CURLINFO_NUM_CONNECTS, &made);
  connections_ += made;
  CHECK_SAID(status == 200, std::to_string(status));
  CHECK_SAID(nlohmann::json::accept(answer_), answer_);
  curl_multi_remove_handle(multi_, easy_);
}

}  // namespace cordon::test
