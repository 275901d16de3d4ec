#include "support/tls_server.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "base/text.hpp"
#include "support/loopback.hpp"

namespace cordon::test {
namespace {

void must(bool done, const char *what) {
  if (!done) throw std::runtime_error(what);
}

void add_extension(X509 *certificate, X509 *issuer, int kind, const std::string &value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  must(extension != nullptr, "certificate extension");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

CertificatePtr begin_certificate(EVP_PKEY *key, const std::string &name, long from_s, long until_s) {
  static std::atomic<long> serial{1};
  CertificatePtr certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), from_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), until_s);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char *>(name.c_str()), -1, -1, 0);
  return certificate;
}

std::string pem_text(const std::function<void(BIO *)> &write) {
  const std::unique_ptr<BIO, OpenSslFree<BIO_free_all>> bio(BIO_new(BIO_s_mem()));
  write(bio.get());
  char *bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

/// The length of the body that follows a request's head.
std::size_t content_length(const std::string &head) {
  const std::string lower = to_lower(head);
  const auto at = lower.find("\r\ncontent-length:");
  return at == std::string::npos ? 0 : std::strtoul(lower.c_str() + at + 17, nullptr, 10);
}

}  // namespace

std::string certificate_pem(const Identity &identity) {
  return pem_text([&](BIO *bio) { PEM_write_bio_X509(bio, identity.certificate.get()); });
}

std::string key_pem(const Identity &identity, const std::string &password) {
  return pem_text([&](BIO *bio) {
    PEM_write_bio_PrivateKey(bio, identity.key.get(), password.empty() ? nullptr : EVP_aes_256_cbc(),
                             password.empty() ? nullptr : reinterpret_cast<const unsigned char *>(password.data()),
                             static_cast<int>(password.size()), nullptr, nullptr);
  });
}

TestCa::TestCa(const std::string &name) {
  self_.key.reset(EVP_EC_gen("P-256"));
  self_.certificate = begin_certificate(self_.key.get(), name, -7 * 86400, 86400);
  X509 *certificate = self_.certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(certificate, certificate, NID_subject_key_identifier, "hash");
  must(X509_sign(certificate, self_.key.get(), EVP_sha256()) > 0, "CA signature");

  char path[] = "/tmp/cordon-test-ca-XXXXXX";
  const int fd = mkstemp(path);
  must(fd >= 0, "CA file");
  file_ = path;
  FILE *out = fdopen(fd, "w");
  PEM_write_X509(out, certificate);
  fclose(out);
}

TestCa::~TestCa() {
  unlink(file_.c_str());
}

Identity TestCa::issue(const std::string &name, long valid_until_s) const {
  return issue_between(name, std::min(0L, valid_until_s) - 86400, valid_until_s);
}

Identity TestCa::issue_between(const std::string &name, long from_s, long until_s) const {
  Identity identity;
  identity.key.reset(EVP_EC_gen("P-256"));
  identity.certificate = begin_certificate(identity.key.get(), name, from_s, until_s);
  X509 *certificate = identity.certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(self_.certificate.get()));
  add_extension(certificate, self_.certificate.get(), NID_subject_alt_name,
                "DNS:" + name + (name == "localhost" ? ",IP:127.0.0.1,IP:::1" : ""));
  add_extension(certificate, self_.certificate.get(), NID_authority_key_identifier, "keyid");
  must(X509_sign(certificate, self_.key.get(), EVP_sha256()) > 0, "server certificate signature");
  return identity;
}

/// A connection and the thread that serves it.
struct TlsServer::Worker {
  explicit Worker(std::unique_ptr<Connection> served) : connection(std::move(served)) {}
  std::unique_ptr<Connection> connection;
  std::thread thread;
  bool ended = false;
};

TlsServer::TlsServer(Identity identity, Script script, Start start)
    : script_(std::move(script)), start_(start), context_(SSL_CTX_new(TLS_server_method())) {
  must(SSL_CTX_use_certificate(context_.get(), identity.certificate.get()) == 1, "server certificate");
  must(SSL_CTX_use_PrivateKey(context_.get(), identity.key.get()) == 1, "server key");

  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  must(bind(listener_, reinterpret_cast<sockaddr *>(&address), size) == 0, "bind");
  must(listen(listener_, 512) == 0, "listen");
  must(getsockname(listener_, reinterpret_cast<sockaddr *>(&address), &size) == 0, "getsockname");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

TlsServer::~TlsServer() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    for (const Worker &worker : workers_)
      if (worker.connection->fd_ >= 0) shutdown(worker.connection->fd_, SHUT_RDWR);
  }
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  for (Worker &worker : workers_) worker.thread.join();
  ::close(listener_);
}

std::string TlsServer::url(std::string_view path) const {
  return fmt::format("https://localhost:{}{}", port_, path);
}

std::vector<WireRequest> TlsServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

int TlsServer::connections() const {
  const std::lock_guard lock(mutex_);
  return accepted_;
}

void TlsServer::wait_for_connections(int count) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return accepted_ >= count; });
}

void TlsServer::wait_for_requests(std::size_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return requests_.size() >= count; });
}

void TlsServer::wait_for_ended(int count) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ended_ >= count; });
}

void TlsServer::accept_all() {
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);  // inherited by the workers
  for (;;) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const std::lock_guard lock(mutex_);
    if (ending_ || fd < 0) {
      if (fd >= 0) ::close(fd);
      return;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    join_ended();
    Worker &worker = workers_.emplace_back(std::unique_ptr<Connection>(new Connection(*this, fd, accepted_++)));
    worker.thread = std::thread([this, &worker] { serve(worker); });
    changed_.notify_all();
  }
}

/// With the lock held, as the last thing a worker does is to mark itself under it.
void TlsServer::join_ended() {
  workers_.remove_if([](Worker &worker) {
    if (worker.ended) worker.thread.join();
    return worker.ended;
  });
}

void TlsServer::serve(Worker &worker) {
  Connection &connection = *worker.connection;
  if (start_ == Start::Raw || connection.handshake()) script_(connection);
  connection.close();
  const std::lock_guard lock(mutex_);
  worker.ended = true;
  ++ended_;
  changed_.notify_all();
}

bool TlsServer::Connection::handshake() {
  ssl_.reset(SSL_new(server_.context_.get()));
  SSL_set_fd(ssl_.get(), fd_);
  if (SSL_accept(ssl_.get()) == 1) return true;
  // Closed with something unread in it, a socket sends a reset, and the client may never see why it was refused.
  shutdown(fd_, SHUT_WR);
  char rest[4096];
  while (recv(fd_, rest, sizeof rest, 0) > 0) {
  }
  return false;
}

std::size_t TlsServer::Connection::read_some(char *to, std::size_t size) {
  if (ssl_ != nullptr) {
    std::size_t got = 0;
    return SSL_read_ex(ssl_.get(), to, size, &got) == 1 ? got : 0;
  }
  const ssize_t got = recv(fd_, to, size, 0);
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}

std::optional<WireRequest> TlsServer::Connection::read_request() {
  const auto read_more = [this] {
    char chunk[16384];
    const std::size_t got = read_some(chunk, sizeof chunk);
    buffered_.append(chunk, got);
    return got > 0;
  };
  std::size_t head_end = 0;
  while ((head_end = buffered_.find("\r\n\r\n")) == std::string::npos)
    if (!read_more()) return std::nullopt;
  WireRequest request{number_, buffered_.substr(0, head_end + 2), {}};
  buffered_.erase(0, head_end + 4);
  const std::size_t length = content_length(request.head);
  while (buffered_.size() < length)
    if (!read_more()) return std::nullopt;
  request.body = buffered_.substr(0, length);
  buffered_.erase(0, length);

  const std::lock_guard lock(server_.mutex_);
  server_.requests_.push_back(request);
  server_.changed_.notify_all();
  return request;
}

void TlsServer::Connection::write(std::string_view bytes) {
  if (ssl_ == nullptr) return write_plain(bytes);
  std::size_t written = 0;
  if (!bytes.empty()) SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
}

void TlsServer::Connection::write_plain(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void TlsServer::Connection::answer(int status, std::string_view body, std::string_view more_headers) {
  write(fmt::format("HTTP/1.1 {} Status\r\nContent-Length: {}\r\n{}\r\n{}", status, body.size(), more_headers, body));
}

void TlsServer::Connection::wait_for_bytes() {
  char ignored[1];
  recv(fd_, ignored, sizeof ignored, MSG_PEEK);
}

void TlsServer::Connection::stall() {
  char ignored[4096];
  while (recv(fd_, ignored, sizeof ignored, 0) > 0) {
  }
}

void TlsServer::Connection::reset() {
  const linger abort{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  ssl_.reset();
  const std::lock_guard lock(server_.mutex_);
  ::close(std::exchange(fd_, -1));
}

void TlsServer::Connection::close() {
  if (fd_ < 0) return;
  if (ssl_ != nullptr) SSL_shutdown(ssl_.get());
  ssl_.reset();
  const std::lock_guard lock(server_.mutex_);
  ::close(std::exchange(fd_, -1));
}

}  // namespace cordon::test
