#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "emulator/certificates.hpp"
#include "emulator/exchange.hpp"

namespace cordon::emulator {

/// Serves HTTP/1.1, over TLS or plain, on one thread: any number of held-open connections, each answered as soon as its
/// request is complete.
class HttpFront {
 public:
  /// Called on the thread of run(), one request at a time.
  using Handler = std::function<Reply(const Request &)>;

  /// Errors: the certificate files can't be read.
  static Result<std::unique_ptr<HttpFront>> make(const CertificateFiles &files);
  ~HttpFront();
  HttpFront(const HttpFront &) = delete;
  HttpFront &operator=(const HttpFront &) = delete;

  /// Starts to accept connections; they are served by run(). `host` is an IP address or "localhost"; port 0: a free
  /// one. Returns the port.
  Result<std::uint16_t> listen(const std::string &host, std::uint16_t port, Handler handler);
  /// The same without TLS, for the managed identity services alone.
  Result<std::uint16_t> listen_plain(const std::string &host, std::uint16_t port, Handler handler);

  /// Until SIGTERM or SIGINT.
  void run();

 private:
  struct Impl;
  Result<std::uint16_t> open(const std::string &host, std::uint16_t port, Handler handler, bool plain);
  explicit HttpFront(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cordon::emulator
