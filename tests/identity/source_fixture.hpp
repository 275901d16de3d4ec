#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>

#include "base/random.hpp"
#include "base/text.hpp"
#include "emulator/service.hpp"
#include "identity/credential.hpp"
#include "identity/fake_transport.hpp"
#include "loop/scheduler.hpp"
#include "support/fake_clock.hpp"

namespace cordon::identity {

/// Keeps them in memory and tells in which order things happened.
class MemoryRefreshTokens final : public RefreshTokens {
 public:
  loop::Task<Result<Secret>> load_refresh_token(std::string name) override {
    if (!kept.contains(name)) co_return fail(Status::NotFound, "none");
    co_return Secret(kept[name]);
  }
  loop::Task<Result<void>> save_refresh_token(std::string name, Secret token) override {
    ++saves;
    if (broken) co_return fail(Status::Ledger, "the disk is full");
    kept[name] = std::string(token.reveal());
    co_return Result<void>();
  }
  std::map<std::string, std::string> kept;
  int saves = 0;
  bool broken = false;
};

/// Token sources on a virtual clock, over a scripted network, or the emulator's own model of the sign-in service.
class SourceTest : public testing::Test {
 protected:
  SourceTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cordon-identity-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    directory = pattern;
  }
  ~SourceTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
  }

  /// From now on the emulator's model answers; its clock may differ from ours by `ahead`.
  emulator::Service &emulate(const Json &scenario = Json::object(), nanoseconds ahead = nanoseconds(0)) {
    service_clock.set_utc(clock.utc() + ahead);
    service.emplace(emulator::Scenario::read(scenario, 1).value(), service_clock, random,
                    emulator::Service::Settings());
    service->set_origin("https://login.example.test");
    transport.handler = [this](const http::Request &request) { return ask_service(request); };
    return *service;
  }
  const emulator::App &app(std::size_t index = 0) const { return service->directory().apps.at(index); }
  Applicant applicant(std::size_t index = 0) const {
    if (!service) return {"contoso", "tenant-guid", "client-guid", "https://login.example.test", kAudience};
    return {"contoso", app(index).tenant_id, app(index).client_id, "https://login.example.test", kAudience};
  }

  Result<std::unique_ptr<TokenSource>> make(const Json &credential, std::size_t index = 0) {
    const CredentialSeams seams(
        transport,
        [this](const std::string &name) -> Result<Secret> {
          if (!secrets.contains(name)) return fail(Status::NotFound, "the vault holds no secret of that name");
          return Secret(secrets[name]);
        },
        random, &refresh_tokens);
    return make_token_source(credential, kPlace, applicant(index), seams);
  }
  /// Fetches on the virtual clock; sleeps cost nothing.
  Result<SharedToken> fetch(TokenSource &source) {
    return run<Result<SharedToken>>([&source](loop::Scope &scope) { return source.fetch(scope); });
  }
  Result<SharedToken> fetch(const Json &credential, std::size_t index = 0) {
    auto source = make(credential, index);
    if (!source) return fail(source.error());
    return fetch(**source);
  }
  template <class T, class Work>
  T run(Work work) {
    std::optional<T> out;
    loop::Scope scope(scheduler);
    scheduler.spawn(carry_out<T>(work, scope, out));
    while (!out) {
      const auto next = scheduler.run_due();
      if (out) break;
      if (!next) throw std::runtime_error("nothing will ever happen");
      // Helpers live in real time.
      if (*next > clock.now() && *next - clock.now() <= std::chrono::milliseconds(20)) usleep(2'000);
      if (*next > clock.now()) advance(*next - clock.now());
    }
    return std::move(*out);
  }
  void advance(nanoseconds by) {
    clock.advance(by);
    service_clock.advance(by);
  }
  std::string write(const char *name, const std::string &text, std::filesystem::perms mode = kPrivate) {
    const std::filesystem::path path = directory / name;
    std::ofstream(path, std::ios::binary) << text;
    std::filesystem::permissions(path, mode);
    return path.string();
  }

  static constexpr std::filesystem::perms kPrivate =
      std::filesystem::perms::owner_read | std::filesystem::perms::owner_write;
  static constexpr const char *kAudience = "https://api.securitycenter.microsoft.com";
  static constexpr const char *kPlace = "/tenants/contoso/credential";

  test::FakeClock clock, service_clock;
  loop::Scheduler scheduler{clock};
  SystemRandom random;
  test::FakeTransport transport;
  std::optional<emulator::Service> service;
  std::map<std::string, std::string> secrets;
  MemoryRefreshTokens refresh_tokens;
  std::filesystem::path directory;

 private:
  template <class T, class Work>
  static loop::Task<void> carry_out(Work &work, loop::Scope &scope, std::optional<T> &out) {
    out.emplace(co_await work(scope));
  }
  test::FakeTransport::Answer ask_service(const http::Request &request) {
    const std::string_view url = request.url;
    const std::size_t path = url.find('/', url.find("://") + 3);
    emulator::Request wire{request.method == http::Method::Post ? "POST" : "GET", std::string(url.substr(path)), "",
                           request.content_type,
                           std::string(request.secret_body != nullptr ? request.secret_body->reveal() : "")};
    for (const std::string &line : request.headers) add_header(wire, line);
    if (request.secret_header != nullptr) add_header(wire, request.secret_header->reveal());
    const emulator::Reply reply = url.starts_with("http://") ? service->handle_identity(wire) : service->handle(wire);
    test::FakeTransport::Answer answer(reply.status, reply.body);
    answer.headers = reply.headers;
    for (auto &[name, value] : answer.headers)
      if (name == "Date") value = service_clock.utc().http_date();
    return answer;
  }
  static void add_header(emulator::Request &wire, std::string_view line) {
    const std::size_t colon = line.find(':');
    const std::string name = to_lower(line.substr(0, colon)), value(line.substr(colon + 2));
    wire.headers[name] = value;
    if (name == "authorization") wire.authorization = value;
  }
};

}  // namespace cordon::identity
