#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <chrono>
#include <fstream>

#include "base/text.hpp"
#include "e2e/scripted_service.hpp"
#include "support/child.hpp"
#include "support/sanitized.hpp"

namespace cordon::test {
namespace {

using std::chrono::steady_clock;

constexpr std::int32_t kTimeOutMs = 2'500;
/// No call may outlast its time-out by more than a busy machine explains. A resolver's own patience is 10 s.
constexpr auto kBound = std::chrono::milliseconds(kTimeOutMs) + std::chrono::seconds(5);

/// The service can't be reached: the call says why and where, in time, and the request ends as never sent.
class Network : public ScriptedTest {
 protected:
  struct Trouble {
    std::string origin;
    std::int32_t status;
    std::string reason;
  };

  /// Once for the login authority and once for the API, each with the other one in order.
  void expect_unreachable(const Trouble &trouble) {
    ScriptedService good(ca.issue(),
                         [](auto &connection, const auto &post, std::size_t) { return accept_post(connection, post); });
    expect_not_sent(config_for(trouble.origin, good.origin()), trouble);
    expect_not_sent(config_for(good.origin(), trouble.origin), trouble);
    EXPECT_TRUE(good.posts().empty());
  }

  void expect_not_sent(const Json &config, const Trouble &trouble) {
    const auto host = open(config);
    const auto begun = steady_clock::now();
    const Reply reply = host->restrict_device(machine(), "c", nullptr, kTimeOutMs);
    EXPECT_LT(steady_clock::now() - begun, kBound);
    EXPECT_EQ(reply.status, trouble.status) << ::testing::PrintToString(reply);
    for (const std::string &word : {trouble.origin.substr(std::string("https://").size()), trouble.reason})
      EXPECT_NE(reply.message().find(word), std::string::npos) << word << " in: " << reply.message();
    EXPECT_EQ(reply.error["outcome_unknown"], false);
    EXPECT_EQ(host->poll(reply.request_id(), 0).status, CORDON_NOT_SENT);
    const std::string state = host->call("get_request", {{"request_id", reply.request_id()}}).state();
    EXPECT_TRUE(state == "withdrawn" || state == "expired") << state;
    EXPECT_EQ(host->call("quota").document["classes"]["restrict"]["open"], 0) << "the slot was given back";
  }

  /// An origin at which nobody listens any more.
  std::string abandoned_origin() { return ScriptedService(ca.issue(), {}).origin(); }
};

TEST_F(Network, ACertificateOfAnUnknownAuthorityIsRefusedAndTheSettingNamed) {
  const TestCa other;
  ScriptedService impostor(other.issue(), {});
  expect_unreachable({impostor.origin(), CORDON_E_TLS, "http.ca_file"});
  EXPECT_TRUE(impostor.server().requests().empty());
}

TEST_F(Network, ACertificateForAnotherNameIsRefused) {
  ScriptedService other(ca.issue("api.example.test"), {});
  expect_unreachable({other.origin(), CORDON_E_TLS, "another name"});
  EXPECT_TRUE(other.server().requests().empty());
}

TEST_F(Network, AServerThatSpeaksPlainHttpIsNamedAsSuch) {
  TlsServer plain(
      ca.issue(),
      [](TlsServer::Connection &connection) {
        connection.write_plain("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        connection.stall();
      },
      TlsServer::Start::Raw);
  expect_unreachable({"https://localhost:" + std::to_string(plain.port()), CORDON_E_TLS, "does not speak TLS"});
}

TEST_F(Network, ARefusedConnectionSaysSo) {
  expect_unreachable({abandoned_origin(), CORDON_E_NETWORK, "refused"});
}

TEST_F(Network, ANameThatDoesNotExistSaysSo) {
  expect_unreachable({"https://service.cordon.invalid", CORDON_E_NETWORK, "resolved"});
}

TEST_F(Network, FailedConnectionsDoNotUseUpTheQuota) {
  ScriptedService login(ca.issue(), {});
  Json config = config_for(login.origin(), abandoned_origin());
  config["quota"] = "2/3600s";
  const auto host = open(config);
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(host->restrict_device(machine(), "c", nullptr, 400).status, CORDON_E_NETWORK) << "call " << i;
}

/// A listener whose queue is full drops what comes: the address answers nothing, as one behind a firewall does.
class BlackHole {
 public:
  BlackHole() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto *generic = reinterpret_cast<sockaddr *>(&address);
    if (bind(listener_, generic, size) != 0 || listen(listener_, 0) != 0 || getsockname(listener_, generic, &size) != 0)
      throw std::runtime_error("no listener");
    port_ = ntohs(address.sin_port);
    for (int &filler : fillers_) {
      filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      (void)connect(filler, generic, size);
    }
  }
  ~BlackHole() {
    for (const int filler : fillers_) close(filler);
    close(listener_);
  }
  BlackHole(const BlackHole &) = delete;
  BlackHole &operator=(const BlackHole &) = delete;
  std::string origin() const { return "https://127.0.0.1:" + std::to_string(port_); }

 private:
  int listener_;
  int port_ = 0;
  int fillers_[4] = {};
};

TEST_F(Network, AnAddressThatAnswersNothingEndsTheCallAtItsDeadline) {
  const BlackHole hole;
  expect_unreachable({hole.origin(), CORDON_E_DEADLINE, "nothing was sent"});
}

TEST_F(Network, AnAddressThatAnswersNothingIsNamedOnceTheConnectTimeOutHasPassed) {
  const BlackHole hole;
  Json config = config_for(hole.origin(), hole.origin());
  config["http"]["connect_timeout_ms"] = 200;
  expect_not_sent(config, {hole.origin(), CORDON_E_NETWORK, "nothing answers at its address"});
}

/// Within namespaces of its own: every name is asked for at an address that takes the question and never answers.
bool enter_a_world_with_a_dead_resolver(const std::filesystem::path &directory) {
  if (unshare(CLONE_NEWNS | CLONE_NEWNET) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return false;
  const int resolver = socket(AF_INET, SOCK_DGRAM, 0);
  ifreq loopback{};
  loopback.ifr_name[0] = 'l';
  loopback.ifr_name[1] = 'o';
  loopback.ifr_flags = IFF_UP | IFF_RUNNING;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(53);
  if (ioctl(resolver, SIOCSIFFLAGS, &loopback) != 0 ||
      bind(resolver, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0)
    return false;
  const std::string settings = (directory / "resolv.conf").string();
  std::ofstream(settings) << "nameserver 127.0.0.1\n";
  return mount(settings.c_str(), "/etc/resolv.conf", nullptr, MS_BIND, nullptr) == 0;
}

TEST_F(Network, ADeadResolverEndsTheCallAtItsDeadlineAndDoesNotHoldTheClientsEnd) {
  const std::string said = in_child([&]() -> std::string {
    if (!enter_a_world_with_a_dead_resolver(directory.path())) return "no namespace";
    const auto begun = steady_clock::now();
    std::string found;
    {
      const auto host = open(config_for("https://login.cordon.invalid", "https://api.cordon.invalid"));
      const Reply reply = host->restrict_device(machine(), "c", nullptr, kTimeOutMs);
      const Reply polled = host->poll(reply.request_id(), 0);
      found = std::string(cordon_status_name(reply.status)) + " " + cordon_status_name(polled.status) + " " +
              reply.message();
    }
    return (steady_clock::now() - begun < kBound ? "in time: " : "too late: ") + found;
  });
  if (said == "no namespace") GTEST_SKIP() << "a resolver that never answers needs namespaces, hence root";
  EXPECT_TRUE(said.starts_with("in time: CORDON_E_DEADLINE CORDON_NOT_SENT")) << said;
  EXPECT_NE(said.find("nothing was sent"), std::string::npos) << said;
}

/// Within a namespace of its own: a name with an IPv6 address before that of IPv4.
bool enter_a_world_with_two_addresses(const std::filesystem::path &directory, const std::string &name) {
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  const std::string hosts = (directory / "hosts").string();
  std::ofstream(hosts) << "::1 " << name << "\n127.0.0.1 " << name << "\n";
  return mount(hosts.c_str(), "/etc/hosts", nullptr, MS_BIND, nullptr) == 0;
}

TEST_F(Network, AHostThatAnswersByIpV4AloneIsReachedThoughItsNameHasAnIpV6Address) {
  if (kSanitized) GTEST_SKIP() << "ThreadSanitizer lets no thread begin in a child of threads";
  const std::string name = "both.cordon.test";
  ScriptedService service(
      ca.issue(name), [](auto &connection, const auto &post, std::size_t) { return accept_post(connection, post); });
  const std::string port = service.origin().substr(service.origin().rfind(':'));
  const std::string said = in_child([&]() -> std::string {
    if (!enter_a_world_with_two_addresses(directory.path(), name)) return "no namespace";
    const auto host = open(config_for("https://" + name + port, "https://" + name + port));
    const Reply reply = host->restrict_device(machine(), "c", nullptr, 20'000);
    return std::string(cordon_status_name(reply.status)) + " " + reply.message();
  });
  if (said == "no namespace") GTEST_SKIP() << "a name of two addresses needs a namespace, hence root";
  EXPECT_EQ(said, "CORDON_OK ");
}

}  // namespace
}  // namespace cordon::test
