#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "http_fixture.hpp"

namespace cordon::http {
namespace {

using testing::HasSubstr;

constexpr const char *kNginx = "/usr/sbin/nginx";

/// nginx, speaking HTTP/2 over TLS, in front of a scripted server that gets each request by plain HTTP on a connection
/// of its own, with the front's protocol and connection number as headers.
class Nginx {
 public:
  Nginx(const test::Identity &identity, int backend_port, int keepalive_requests) {
    char path[] = "/tmp/cordon-nginx-XXXXXX";
    directory_ = mkdtemp(path);
    write_pem(directory_ + "/cert.pem", [&](FILE *f) { PEM_write_X509(f, identity.certificate.get()); });
    write_pem(directory_ + "/key.pem",
              [&](FILE *f) { PEM_write_PrivateKey(f, identity.key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
    port_ = free_port();
    std::ofstream(directory_ + "/nginx.conf") << fmt::format(
        "daemon off; master_process off; pid {0}/pid; error_log {0}/error.log; events {{}}\n"
        "http {{ access_log off; client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f;\n"
        "uwsgi_temp_path {0}/u; scgi_temp_path {0}/s; keepalive_requests {3};\n"
        "server {{ listen 127.0.0.1:{1} ssl http2; ssl_certificate {0}/cert.pem; ssl_certificate_key {0}/key.pem;\n"
        "location / {{ proxy_pass http://127.0.0.1:{2}; proxy_http_version 1.1; proxy_next_upstream off;\n"
        "proxy_set_header X-Front \"$server_protocol $connection\"; }} }} }}\n",
        directory_, port_, backend_port, keepalive_requests);
    const std::string config = directory_ + "/nginx.conf";
    const char *arguments[] = {kNginx, "-p", directory_.c_str(), "-e", "stderr", "-c", config.c_str(), nullptr};
    posix_spawn(&pid_, kNginx, nullptr, nullptr, const_cast<char **>(arguments), environ);
  }
  ~Nginx() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    std::filesystem::remove_all(directory_);
  }
  std::string url() const { return fmt::format("https://localhost:{}/", port_); }
  bool is_up() const {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port_);
    const bool up = connect(fd, reinterpret_cast<const sockaddr *>(&address), sizeof address) == 0;
    close(fd);
    return up;
  }
  bool has_died() const { return waitpid(pid_, nullptr, WNOHANG) != 0; }

 private:
  static sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
  }
  static int free_port() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    bind(fd, reinterpret_cast<sockaddr *>(&address), size);
    getsockname(fd, reinterpret_cast<sockaddr *>(&address), &size);
    close(fd);
    return ntohs(address.sin_port);
  }
  static void write_pem(const std::string &file, const std::function<void(FILE *)> &write) {
    FILE *out = fopen(file.c_str(), "w");
    write(out);
    fclose(out);
  }
  std::string directory_;
  int port_ = 0;
  pid_t pid_ = -1;
};

class Http2 : public HttpTest {
 protected:
  void SetUp() override {
    if (access(kNginx, X_OK) != 0) GTEST_SKIP() << "nginx is not installed";
  }
  void start_front(test::TlsServer::Script script, int keepalive_requests = 1000) {
    backend.emplace(ca.issue(), std::move(script), test::TlsServer::Start::Raw);
    front.emplace(ca.issue(), backend->port(), keepalive_requests);
    while (!front->is_up() && !front->has_died()) usleep(5000);
  }
  std::string front_connection(const test::WireRequest &request) const {
    const auto at = request.head.find("X-Front: ");
    return request.head.substr(at, request.head.find("\r\n", at) - at);
  }
  std::optional<test::TlsServer> backend;
  std::optional<Nginx> front;
};

TEST_F(Http2, OneConnection_CarriesManyRequestsAtOnce) {
  start_front([](Connection &connection) {
    if (const auto request = connection.read_request()) {
      if (request->body != "warm-up") connection.server().wait_for_requests(31);
      connection.answer(200, "you said " + request->body);
    }
  });
  ASSERT_TRUE(send(post(front->url(), "warm-up")).response);
  std::vector<std::shared_ptr<Call>> calls;
  for (int i = 0; i < 30; ++i) calls.push_back(start(post(front->url(), std::to_string(i))));
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Exchange exchange = calls[i]->wait();
    ASSERT_TRUE(exchange.response) << exchange.error.message;
    EXPECT_EQ(exchange.response->body, "you said " + std::to_string(i));
  }
  std::set<std::string> connections;
  for (const auto &request : backend->requests()) connections.insert(front_connection(request));
  EXPECT_EQ(connections.size(), 1u);
  EXPECT_THAT(*connections.begin(), HasSubstr("HTTP/2.0"));
}

TEST_F(Http2, CancelledStream_LeavesTheOthersAlone) {
  std::promise<void> go;
  const std::shared_future<void> gone = go.get_future().share();
  start_front([gone](Connection &connection) {
    const auto request = connection.read_request();
    if (request && request->body != "warm-up") gone.wait();
    connection.answer(200, "ok");
  });
  ASSERT_TRUE(send(post(front->url(), "warm-up")).response);
  std::vector<std::shared_ptr<Call>> calls;
  for (int i = 0; i < 10; ++i) calls.push_back(start(post(front->url())));
  backend->wait_for_requests(11);
  Call::cancel(calls[4], Status::Interrupted);
  EXPECT_EQ(calls[4]->wait().error.status, Status::Interrupted);
  go.set_value();
  for (std::size_t i = 0; i < calls.size(); ++i)
    if (i != 4) {
      const Exchange exchange = calls[i]->wait();
      EXPECT_TRUE(exchange.response) << exchange.error.message;
    }
}

TEST_F(Http2, ServerThatGoesAwayAgainAndAgain_GetsEveryPostOnce) {
  start_front(answer_all("ok"), 3);
  for (int i = 0; i < 30; ++i) {
    const Exchange exchange = send(post(front->url(), std::to_string(i)));
    EXPECT_TRUE(exchange.response) << i << " " << exchange.error.message;
  }
  std::multiset<std::string> bodies;
  for (const auto &request : backend->requests()) bodies.insert(request.body);
  for (int i = 0; i < 30; ++i) EXPECT_EQ(bodies.count(std::to_string(i)), 1u) << i;
}

TEST_F(Http2, FrontThatDies_LeavesPostsSentAndUnanswered) {
  start_front([](Connection &connection) {
    connection.read_request();
    connection.stall();
  });
  std::vector<std::shared_ptr<Call>> calls;
  for (int i = 0; i < 10; ++i) calls.push_back(start(post(front->url(), std::to_string(i))));
  backend->wait_for_requests(10);
  front.reset();
  for (const auto &call : calls) {
    const Exchange exchange = call->wait();
    EXPECT_FALSE(exchange.response);
    EXPECT_TRUE(exchange.sent);
    EXPECT_EQ(exchange.error.status, Status::Network);
  }
  EXPECT_EQ(backend->requests().size(), 10u);
}

}  // namespace
}  // namespace cordon::http
