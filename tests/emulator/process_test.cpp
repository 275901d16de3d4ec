#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>

#include "base/schema.hpp"
#include "emulator/https_client.hpp"
#include "support/emulator_process.hpp"

namespace cordon::emulator {
namespace {

using test::EmulatorProcess;

std::string first_machine(const EmulatorProcess &emulator) {
  return emulator.ready().at("machines").at(0);
}

TEST(Process, ServesTokensActionsAndListsOverTls) {
  EmulatorProcess emulator;
  HttpsClient client(emulator);
  client.login(emulator.ready());
  const WireReply posted = client.isolate(first_machine(emulator));
  EXPECT_EQ(posted.status, 201);
  EXPECT_NE(posted.headers.find("\r\nDate: "), std::string::npos);
  const WireReply list =
      client.get("/api/machineactions?$filter=" + percent_encode("id eq '" + text_or(posted.json(), "id") + "'"));
  EXPECT_EQ(list.status, 200);
  EXPECT_EQ(list.json().at("value").size(), 1u);
  EXPECT_EQ(emulator.actions().size(), 1u);
  emulator.advance(120);
  EXPECT_EQ(emulator.actions().at(0).at("status"), "Succeeded");
  EXPECT_EQ(emulator.posts(), 1);
  EXPECT_EQ(emulator.post_count("isolate"), 1);
  EXPECT_EQ(emulator.post_count("oauth2"), 1);
}

TEST(Process, TheReadyFileSaysAllAClientNeeds) {
  EmulatorProcess emulator({"--machines", "3", "--speed", "6"});
  const Json &ready = emulator.ready();
  EXPECT_EQ(ready.at("pid"), emulator.pid());
  EXPECT_EQ(ready.at("control_url"), ready.at("url"));
  EXPECT_EQ(ready.at("machines").size(), 3u);
  EXPECT_FALSE(ready.at("files").empty());
  for (const char *role : {"online", "offline", "fails", "linux", "server", "slow", "merged"})
    EXPECT_EQ(ready.at("cast").at(role).get<std::string>().size(), 40u);
  const Json &config = ready.at("config");
  EXPECT_EQ(config.at("quota"), "100/10s,1500/600s");
  EXPECT_EQ(config.at("track").at("interval_ms"), 2'500);
  EXPECT_EQ(config.at("tenants").at("contoso").at("credential"),
            (Json{{"kind", "client_secret"}, {"secret_name", "emulator-app"}}));
  struct stat file {};
  ASSERT_EQ(stat((emulator.directory() / "vault.key").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 07777, 0600u);
  EXPECT_EQ(file.st_size, 32);
  ASSERT_EQ(stat((emulator.directory() / "ready.json").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 07777, 0600u);
}

TEST(Process, TheReadyConfigIsAValidClientConfig) {
  const EmulatorProcess emulator({"--speed", "1000"});
  std::ifstream file(CORDON_CONFIG_SCHEMA);
  const JsonSchema schema(Json::parse(file));
  const auto valid = schema.validate(emulator.ready().at("config"), "config");
  EXPECT_TRUE(valid) << valid.error().message;
}

TEST(Process, FaultsAreArmedAndClearedOverTheControlPlane) {
  EmulatorProcess emulator;
  HttpsClient client(emulator);
  client.login(emulator.ready());
  emulator.arm_fault({{"endpoint", "POST /api/machines/{id}/isolate"}, {"kind", "drop_after"}});
  const WireReply dropped = client.isolate(first_machine(emulator));
  EXPECT_NE(dropped.result, CURLE_OK);
  EXPECT_EQ(dropped.status, 0);
  EXPECT_EQ(emulator.actions().size(), 1u);
  EXPECT_EQ(emulator.posts(), 1);

  emulator.arm_fault({{"endpoint", "*"}, {"kind", "error_before"}, {"times", nullptr}});
  EXPECT_EQ(client.get("/api/machines").status, 500);
  emulator.clear_faults();
  EXPECT_EQ(client.get("/api/machines").status, 200);
  EXPECT_THROW(emulator.arm_fault({{"endpoint", "*"}, {"kind", "none"}}), std::runtime_error);
  EXPECT_THROW(emulator.control_get("/emulator/nothing"), std::runtime_error);
}

TEST(Process, ASlowAnswerStopsHalfWayWithoutHoldingUpOthers) {
  EmulatorProcess emulator;
  HttpsClient slow(emulator), quick(emulator);
  slow.login(emulator.ready());
  quick.login(emulator.ready());
  emulator.arm_fault({{"endpoint", "GET /api/machines"}, {"kind", "slow"}, {"seconds", 3600}});
  slow.set_timeout_ms(300);
  const WireReply cut = slow.get("/api/machines");
  EXPECT_EQ(cut.result, CURLE_OPERATION_TIMEDOUT);
  EXPECT_EQ(cut.status, 200);
  EXPECT_EQ(quick.get("/api/machines").result, CURLE_OK);
}

TEST(Process, FiveHundredHeldConnectionsAreAllServed) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  EmulatorProcess emulator({"--quota", "100000/60s"});
  std::vector<std::unique_ptr<HttpsClient>> clients;
  for (int i = 0; i < 500; ++i) {
    clients.push_back(std::make_unique<HttpsClient>(emulator));
    ASSERT_EQ(clients.back()->get("/api/machines").status, 401) << i;
  }
  // All connections are still open; each is served again, the first as promptly as the last.
  for (auto &client : clients) {
    client->set_timeout_ms(10'000);
    ASSERT_EQ(client->get("/api/machines").status, 401);
  }
}

TEST(Process, CertificatesAreKeptAndGainNames) {
  EmulatorProcess first;
  const std::string directory = (first.directory() / "tls").string();
  const auto read = [&](const char *name) {
    std::ifstream file(directory + "/" + name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string ca = read("ca.pem"), server = read("server.pem");
  const EmulatorProcess second({"--tls-dir", directory});
  EXPECT_EQ(read("ca.pem"), ca);
  EXPECT_EQ(read("server.pem"), server);
  const EmulatorProcess third({"--tls-dir", directory, "--tls-name", "mde.example"});
  EXPECT_EQ(read("ca.pem"), ca);
  EXPECT_NE(read("server.pem"), server);
}

TEST(Process, AControlPlaneOfItsOwnLeavesTheApiAlone) {
  EmulatorProcess emulator({"--control", "127.0.0.1:0"});
  EXPECT_NE(emulator.ready().at("control_url"), emulator.ready().at("url"));
  HttpsClient client(emulator);
  EXPECT_EQ(client.get("/emulator/actions").status, 404);
  EXPECT_EQ(emulator.actions(), Json::array());
}

TEST(Process, RefusesWhatItCanNotDo) {
  for (const std::vector<std::string> &args : std::vector<std::vector<std::string>>{{"--listen", "0.0.0.0:0"},
                                                                                    {"--listen", "nowhere"},
                                                                                    {"--speed", "0"},
                                                                                    {"--machines", "0"},
                                                                                    {"--quota", "fast"},
                                                                                    {"--scenario", "/nonexistent"},
                                                                                    {"--frobnicate"}}) {
    try {
      const EmulatorProcess emulator(args);
      ADD_FAILURE() << args.front();
    } catch (const std::runtime_error &error) {
      EXPECT_GT(std::string(error.what()).size(), std::string("cordon-emulator did not start: ").size() + 10)
          << error.what();
    }
  }
}

TEST(Process, EndsOrderlyOnSigtermWithConnectionsOpen) {
  EmulatorProcess emulator;
  HttpsClient held_open(emulator);
  ASSERT_EQ(held_open.get("/api/machines").status, 401);
  ASSERT_EQ(kill(emulator.pid(), SIGTERM), 0);
  siginfo_t ended{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(emulator.pid()), &ended, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(ended.si_code, CLD_EXITED);
  EXPECT_EQ(ended.si_status, 0);
}

}  // namespace
}  // namespace cordon::emulator
