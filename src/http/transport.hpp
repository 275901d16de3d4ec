#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secure.hpp"
#include "loop/scope.hpp"
#include "loop/task.hpp"

namespace cordon::http {

enum class Method { Get, Post, Delete };

/// One request. What is borrowed must live until send() has returned.
struct Request {
  Request() = default;
  Request(Method method_, std::string url_) : method(method_), url(std::move(url_)) {}

  Method method = Method::Get;
  std::string url;                        ///< absolute, https
  std::vector<std::string> headers;       ///< "Name: value"; nothing secret
  const Secret *bearer = nullptr;         ///< borrowed; sent as "Authorization: Bearer …"
  const Secret *secret_header = nullptr;  ///< borrowed; a whole line "Name: value" whose value is secret
  std::string body;                       ///< of a POST
  const Secret *secret_body = nullptr;    ///< borrowed; sent instead of `body`
  std::string content_type;               ///< of the body; empty: none is named
  bool secret_response = false;           ///< the answer's body is collected in guarded memory
  bool bypass_proxy = false;              ///< for link-local services, which no proxy may see
  bool plain_http_allowed = false;        ///< http:// is accepted; for managed identity endpoints alone
  std::function<void()> departing;        ///< called on the loop before the first byte of the request may leave
  std::size_t max_body = 32u << 20;       ///< bytes of an answer; a longer one is an INVALID_RESPONSE
};

/// What the server answered, whatever its status.
struct Response {
  Response() = default;

  /// The first header of that name (any case); empty when there is none or it is not kept.
  std::string_view header(std::string_view name) const noexcept;

  int status = 0;
  std::string body;
  Secret secret_body;  ///< instead of `body` when the request said `secret_response`
  /// Only Date, Retry-After, Content-Type, WWW-Authenticate and the request id kinds are kept.
  std::vector<std::pair<std::string, std::string>> headers;
  /// Not empty: a gateway in between answered, because of our client certificate; says so and what to do.
  std::string gateway_refusal;
};

/// How an attempt ended.
struct Exchange {
  Exchange() = default;

  std::optional<Response> response;
  /// Valid without a response: NETWORK, TLS, INVALID_RESPONSE, INVALID_ARGUMENT (the URL), OUT_OF_MEMORY, or why the
  /// scope was cancelled. Names host and reason.
  Error error;
  bool sent = false;  ///< bytes of the request may have left; false: none has and none will
  BootTime ended;     ///< when the answer was complete or the connection closed
};

/// Sends one request on the wire per call; the seam at which simulation replaces the network. [loop]
class Transport {
 public:
  virtual ~Transport() = default;
  /// Ends early, without an answer, when `scope` is cancelled or its deadline passes; nothing leaves after that, even
  /// if the process stood still on the way to the server and no timer has had its turn since. A request that is not a
  /// GET is written to one connection at most. `request` and `scope` must outlive the task.
  virtual loop::Task<Exchange> send(const Request &request, loop::Scope &scope) = 0;
};

}  // namespace cordon::http
