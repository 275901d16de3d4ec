// A host that uses the same OpenSSL.
#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <thread>
#include <tuple>

#include "guest/libraries/own_request.hpp"

namespace cordon::test {
namespace {

using Entry = std::tuple<unsigned long, std::string, int, std::string>;

/// Takes everything off this thread's queue, the oldest first.
std::vector<Entry> drained() {
  std::vector<Entry> entries;
  const char *file = nullptr;
  const char *function = nullptr;
  const char *text = nullptr;
  int line = 0;
  int flags = 0;
  while (const unsigned long code = ERR_get_error_all(&file, &line, &function, &text, &flags))
    entries.emplace_back(code, file, line, text);
  return entries;
}

/// The host has not yet looked at so many errors of its own.
void raise_own(int count) {
  for (int i = 0; i < count; ++i) {
    ERR_new();
    ERR_set_debug("host.c", i, "host");
    ERR_set_error(ERR_LIB_USER, 100 + i, "error %d of the host", i);
  }
}

class ErrorQueue {
 public:
  explicit ErrorQueue(int own) : own_(own) {}
  void stays_during(const char *what, const std::function<void()> &call) const {
    drained();
    raise_own(own_);
    const std::vector<Entry> before = drained();
    raise_own(own_);
    const unsigned long last = ERR_peek_last_error();
    const bool marked = ERR_set_mark() == 1;  // not in an empty queue
    call();
    CHECK_SAID(ERR_peek_last_error() == last, std::string(what) + " left an error");
    if (marked) CHECK(ERR_pop_to_mark() == 1);
    const std::vector<Entry> after = drained();
    const std::string found = after.empty() ? "" : ", first " + std::to_string(std::get<0>(after.front()));
    CHECK_SAID(after == before, std::string(what) + ": " + std::to_string(before.size()) + " became " +
                                    std::to_string(after.size()) + found);
  }

 private:
  int own_;
};

std::string written(const World &world, const char *name, const std::string &text) {
  const auto file = world.directory / name;
  std::ofstream(file) << text;
  std::filesystem::permissions(file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  return file.string();
}

/// Configs that make Cordon read what OpenSSL finds fault with.
std::vector<std::pair<const char *, nlohmann::json>> faulty_configs(const World &world) {
  const std::string ca = read_file(world.config["http"]["ca_file"].get<std::string>());
  const std::string damaged = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIU\n-----END CERTIFICATE-----\n";
  const std::string key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n";
  std::vector<std::pair<const char *, nlohmann::json>> configs;
  const auto with = [&](const char *what, const std::function<void(nlohmann::json &)> &change) {
    nlohmann::json config = world.config;
    change(config);
    configs.emplace_back(what, std::move(config));
  };
  with("a damaged CA", [&](auto &config) { config["http"]["ca_file"] = written(world, "damaged.pem", ca + damaged); });
  with("many CAs", [&](auto &config) {
    const auto directory = world.directory / "cas";
    std::filesystem::create_directory(directory);
    for (int i = 0; i < 40; ++i) written(world, ("cas/" + std::to_string(i)).c_str(), i % 2 == 0 ? ca : damaged);
    config["http"]["ca_file"] = nullptr;
    config["http"]["ca_dir"] = directory.string();
  });
  with("a client certificate whose key is damaged",
       [&](auto &config) { config["http"]["client_certificate_file"] = written(world, "client.pem", key + ca); });
  with("a client certificate that is nothing", [&](auto &config) {
    config["http"]["client_certificate_file"] = written(world, "client.pfx", "no certificate at all");
  });
  with("a credential that is nothing", [&](auto &config) {
    config["tenants"]["contoso"]["credential"] = {
        {"kind", "client_certificate"}, {"certificate_file", written(world, "credential.pem", key + damaged)}};
  });
  return configs;
}

SCENARIO(openssl_error_queue) {
  const ErrorQueue queue(std::stoi(world.arguments.at(0)));
  const Library library(world.library);
  for (const auto &[what, config] : faulty_configs(world))
    queue.stays_during(what, [&, &changed = config] { Client(library, world, changed).call("health"); });
  std::unique_ptr<Client> client;
  queue.stays_during("init", [&] { client = std::make_unique<Client>(library, world); });
  queue.stays_during("act", [&] { expect_acts(*client, world.machines.at(0)); });
  queue.stays_during("call", [&] { client->call("preflight"); });
  for (const auto &[what, config] : faulty_configs(world))
    queue.stays_during(what, [&, &changed = config] {
      cordon_error *error = nullptr;
      library->reload(client->handle(), changed.dump().c_str(), &error);
      library->error_free(error);
    });
  queue.stays_during("free", [&] { client.reset(); });
}

void fips(bool on) {
  CHECK(EVP_default_properties_enable_fips(nullptr, on ? 1 : 0) == 1);
}

/// It names OpenSSL, and who can change it; it does not speak of memory or of the network.
void expect_named(const Said &said) {
  CHECK_SAID(said.status == CORDON_E_TLS, said.text);
  CHECK_SAID(said.text.find("OPENSSL_CONF") != std::string::npos, said.text);
}

/// A host that has taken the algorithms away that TLS needs, before Cordon or behind it, and gives them back.
SCENARIO(openssl_without_algorithms) {
  const Library library(world.library);
  fips(true);
  {
    const Client client(library, world);
    expect_named(client.act(world.machines.at(0)));
  }
  fips(false);
  const Client client(library, world);
  expect_acts(client, world.machines.at(0));
  fips(true);
  expect_named(client.act(world.machines.at(1)));
  fips(false);
  expect_acts(client, world.machines.at(2));
}

/// The arguments are the providers that the host loads into the default context.
SCENARIO(openssl_providers) {
  struct Unload {
    void operator()(OSSL_PROVIDER *provider) const { OSSL_PROVIDER_unload(provider); }
  };
  std::vector<std::unique_ptr<OSSL_PROVIDER, Unload>> loaded;
  for (const std::string &name : world.arguments)
    CHECK(loaded.emplace_back(OSSL_PROVIDER_load(nullptr, name.c_str())) != nullptr);
  const bool enough = world.arguments.back() == "default";
  const Library library(world.library);
  const Client client(library, world);
  if (enough)
    expect_acts(client, world.machines.at(0));
  else
    expect_named(client.act(world.machines.at(0)));
  if (enough) OwnRequest(world).make();
}

/// OPENSSL_CONF is what the test has set. Argument: "works" or "refuses".
SCENARIO(openssl_configured) {
  const Library library(world.library);
  const Client client(library, world);
  if (world.arguments.at(0) == "works")
    expect_acts(client, world.machines.at(0));
  else
    expect_named(client.act(world.machines.at(0)));
}

/// A host that takes OpenSSL down itself: behind its last client, in a handler of its own that it registered first.
SCENARIO(openssl_cleanup_at_exit) {
  std::atexit([] { OPENSSL_cleanup(); });
  const Library library(world.library);
  static const Client *const stays = new Client(library, world);
  expect_acts(*stays, world.machines.at(0));
  std::exit(broken() == 0 ? 0 : 1);
}

SCENARIO(openssl_cleanup_behind_the_last_client) {
  const Library library(world.library);
  {
    const Client client(library, world);
    expect_acts(client, world.machines.at(0));
  }
  OPENSSL_cleanup();
  const Client late(library, world);
  const Said said = late.opened().status < 0 ? late.opened() : late.act(world.machines.at(1), 20'000);
  CHECK_SAID(said.status < 0, said.text);
}

}  // namespace
}  // namespace cordon::test
