#pragma once

#include <cordon.h>

#include <memory>
#include <string>
#include <utility>

namespace cordon::cli {

struct TextFree {
  void operator()(char *text) const { cordon_string_free(text); }
};
struct ErrorFree {
  void operator()(cordon_error *error) const { cordon_error_free(error); }
};

/// What a function of the library gave back.
struct Reply {
  std::int32_t status = CORDON_OK;
  std::unique_ptr<char, TextFree> document;
  std::unique_ptr<cordon_error, ErrorFree> error;

  std::string text() const { return document == nullptr ? std::string() : std::string(document.get()); }
};

/// `call(char **out, cordon_error **error)` with its outputs owned.
template <class Call>
Reply ask(Call &&call) {
  char *out = nullptr;
  cordon_error *error = nullptr;
  Reply reply;
  reply.status = call(&out, &error);
  reply.document.reset(out);
  reply.error.reset(error);
  return reply;
}

/// A client handle, freed at the end.
class Client {
 public:
  Client() = default;
  ~Client() { cordon_client_free(handle_); }
  Client(const Client &) = delete;
  Client &operator=(const Client &) = delete;

  /// `config_json` null: where the library looks by itself.
  Reply open(const char *config_json) {
    return ask(
        [&](char **, cordon_error **error) { return cordon_init(CORDON_ABI_VERSION, config_json, &handle_, error); });
  }
  cordon_client *get() const { return handle_; }

 private:
  cordon_client *handle_ = nullptr;
};

}  // namespace cordon::cli
