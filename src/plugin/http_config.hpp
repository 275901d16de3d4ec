#pragma once

#include "base/error.hpp"
#include "base/json.hpp"
#include "http/settings.hpp"

namespace cordon::plugin {

/// Reads the config's `http` member, which the schema has passed. Errors: INVALID_ARGUMENT with the pointer. Files are
/// not looked at.
Result<http::Settings> read_http(const Json &http);

}  // namespace cordon::plugin
