#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cordon::emulator {

/// One HTTP request as the service model sees it.
struct Request {
  std::string method;         ///< upper case
  std::string target;         ///< path and query as sent, still percent-encoded
  std::string authorization;  ///< the header's value, empty when absent
  std::string content_type;
  std::string body;
  std::map<std::string, std::string> headers{};  ///< all of them, names in lower case

  std::string header(const std::string &name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  }
};

/// What goes back on the wire.
struct Reply {
  int status = 200;  ///< 0: the connection is closed without an answer
  std::string content_type = "application/json; odata.metadata=minimal; odata.streaming=true; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
  /// Real time that passes after the first half of the answer went out.
  std::chrono::milliseconds pause_midway{0};

  bool dropped() const { return status == 0; }
};

}  // namespace cordon::emulator
