#pragma once

#include <curl/curl.h>

#include <memory>
#include <vector>

namespace cordon::http {

/// Idle easy handles of one transport, and the TLS sessions they share. Used on the loop; destroyed by whoever holds it
/// last, after the loop has stopped or on it.
class HandlePool {
 public:
  HandlePool();
  ~HandlePool();
  HandlePool(const HandlePool &) = delete;
  HandlePool &operator=(const HandlePool &) = delete;

  /// A handle without options but those that every handle needs. Throws std::bad_alloc.
  CURL *take();
  /// Takes back a handle that belongs to no multi handle any more; what it pointed to is forgotten.
  void give_back(CURL *easy) noexcept;

 private:
  std::vector<CURL *> idle_;
  CURLSH *sessions_;
};

}  // namespace cordon::http
