#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace cordon::test {

template <auto Free>
struct OpenSslFree {
  template <class T>
  void operator()(T *p) const {
    Free(p);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, OpenSslFree<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, OpenSslFree<X509_free>>;

struct Identity {
  KeyPtr key;
  CertificatePtr certificate;
};

std::string certificate_pem(const Identity &identity);
/// Encrypted when there is a password.
std::string key_pem(const Identity &identity, const std::string &password = "");

/// A certificate authority made for one test; its certificate lies in a file of the temporary directory until it goes.
class TestCa {
 public:
  explicit TestCa(const std::string &name = "Cordon test CA");
  ~TestCa();
  TestCa(const TestCa &) = delete;
  TestCa &operator=(const TestCa &) = delete;

  const std::string &file() const { return file_; }
  std::string pem() const { return certificate_pem(self_); }
  /// A server certificate for `name` (also 127.0.0.1 and ::1 when the name is localhost), valid from a day before
  /// `valid_until_s` (seconds from now) or now, whichever is earlier.
  Identity issue(const std::string &name = "localhost", long valid_until_s = 3600) const;
  /// The same with both ends named, in seconds from now.
  Identity issue_between(const std::string &name, long from_s, long until_s) const;

 private:
  Identity self_;
  std::string file_;
};

/// One request as it was read from the wire.
struct WireRequest {
  int connection;
  std::string head;
  std::string body;
};

/// The device that a POST to the API names; empty when it is none.
inline std::string machine_of(const WireRequest &request) {
  constexpr std::string_view kBefore = "POST /api/machines/";
  return request.head.starts_with(kBefore) ? request.head.substr(kBefore.size(), 40) : std::string();
}

/// A TLS server on loopback, a thread per connection, whose behaviour is a script run for every connection accepted.
class TlsServer {
 public:
  class Connection {
   public:
    TlsServer &server() { return server_; }
    int number() const { return number_; }  ///< in order of acceptance, from 0
    /// Only in scripts of a raw server; otherwise it is done before.
    bool handshake();
    /// The next request, counted; nullopt when the peer is gone.
    std::optional<WireRequest> read_request();
    void write(std::string_view bytes);
    void write_plain(std::string_view bytes);  ///< past TLS
    void answer(int status, std::string_view body, std::string_view more_headers = {});
    void wait_for_bytes();  ///< of whatever kind, past TLS
    /// Waits until the peer closes or the server ends.
    void stall();
    void reset();  ///< RST instead of FIN
    void close();
    std::string tls_version() const { return ssl_ != nullptr ? SSL_get_version(ssl_.get()) : ""; }
    bool session_was_resumed() const { return ssl_ != nullptr && SSL_session_reused(ssl_.get()) == 1; }

   private:
    friend class TlsServer;
    Connection(TlsServer &server, int fd, int number) : server_(server), fd_(fd), number_(number) {}
    std::size_t read_some(char *to, std::size_t size);
    TlsServer &server_;
    int fd_;
    int number_;
    std::unique_ptr<SSL, OpenSslFree<SSL_free>> ssl_;
    std::string buffered_;
  };
  using Script = std::function<void(Connection &)>;
  enum class Start { Handshake, Raw };

  TlsServer(Identity identity, Script script, Start start = Start::Handshake);
  ~TlsServer();
  TlsServer(const TlsServer &) = delete;
  TlsServer &operator=(const TlsServer &) = delete;

  int port() const { return port_; }
  std::string url(std::string_view path = "/") const;
  SSL_CTX *context() { return context_.get(); }

  std::vector<WireRequest> requests() const;
  int connections() const;
  /// Block until that many connections, requests, or ended connections have been seen.
  void wait_for_connections(int count);
  void wait_for_requests(std::size_t count);
  void wait_for_ended(int count);

 private:
  struct Worker;
  void accept_all();
  void serve(Worker &worker);
  void join_ended();

  Script script_;
  Start start_;
  std::unique_ptr<SSL_CTX, OpenSslFree<SSL_CTX_free>> context_;
  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  int accepted_ = 0;
  int ended_ = 0;
  std::vector<WireRequest> requests_;
  std::list<Worker> workers_;
  std::thread acceptor_;
};

}  // namespace cordon::test
