#pragma once

#include <string_view>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/secure.hpp"

namespace cordon {

/// parse_json for documents that carry secrets: as strict, but every byte of it stays in guarded memory (nlohmann's own
/// parser leaves the last token on the heap) and messages name a byte position only. INVALID_ARGUMENT.
Result<SecureJson> parse_secure_json(std::string_view text, std::string_view what, JsonLimits limits = {});

/// Compact, keys sorted: equal documents give equal bytes. The strings must be UTF-8.
SecureString dump_secure_json(const SecureJson &json);

}  // namespace cordon
