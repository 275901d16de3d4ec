#include "emulator/http_front.hpp"

#include <fmt/format.h>

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <csignal>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/text.hpp"

namespace cordon::emulator {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kMaxBody = 1u << 20;
constexpr std::uint32_t kMaxHeader = 256u << 10;  ///< list calls carry long filters in their URL
constexpr auto kAcceptRetry = std::chrono::milliseconds(50);

Request to_request(const http::request<http::string_body> &message) {
  const auto text = [](beast::string_view view) { return std::string(view.data(), view.size()); };
  std::map<std::string, std::string> headers;
  for (const auto &field : message) headers[to_lower(text(field.name_string()))] = text(field.value());
  return {.method = text(message.method_string()),
          .target = text(message.target()),
          .authorization = text(message[http::field::authorization]),
          .content_type = text(message[http::field::content_type]),
          .body = message.body(),
          .headers = std::move(headers)};
}

std::string serialise(const Reply &reply, bool keep_alive) {
  const beast::string_view reason = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(reply.status)));
  std::string out = fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n", reply.status,
                                std::string_view(reason.data(), reason.size()), reply.content_type, reply.body.size());
  for (const auto &[name, value] : reply.headers) out += name + ": " + value + "\r\n";
  if (!keep_alive) out += "Connection: close\r\n";
  return out + "\r\n" + reply.body;
}

using TlsStream = beast::ssl_stream<beast::tcp_stream>;
using PlainStream = beast::tcp_stream;

/// One connection; lives as long as an operation on it is under way.
template <class Stream>
class Session : public std::enable_shared_from_this<Session<Stream>> {
 public:
  template <class... StreamArguments>
  explicit Session(const HttpFront::Handler &handler, StreamArguments &&...arguments)
      : stream_(std::forward<StreamArguments>(arguments)...), handler_(handler), timer_(stream_.get_executor()) {}

  void start() {
    if constexpr (std::is_same_v<Stream, TlsStream>)
      stream_.async_handshake(asio::ssl::stream_base::server, [self = this->shared_from_this()](error_code error) {
        if (!error) self->read();
      });
    else
      read();
  }

 private:
  void read() {
    parser_.emplace();
    parser_->body_limit(kMaxBody);
    parser_->header_limit(kMaxHeader);
    http::async_read(stream_, buffer_, *parser_, [self = this->shared_from_this()](error_code error, std::size_t) {
      if (!error) self->answer();
    });
  }

  void answer() {
    const Reply reply = handler_(to_request(parser_->get()));
    if (reply.dropped()) {
      error_code ignored;
      beast::get_lowest_layer(stream_).socket().close(ignored);
      return;
    }
    keep_alive_ = parser_->get().keep_alive();
    out_ = serialise(reply, keep_alive_);
    if (reply.pause_midway.count() == 0)
      write(0, out_.size());
    else
      write_in_two(reply.pause_midway);
  }

  void write(std::size_t from, std::size_t to) {
    asio::async_write(stream_, asio::buffer(out_.data() + from, to - from),
                      [self = this->shared_from_this()](error_code error, std::size_t) {
                        if (!error && self->keep_alive_) self->read();
                      });
  }

  void write_in_two(std::chrono::milliseconds pause) {
    const std::size_t half = out_.size() / 2;
    asio::async_write(stream_, asio::buffer(out_.data(), half),
                      [self = this->shared_from_this(), pause, half](error_code error, std::size_t) {
                        if (error) return;
                        self->timer_.expires_after(pause);
                        self->timer_.async_wait([self, half](error_code) { self->write(half, self->out_.size()); });
                      });
  }

  Stream stream_;
  const HttpFront::Handler &handler_;
  asio::steady_timer timer_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::string out_;
  bool keep_alive_ = false;
};

class Listener {
 public:
  /// `tls` nullptr: plain.
  Listener(asio::io_context &io, asio::ssl::context *tls, HttpFront::Handler handler)
      : acceptor_(io), timer_(io), tls_(tls), handler_(std::move(handler)) {}

  std::uint16_t open(const tcp::endpoint &address) {
    acceptor_.open(address.protocol());
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    acceptor_.bind(address);
    acceptor_.listen(asio::socket_base::max_listen_connections);
    const std::uint16_t port = acceptor_.local_endpoint().port();
    accept();
    return port;
  }

 private:
  void accept() {
    acceptor_.async_accept([this](error_code error, tcp::socket socket) {
      if (error) return retry();
      error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      if (tls_ != nullptr)
        std::make_shared<Session<TlsStream>>(handler_, std::move(socket), *tls_)->start();
      else
        std::make_shared<Session<PlainStream>>(handler_, std::move(socket))->start();
      accept();
    });
  }

  /// Out of descriptors, most likely: wait for connections to end.
  void retry() {
    timer_.expires_after(kAcceptRetry);
    timer_.async_wait([this](error_code) { accept(); });
  }

  tcp::acceptor acceptor_;
  asio::steady_timer timer_;
  asio::ssl::context *tls_;
  HttpFront::Handler handler_;
};

}  // namespace

/// The io_context goes last: the listeners live on it. Sessions still open end with it and by then only let go.
struct HttpFront::Impl {
  asio::io_context io{1};
  asio::ssl::context tls{asio::ssl::context::tls_server};
  std::vector<std::unique_ptr<Listener>> listeners;
};

HttpFront::HttpFront(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpFront::~HttpFront() = default;

Result<std::unique_ptr<HttpFront>> HttpFront::make(const CertificateFiles &files) {
  auto impl = std::make_unique<Impl>();
  error_code error;
  impl->tls.use_certificate_chain_file(files.server.string(), error);
  if (!error) impl->tls.use_private_key_file(files.key.string(), asio::ssl::context::pem, error);
  if (error)
    return fail(Status::Tls,
                fmt::format("could not use the certificate {}: {}", files.server.string(), error.message()));
  SSL_CTX_set_min_proto_version(impl->tls.native_handle(), TLS1_2_VERSION);
  return std::unique_ptr<HttpFront>(new HttpFront(std::move(impl)));
}

Result<std::uint16_t> HttpFront::listen(const std::string &host, std::uint16_t port, Handler handler) {
  return open(host, port, std::move(handler), false);
}

Result<std::uint16_t> HttpFront::listen_plain(const std::string &host, std::uint16_t port, Handler handler) {
  return open(host, port, std::move(handler), true);
}

Result<std::uint16_t> HttpFront::open(const std::string &host, std::uint16_t port, Handler handler, bool plain) {
  error_code error;
  const asio::ip::address address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
  if (error) return fail(Status::InvalidArgument, fmt::format("{} is not an IP address to listen on", host));
  try {
    impl_->listeners.push_back(
        std::make_unique<Listener>(impl_->io, plain ? nullptr : &impl_->tls, std::move(handler)));
    return impl_->listeners.back()->open({address, port});
  } catch (const boost::system::system_error &problem) {
    return fail(Status::Network,
                fmt::format("could not listen on {} port {}: {}", host, port, problem.code().message()));
  }
}

void HttpFront::run() {
  asio::signal_set signals(impl_->io, SIGTERM, SIGINT);
  signals.async_wait([this](error_code, int) { impl_->io.stop(); });
  impl_->io.run();
}

}  // namespace cordon::emulator
