#include <condition_variable>

#include "e2e/scripted_service.hpp"

namespace cordon::test {
namespace {

/// What a server does on the wire that an emulator of the service can't be asked for.
class Wire : public ScriptedTest {
 protected:
  using Connection = ScriptedService::Connection;

  /// Serves one call well, so that its connection is kept; dies on it with the next POST, unanswered.
  static ScriptedService::OnPost die_on_the_second(bool by_reset) {
    return [by_reset](Connection &connection, const WireRequest &post, std::size_t nth) {
      if (nth == 0) return accept_post(connection, post);
      if (by_reset) connection.reset();
      return false;
    };
  }

  void expect_unknown(Host &host, const Reply &reply) {
    EXPECT_EQ(reply.status, CORDON_E_OUTCOME_UNKNOWN) << ::testing::PrintToString(reply);
    EXPECT_EQ(reply.error["outcome_unknown"], true);
    EXPECT_EQ(reply.error["retryable"], false);
    ASSERT_FALSE(reply.request_id().empty());
    EXPECT_EQ(host.poll(reply.request_id(), 0).status, CORDON_E_OUTCOME_UNKNOWN);
  }
};

TEST_F(Wire, APostOnAKeptConnectionThatDiesIsWrittenOnceAndItsOutcomeIsUnknown) {
  for (const bool by_reset : {false, true}) {
    ScriptedService service(ca.issue(), die_on_the_second(by_reset));
    Json config = config_for(service.origin(), service.origin());
    config["state_dir"] = (directory.path() / (by_reset ? "reset" : "closed")).string();
    config["reconcile"]["settle_ms"] = 60'000;  // before that it is not sent again
    const auto host = open(config);
    ASSERT_EQ(host->restrict_device(machine('a')).status, CORDON_OK);
    expect_unknown(*host, host->restrict_device(machine('b'), "c", nullptr, 3'000));
    const auto posts = service.posts();
    ASSERT_EQ(posts.size(), 2u);
    EXPECT_EQ(posts[0].connection, posts[1].connection) << "or this is not the case that is meant";
    EXPECT_EQ(service.posts_for(machine('b')), 1u);
  }
}

TEST_F(Wire, APostOnAKeptConnectionThatDiesIsFoundWhenTheListShowsIt) {
  ScriptedService *lists = nullptr;
  ScriptedService service(ca.issue(), [&](Connection &connection, const WireRequest &post, std::size_t nth) {
    if (nth == 0) return accept_post(connection, post);
    lists->show(action_of(post));
    return false;
  });
  lists = &service;
  const auto host = open(service);
  ASSERT_EQ(host->restrict_device(machine('a')).status, CORDON_OK);
  const Reply found = host->restrict_device(machine('b'));
  EXPECT_EQ(found.status, CORDON_PENDING) << ::testing::PrintToString(found);
  EXPECT_EQ(found.document["machine_id"], machine('b'));
  EXPECT_EQ(found.document["adopted"], false);
  EXPECT_EQ(service.posts_for(machine('b')), 1u);
}

TEST_F(Wire, AnAnswerThatDescribesAnotherMachineIsNotBelieved) {
  ScriptedService service(ca.issue(), [](Connection &connection, const WireRequest &post, std::size_t) {
    Json action = action_of(post, "Succeeded");
    action["machineId"] = machine('f');
    connection.answer(201, action.dump(), "Content-Type: application/json\r\n");
    return true;
  });
  const auto host = open(service);
  expect_unknown(*host, host->restrict_device(machine()));
  EXPECT_EQ(service.posts().size(), 1u);
}

TEST_F(Wire, AnAnswerWhoseBodyBreaksOffIsNotBelieved) {
  ScriptedService service(ca.issue(), [](Connection &connection, const WireRequest &post, std::size_t) {
    const std::string body = action_of(post, "Succeeded").dump();
    connection.write("HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: " +
                     std::to_string(body.size() + 1) + "\r\n\r\n" + body);
    return false;
  });
  const auto host = open(service);
  expect_unknown(*host, host->restrict_device(machine()));
  EXPECT_EQ(service.posts().size(), 1u);
}

TEST_F(Wire, AServerThatTakesThePostAndStallsLeavesTheOutcomeUnknownAtTheDeadline) {
  ScriptedService service(ca.issue(), [](Connection &connection, const WireRequest &, std::size_t) {
    connection.stall();
    return false;
  });
  std::string id;
  {
    const auto host = open(service);
    const Reply reply = host->restrict_device(machine(), "c", nullptr, 1'000);
    EXPECT_EQ(reply.status, CORDON_E_OUTCOME_UNKNOWN) << ::testing::PrintToString(reply);
    EXPECT_EQ(reply.error["outcome_unknown"], true);
    id = reply.request_id();
    ASSERT_FALSE(id.empty());
    EXPECT_EQ(host->withdraw(id).status, CORDON_E_INVALID_STATE) << "bytes have left";
    EXPECT_EQ(host->shutdown(100).status, CORDON_OK) << "a transfer that hangs is dropped";
  }
  ASSERT_EQ(service.posts().size(), 1u);
  service.show(action_of(service.posts()[0], "Succeeded"));
  const auto next = open(service);
  const Reply found = next->poll(id);
  EXPECT_EQ(found.status, CORDON_OK) << ::testing::PrintToString(found);
  EXPECT_EQ(service.posts().size(), 1u);
}

TEST_F(Wire, ASubmittedRequestWaitsForTheSecretThatTheHostHasStillToGive) {
  ScriptedService service(ca.issue(), [](Connection &connection, const WireRequest &post, std::size_t) {
    return accept_post(connection, post);
  });
  std::string id;
  {
    Host host(config_for(service.origin(), service.origin()));
    id = host.submit("restrict_code_execution", {{"machine_id", machine()}, {"comment", "c"}}).text;
    EXPECT_EQ(host.poll(id, 300).status, CORDON_PENDING);
  }
  Host next(config_for(service.origin(), service.origin()));
  EXPECT_EQ(next.poll(id, 300).status, CORDON_PENDING) << "a host that starts anew gives it a moment later";
  ASSERT_EQ(next.set_secret("app", "a client secret").status, CORDON_OK);
  EXPECT_EQ(next.poll(id).status, CORDON_OK);
  EXPECT_EQ(service.posts().size(), 1u);
}

/// Holds connections back before their TLS handshake until it is opened.
class Gate {
 public:
  ~Gate() { open(); }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

/// An API that answers only once its gate is open; a login authority that always does.
class StalledHandshake : public Wire {
 protected:
  static bool accept(Connection &connection, const WireRequest &post, std::size_t) {
    return accept_post(connection, post);
  }
  Json config() const { return config_for(login.origin(), api.origin()); }

  Gate gate_;
  ScriptedService login{ca.issue(), {}};
  ScriptedService api{ca.issue(), &accept, "header.payload.signature", [this](Connection &) { gate_.wait(); }};
  struct Release {  // before the server waits for its threads
    Gate &gate;
    ~Release() { gate.open(); }
  } release_{gate_};
};

TEST_F(StalledHandshake, EndsTheCallAtItsDeadlineAndThePostNeverComes) {
  const auto host = open(config());
  const Reply reply = host->restrict_device(machine('a'), "c", nullptr, 1'000);
  EXPECT_EQ(reply.status, CORDON_E_DEADLINE) << ::testing::PrintToString(reply);
  EXPECT_NE(reply.message().find("nothing was sent"), std::string::npos) << reply.message();
  EXPECT_EQ(host->poll(reply.request_id(), 0).status, CORDON_NOT_SENT);
  gate_.open();
  EXPECT_EQ(host->restrict_device(machine('b')).status, CORDON_OK) << "the server answers now";
  EXPECT_EQ(host->poll(reply.request_id()).status, CORDON_NOT_SENT);
  EXPECT_EQ(api.posts_for(machine('a')), 0u);
}

TEST_F(StalledHandshake, LeavesARequestThatCanBeWithdrawn) {
  const auto host = open(config());
  const Reply id = host->submit("restrict_code_execution", {{"machine_id", machine('a')}, {"comment", "c"}});
  ASSERT_EQ(id.status, CORDON_OK) << id.message();
  api.server().wait_for_connections(1);
  EXPECT_EQ(host->withdraw(id.text).status, CORDON_OK);
  EXPECT_EQ(host->poll(id.text, 0).status, CORDON_NOT_SENT);
  gate_.open();
  EXPECT_EQ(host->restrict_device(machine('b')).status, CORDON_OK);
  EXPECT_EQ(api.posts_for(machine('a')), 0u);
}

TEST_F(StalledHandshake, LeavesASubmittedRequestToTheNextClient) {
  std::string id;
  {
    const auto host = open(config());
    id = host->submit("restrict_code_execution", {{"machine_id", machine('a')}, {"comment", "c"}}).text;
    api.server().wait_for_connections(1);
    EXPECT_EQ(host->shutdown().status, CORDON_OK);
  }
  gate_.open();
  const auto next = open(config());
  const Reply done = next->poll(id);
  EXPECT_EQ(done.status, CORDON_OK) << ::testing::PrintToString(done);
  EXPECT_EQ(api.posts_for(machine('a')), 1u);
}

TEST_F(StalledHandshake, LetsABlockingCallBeInterruptedWithNothingSent) {
  const auto host = open(config());
  Reply reply;
  std::thread waiter([&] { reply = host->restrict_device(machine('a'), "c", {{"call_id", "w"}}); });
  api.server().wait_for_connections(1);
  EXPECT_EQ(host->interrupt("w").status, CORDON_OK);
  waiter.join();
  EXPECT_EQ(reply.status, CORDON_E_INTERRUPTED) << ::testing::PrintToString(reply);
  EXPECT_EQ(host->poll(reply.request_id(), 0).status, CORDON_NOT_SENT);
}

}  // namespace
}  // namespace cordon::test
