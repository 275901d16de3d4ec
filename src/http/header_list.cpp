#include "http/header_list.hpp"

namespace cordon::http {

void HeaderList::add(const char *line) {
  nodes_.push_back(curl_slist{const_cast<char *>(line), nullptr});  // libcurl only reads it
}

void HeaderList::add_content_type(std::string_view type) {
  content_type_ = "Content-Type:";  // alone, it keeps libcurl from naming a type of its own
  if (!type.empty()) content_type_.append(" ").append(type);
  add(content_type_.c_str());
}

void HeaderList::add_bearer(const Secret &token) {
  constexpr std::string_view kScheme = "Authorization: Bearer ";
  authorization_.reserve(kScheme.size() + token.size() + 1);
  authorization_.append(kScheme);
  authorization_.append(token.reveal());
  authorization_.push_back('\0');
  add(authorization_.data());
}

void HeaderList::add_secret(const Secret &line) {
  secret_line_.reserve(line.size() + 1);
  secret_line_.append(line.reveal());
  secret_line_.push_back('\0');
  add(secret_line_.data());
}

curl_slist *HeaderList::finish() {
  for (std::size_t i = 0; i + 1 < nodes_.size(); ++i) nodes_[i].next = &nodes_[i + 1];
  return nodes_.empty() ? nullptr : nodes_.data();
}

}  // namespace cordon::http
