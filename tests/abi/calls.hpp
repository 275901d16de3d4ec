#pragma once

#include <cordon.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace cordon::test {

/// Every function of the ABI that takes a client and returns a status, with good arguments but for the first text.
struct ClientCall {
  const char *name;
  bool gives_text;  ///< has a char ** output
  std::function<std::int32_t(cordon_client *, const char *text, char **out, cordon_error **error)> run;
};

inline const std::vector<ClientCall> &client_calls() {
  static const std::vector<ClientCall> calls = {
      {"reload", false, [](auto *c, auto *text, char **, auto **e) { return cordon_reload(c, text, e); }},
      {"restrict_code_execution", true,
       [](auto *c, auto *text, char **out, auto **e) {
         return cordon_restrict_code_execution(c, text, "why", nullptr, 1000, out, e);
       }},
      {"stop_and_quarantine", true,
       [](auto *c, auto *text, char **out, auto **e) {
         return cordon_stop_and_quarantine(c, text, "sha", "why", nullptr, 1000, out, e);
       }},
      {"poll_action", true,
       [](auto *c, auto *text, char **out, auto **e) { return cordon_poll_action(c, text, nullptr, 1000, out, e); }},
      {"call", true,
       [](auto *c, auto *text, char **out, auto **e) { return cordon_call(c, text, nullptr, 1000, out, e); }},
      {"submit", true, [](auto *c, auto *text, char **out, auto **e) { return cordon_submit(c, text, "{}", out, e); }},
      {"next_event", true,
       [](auto *c, auto *text, char **out, auto **e) { return cordon_next_event(c, text, 1000, out, e); }},
      {"withdraw", false, [](auto *c, auto *text, char **, auto **e) { return cordon_withdraw(c, text, e); }},
      {"interrupt", false, [](auto *c, auto *text, char **, auto **e) { return cordon_interrupt(c, text, e); }},
      {"vault_unlock", false,
       [](auto *c, auto *text, char **, auto **e) { return cordon_vault_unlock(c, text, "k", 1, e); }},
      {"secret_set", false,
       [](auto *c, auto *text, char **, auto **e) { return cordon_secret_set(c, text, "s", 1, e); }},
      {"secret_remove", false, [](auto *c, auto *text, char **, auto **e) { return cordon_secret_remove(c, text, e); }},
      {"vault_rekey", false,
       [](auto *c, auto *text, char **, auto **e) { return cordon_vault_rekey(c, text, "k", 1, 1000, e); }},
  };
  return calls;
}

/// A client that ends with the test.
class OpenClient {
 public:
  OpenClient() { status_ = cordon_init(CORDON_ABI_VERSION, "{}", &handle_, nullptr); }
  ~OpenClient() { cordon_client_free(handle_); }
  OpenClient(const OpenClient &) = delete;
  OpenClient &operator=(const OpenClient &) = delete;
  cordon_client *get() const { return handle_; }
  std::int32_t status() const { return status_; }

 private:
  cordon_client *handle_ = nullptr;
  std::int32_t status_ = 0;
};

/// An error or text that the test has to give back.
struct Outputs {
  Outputs() = default;
  ~Outputs() {
    cordon_string_free(out);
    cordon_error_free(error);
  }
  Outputs(const Outputs &) = delete;
  Outputs &operator=(const Outputs &) = delete;
  std::string message() const { return cordon_error_message(error); }
  std::string json() const { return cordon_error_json(error); }
  std::string document() const { return out == nullptr ? "" : out; }

  char *out = nullptr;
  cordon_error *error = nullptr;
};

/// A value no output may keep: every function writes its outputs.
template <class T>
T *poison() {
  static char byte;
  return reinterpret_cast<T *>(&byte);
}

}  // namespace cordon::test
