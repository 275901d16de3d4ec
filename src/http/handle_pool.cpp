#include "http/handle_pool.hpp"

#include <new>

namespace cordon::http {
namespace {

constexpr std::size_t kMostIdle = 32;

void set_base_options(CURL *easy) {
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  // A name resolution that hangs is left to its own thread instead of being waited for.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
}

}  // namespace

HandlePool::HandlePool() : sessions_(curl_share_init()) {
  if (sessions_ == nullptr) throw std::bad_alloc();
  curl_share_setopt(sessions_, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);  // one thread: no lock functions
  idle_.reserve(kMostIdle);
}

HandlePool::~HandlePool() {
  for (CURL *easy : idle_) curl_easy_cleanup(easy);
  curl_share_cleanup(sessions_);
}

CURL *HandlePool::take() {
  if (!idle_.empty()) {
    CURL *easy = idle_.back();
    idle_.pop_back();
    return easy;
  }
  CURL *easy = curl_easy_init();
  if (easy == nullptr) throw std::bad_alloc();
  set_base_options(easy);
  curl_easy_setopt(easy, CURLOPT_SHARE, sessions_);
  return easy;
}

void HandlePool::give_back(CURL *easy) noexcept {
  if (idle_.size() >= kMostIdle) {
    curl_easy_cleanup(easy);
    return;
  }
  curl_easy_reset(easy);  // keeps the shared sessions
  set_base_options(easy);
  idle_.push_back(easy);
}

}  // namespace cordon::http
