#pragma once

#include <curl/curl.h>

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "http/transfer.hpp"

namespace cordon::http {

/// "host" or "host:port" of an absolute URL; without user and password.
std::string host_of(std::string_view url);

/// Why a request can't be sent as it is (INVALID_ARGUMENT; TLS for a URL that is not https), before anything happens.
Result<void> check(const Request &request);

/// The error for a transfer that libcurl ended with `code` (not CURLE_OK): NETWORK, TLS, INVALID_RESPONSE or
/// OUT_OF_MEMORY, with host, reason and what to do. Call it while the handle is still configured.
Error describe_failure(CURLcode code, const Transfer &transfer);

}  // namespace cordon::http
