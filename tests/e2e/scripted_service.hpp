#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "e2e/host.hpp"
#include "support/tls_server.hpp"

namespace cordon::test {

/// The action that the service makes of a POST.
inline Json action_of(const WireRequest &request, const std::string &status = "Pending") {
  const Json body = Json::parse(request.body);
  return {{"id", "5382f7ea-7557-4ab7-9782-d50480024a4e"},
          {"type", "RestrictCodeExecution"},
          {"status", status},
          {"machineId", machine_of(request)},
          {"requestor", "Analyst@contoso.example"},
          {"requestorComment", body.at("Comment")},
          {"externalId", body.value("ExternalId", "")},
          {"creationDateTimeUtc", "2026-02-03T10:11:12.1447302Z"},
          {"lastUpdateDateTimeUtc", "2026-02-03T10:11:12.1447302Z"}};
}

/// A TLS server that plays both the login authority and the API. Everybody gets a token; the list of actions is what
/// the test has put there, whatever the filter; what becomes of a POST to the API is the test's script.
class ScriptedService {
 public:
  using Connection = TlsServer::Connection;
  /// `nth` counts the POSTs from 0. False: hang up.
  using OnPost = std::function<bool(Connection &, const WireRequest &, std::size_t nth)>;

  ScriptedService(Identity identity, OnPost on_post, std::string token = "header.payload.signature",
                  std::function<void(Connection &)> before_handshake = {})
      : on_post_(std::move(on_post)),
        token_(std::move(token)),
        before_handshake_(std::move(before_handshake)),
        server_(
            std::move(identity), [this](Connection &connection) { serve(connection); }, TlsServer::Start::Raw) {}

  std::string origin() const { return "https://localhost:" + std::to_string(server_.port()); }
  TlsServer &server() { return server_; }

  /// What people's sign-ins are given, which are done at once.
  void sign_people_in(std::string device_code, std::string refresh_token) {
    device_code_ = std::move(device_code);
    refresh_token_ = std::move(refresh_token);
  }
  void show(Json action) {
    const std::lock_guard lock(mutex_);
    actions_.push_back(std::move(action));
  }
  std::vector<WireRequest> posts() const {
    std::vector<WireRequest> found = server_.requests();
    std::erase_if(found, [](const WireRequest &request) { return !request.head.starts_with("POST /api/"); });
    return found;
  }
  std::size_t posts_for(const std::string &machine) const {
    std::size_t count = 0;
    for (const WireRequest &request : posts()) count += machine_of(request) == machine ? 1 : 0;
    return count;
  }

 private:
  void serve(Connection &connection) {
    if (before_handshake_) before_handshake_(connection);
    if (!connection.handshake()) return;
    while (const auto request = connection.read_request()) {
      const bool is_post = request->head.starts_with("POST ");
      if (is_post && request->head.find("/oauth2/") != std::string::npos)
        answer(connection, 200, sign_in(*request));
      else if (is_post) {
        if (!on_post_(connection, *request, next_post())) return;
      } else
        answer(connection, 200, {{"value", shown()}});
    }
  }
  Json sign_in(const WireRequest &request) const {
    if (request.head.find("/devicecode") != std::string::npos)
      return {{"device_code", device_code_}, {"user_code", "ABCD"}, {"verification_uri", origin() + "/devicelogin"},
              {"expires_in", 900},           {"interval", 1},       {"message", "open the page"}};
    Json granted = {{"token_type", "Bearer"}, {"expires_in", 3599}, {"access_token", token_}};
    const bool by_person = request.body.find("device_code=") != std::string::npos ||
                           request.body.find("refresh_token=") != std::string::npos;
    if (by_person) granted["refresh_token"] = refresh_token_;
    return granted;
  }
  static void answer(Connection &connection, int status, const Json &body) {
    connection.answer(status, body.dump(), "Content-Type: application/json\r\n");
  }
  std::size_t next_post() {
    const std::lock_guard lock(mutex_);
    return posts_begun_++;
  }
  Json shown() const {
    const std::lock_guard lock(mutex_);
    return actions_;
  }

  OnPost on_post_;
  std::string token_, device_code_, refresh_token_;
  std::function<void(Connection &)> before_handshake_;
  mutable std::mutex mutex_;
  std::size_t posts_begun_ = 0;
  Json actions_ = Json::array();
  TlsServer server_;  // last: its threads use the rest
};

/// Answers 201 with the action that a good service would have made.
inline bool accept_post(ScriptedService::Connection &connection, const WireRequest &request,
                        const std::string &status = "Succeeded") {
  connection.answer(201, action_of(request, status).dump(), "Content-Type: application/json\r\n");
  return true;
}

/// What a service does with POSTs for the devices a, b, …: good, then every kind of trouble, with the client's own
/// words thrown back at it.
inline bool answer_with_an_echo(ScriptedService::Connection &connection, const WireRequest &post, std::size_t) {
  const std::string echo = post.head.substr(post.head.find("Bearer "), 60);
  const Json error = {{"error", {{"code", "Forbidden"}, {"message", "no permission for " + echo}}}};
  switch (machine_of(post)[0]) {
    case 'a':
      return accept_post(connection, post);
    case 'b':
      connection.answer(403, error.dump(), "Content-Type: application/json\r\n");
      return true;
    case 'c':
      connection.answer(500, echo);
      return true;
    case 'd':
      connection.answer(201, echo);
      return true;
    case 'e':
      connection.answer(401, error.dump(), "WWW-Authenticate: Bearer error=\"" + echo + "\"\r\n");
      return true;
    default:
      return false;
  }
}

/// A certificate authority, a directory, and the config of a client with one tenant at the given origins.
class ScriptedTest : public ::testing::Test {
 protected:
  Json config_for(const std::string &login, const std::string &api) const {
    const Json cloud = {{"api", api}, {"login", login}, {"audience", "https://api.example.test"}};
    const Json tenant = {{"tenant_id", "11111111-2222-3333-4444-555555555555"},
                         {"client_id", "66666666-7777-8888-9999-aaaaaaaaaaaa"},
                         {"credential", {{"kind", "client_secret"}, {"secret_name", "app"}}},
                         {"cloud", cloud}};
    return {{"state_dir", (directory.path() / "state").string()},
            {"vault", {{"file", nullptr}}},
            {"tenants", {{"contoso", tenant}}},
            {"http", {{"ca_file", ca.file()}, {"proxy", ""}}},
            {"track", {{"interval_ms", 50}}},
            {"reconcile", {{"settle_ms", 100}}}};
  }
  static std::unique_ptr<Host> open(const Json &config) {
    auto host = std::make_unique<Host>(config);
    EXPECT_EQ(host->opened().status, CORDON_OK) << host->opened().message();
    EXPECT_EQ(host->set_secret("app", "a client secret").status, CORDON_OK);
    return host;
  }
  std::unique_ptr<Host> open(const ScriptedService &service) const {
    return open(config_for(service.origin(), service.origin()));
  }
  static std::string machine(char digit = 'a') { return std::string(40, digit); }

  TestCa ca;
  TempDirectory directory;
};

}  // namespace cordon::test
