#pragma once

#include <curl/curl.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/secure.hpp"

namespace cordon::http {

/// Header lines in the form libcurl reads, without a copy of its own making: curl_slist_append() would leave the bearer
/// token on the heap. The list points into this object; `line` is borrowed.
class HeaderList {
 public:
  HeaderList() = default;
  HeaderList(const HeaderList &) = delete;
  HeaderList &operator=(const HeaderList &) = delete;

  void add(const char *line);
  void add_content_type(std::string_view type);
  void add_bearer(const Secret &token);
  void add_secret(const Secret &line);
  /// The list, complete; nothing may be added after it.
  curl_slist *finish();

 private:
  std::vector<curl_slist> nodes_;
  std::string content_type_;
  Secret authorization_;
  Secret secret_line_;
};

}  // namespace cordon::http
