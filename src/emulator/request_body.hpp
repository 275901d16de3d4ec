#pragma once

#include <string>
#include <string_view>

#include "emulator/call.hpp"

namespace cordon::emulator {

/// Reads the POST's body. Names are case-sensitive and unknown ones are refused (mde-api §11): with a wrongly written
/// name the parameter counts as missing. `parameter`: what the action takes beside Comment.
tl::expected<Json, Refusal> read_action_body(const Request &request, const ActionParameter &parameter);

}  // namespace cordon::emulator
