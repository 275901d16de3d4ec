#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "identity/oauth_error.hpp"
#include "identity/token.hpp"
#include "identity/token_answer.hpp"

/// What a token endpoint, or whatever answers in its place, may send: an answer, a refusal, a token's payload.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *bytes, std::size_t size) {
  using namespace cordon;
  using namespace cordon::identity;
  const std::string_view body(reinterpret_cast<const char *>(bytes), size);
  if (const auto answer = parse_token_answer(body)) {
    if (answer->access_token.empty() || answer->expires_in_s <= 0) std::abort();
    for (const char c : answer->access_token.reveal())
      if (c <= 0x20 || c >= 0x7f) std::abort();
    make_token(answer->access_token.clone(), answer->expires_in_s, BootTime(), UtcTicks::from_unix_seconds(1));
  }
  static const Applicant applicant("contoso", "tenant", "client", "https://login.example.test", "aud");
  for (const int status : {200, 400, 401, 429, 503}) {
    const Error error = oauth_error(applicant, status, body, std::nullopt);
    if (error.message.empty() || !is_error(error.status)) std::abort();
  }
  (void)token_roles(Secret(body));
  return 0;
}
