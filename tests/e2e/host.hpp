#pragma once

#include <cordon.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/json.hpp"
#include "support/emulator_process.hpp"

namespace cordon::test {

/// What a call of the C ABI gave back, copied and freed.
struct Reply {
  std::int32_t status = CORDON_E_INTERNAL;
  std::string text;
  Json document;
  Json error;

  std::string state() const { return text_or(document, "state"); }
  std::string request_id() const { return text_or(document.is_object() ? document : error, "request_id"); }
  std::string message() const { return text_or(error, "message"); }
  std::string pointer() const { return text_or(error, "pointer"); }
};

inline void PrintTo(const Reply &reply, std::ostream *out) {
  *out << cordon_status_name(reply.status) << " " << reply.document.dump() << " " << reply.error.dump();
}

/// A host that knows the C ABI only: owns one client. Any thread.
class Host {
 public:
  explicit Host(const Json &config) {
    cordon_error *error = nullptr;
    const std::int32_t status = cordon_init(CORDON_ABI_VERSION, config.dump().c_str(), &client_, &error);
    opened_ = take(status, nullptr, error);
  }
  ~Host() { cordon_client_free(client_); }
  Host(const Host &) = delete;
  Host &operator=(const Host &) = delete;

  const Reply &opened() const { return opened_; }
  cordon_client *client() const { return client_; }

  Reply restrict_device(const std::string &machine, const std::string &comment = "test", const Json &options = nullptr,
                        std::int32_t timeout_ms = 20'000) {
    return out([&](char **text, cordon_error **error) {
      return cordon_restrict_code_execution(client_, machine.c_str(), comment.c_str(), Text(options).get(), timeout_ms,
                                            text, error);
    });
  }
  Reply quarantine(const std::string &machine, const std::string &sha1, const std::string &comment = "test",
                   const Json &options = nullptr, std::int32_t timeout_ms = 20'000) {
    return out([&](char **text, cordon_error **error) {
      return cordon_stop_and_quarantine(client_, machine.c_str(), sha1.c_str(), comment.c_str(), Text(options).get(),
                                        timeout_ms, text, error);
    });
  }
  Reply poll(const std::string &id, std::int32_t wait_ms = 20'000, const Json &options = nullptr) {
    return out([&](char **text, cordon_error **error) {
      return cordon_poll_action(client_, id.c_str(), Text(options).get(), wait_ms, text, error);
    });
  }
  Reply call(const std::string &operation, const Json &request = Json::object(), std::int32_t timeout_ms = 20'000) {
    return call_text(operation, request.dump(), timeout_ms);
  }
  Reply call_text(const std::string &operation, const std::string &request, std::int32_t timeout_ms = 20'000) {
    return out([&](char **text, cordon_error **error) {
      return cordon_call(client_, operation.c_str(), request.c_str(), timeout_ms, text, error);
    });
  }
  Reply submit(const std::string &operation, const Json &request) {
    return out([&](char **text, cordon_error **error) {
      return cordon_submit(client_, operation.c_str(), request.dump().c_str(), text, error);
    });
  }
  Reply next_event(std::int32_t wait_ms = 20'000, const Json &options = nullptr) {
    return out([&](char **text, cordon_error **error) {
      return cordon_next_event(client_, Text(options).get(), wait_ms, text, error);
    });
  }
  Reply withdraw(const std::string &id) {
    return plain([&](cordon_error **error) { return cordon_withdraw(client_, id.c_str(), error); });
  }
  Reply interrupt(const std::string &id) {
    return plain([&](cordon_error **error) { return cordon_interrupt(client_, id.c_str(), error); });
  }
  Reply reload(const Json &config) {
    return plain([&](cordon_error **error) { return cordon_reload(client_, config.dump().c_str(), error); });
  }
  Reply shutdown(std::int32_t timeout_ms = 5'000) {
    return plain([&](cordon_error **error) { return cordon_shutdown(client_, timeout_ms, error); });
  }
  Reply rekey(const Json &options, const std::string &secret = "") {
    return plain([&](cordon_error **error) {
      return cordon_vault_rekey(client_, Text(options).get(), secret.data(), secret.size(), 60'000, error);
    });
  }
  Reply set_secret(const std::string &name, const std::string &value) {
    return plain([&](cordon_error **error) {
      return cordon_secret_set(client_, name.c_str(), value.data(), value.size(), error);
    });
  }

 private:
  /// What options become as an argument; lives as long as the expression that makes it.
  class Text {
   public:
    explicit Text(const Json &options)
        : text_(options.is_string() ? options.get<std::string>() : options.dump()), is_null_(options.is_null()) {}
    const char *get() const { return is_null_ ? nullptr : text_.c_str(); }

   private:
    std::string text_;
    bool is_null_;
  };
  template <class F>
  static Reply out(F call) {
    char *text = nullptr;
    cordon_error *error = nullptr;
    const std::int32_t status = call(&text, &error);
    return take(status, text, error);
  }
  template <class F>
  static Reply plain(F call) {
    cordon_error *error = nullptr;
    const std::int32_t status = call(&error);
    return take(status, nullptr, error);
  }
  static Reply take(std::int32_t status, char *text, cordon_error *error) {
    Reply reply;
    reply.status = status;
    if (text != nullptr) {
      reply.text = text;
      reply.document = Json::parse(reply.text, nullptr, false);
    }
    if (error != nullptr) reply.error = Json::parse(cordon_error_json(error));
    EXPECT_EQ(status < 0, error != nullptr);
    EXPECT_FALSE(status < 0 && text != nullptr);
    cordon_string_free(text);
    cordon_error_free(error);
    return reply;
  }

  cordon_client *client_ = nullptr;
  Reply opened_;
};

/// A directory that goes with its owner.
class TempDirectory {
 public:
  TempDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cordon-e2e-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory &) = delete;
  TempDirectory &operator=(const TempDirectory &) = delete;
  const std::filesystem::path &path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// An emulator and the config of a client for it: secrets in memory, a state directory of its own, quick intervals.
class EmulatorTest : public ::testing::Test {
 protected:
  explicit EmulatorTest(std::vector<std::string> args = {"--speed", "60"}) : emulator(std::move(args)) {
    config = emulator.ready()["config"];
    config["state_dir"] = (emulator.directory() / "client").string();
    config["vault"] = {{"file", nullptr}};
    config["track"]["interval_ms"] = 50;
    config["reconcile"]["settle_ms"] = 700;
  }
  /// Opens a client that can get tokens.
  std::unique_ptr<Host> open() {
    auto host = std::make_unique<Host>(config);
    EXPECT_EQ(host->opened().status, CORDON_OK) << host->opened().message();
    EXPECT_EQ(
        host->set_secret(config["tenants"]["contoso"]["credential"]["secret_name"], emulator.ready()["client_secret"])
            .status,
        CORDON_OK);
    return host;
  }
  std::string machine(std::size_t index = 0) const { return emulator.ready()["machines"][index]; }
  std::string file(std::size_t index = 0) const { return emulator.ready()["files"][index]; }
  std::string cast(const char *role) const { return emulator.ready()["cast"][role]; }

  EmulatorProcess emulator;
  Json config;
};

}  // namespace cordon::test
