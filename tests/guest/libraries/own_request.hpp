#pragma once

#include <curl/curl.h>

#include <string>

#include "guest/hosts/host.hpp"

namespace cordon::test {

/// A connection of the host's own, kept alive, to the emulator's control plane over TLS.
class OwnRequest {
 public:
  explicit OwnRequest(const World &world);
  ~OwnRequest();
  OwnRequest(const OwnRequest &) = delete;
  OwnRequest &operator=(const OwnRequest &) = delete;
  /// Expects an answer of 200.
  void make();
  /// How many connections it has opened.
  long connections() const { return connections_; }

 private:
  std::string ca_file_;
  std::string url_;
  std::string answer_;
  CURLM *multi_;
  CURL *easy_;
  long connections_ = 0;
};

}  // namespace cordon::test
