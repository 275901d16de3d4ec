#include "identity/workload_assertion.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/helper_process.hpp"
#include "base/secret_file.hpp"
#include "loop/wait.hpp"

namespace cordon::identity {
namespace {

constexpr std::size_t kLongestAssertion = 64 * 1024;
/// The loop has no descriptor of a stranger's to wait for; a helper takes longer than this anyway.
constexpr milliseconds kLookAtHelper(20);

/// A JWT is three parts of base64url between two dots; blanks around it go.
Result<Secret> checked(Secret text, const std::string &what, const std::string &place) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  std::string_view jwt = text.reveal();
  while (!jwt.empty() && is_blank(jwt.back())) jwt.remove_suffix(1);
  while (!jwt.empty() && is_blank(jwt.front())) jwt.remove_prefix(1);
  const bool good = std::count(jwt.begin(), jwt.end(), '.') == 2 && std::all_of(jwt.begin(), jwt.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                             c == '_' || c == '.';
                    });
  if (!good)
    return fail(Error(Status::InvalidState,
                      fmt::format("{} named at {} gives no JSON Web Token; check what is in it", what, place))
                    .at(place));
  return Secret(jwt);
}

}  // namespace

loop::Task<Result<Secret>> FileAssertion::make(std::string, UtcTicks, loop::Scope &) {
  Result<Secret> text = read_secret_file(path_, kLongestAssertion, FileGuard::None, place_);
  if (!text) co_return text;
  co_return checked(std::move(*text), "the file", place_);
}

std::optional<Error> FileAssertion::problem() const {
  auto checked = check_secret_file(path_, FileGuard::None, place_);
  return checked ? std::nullopt : std::optional(std::move(checked.error()));
}

std::string FileAssertion::fingerprint(const TokenEndpoint &endpoint) const {
  return endpoint.fingerprint({"workload_identity", "file", path_});
}

loop::Task<Result<Secret>> HelperAssertion::make(std::string, UtcTicks, loop::Scope &scope) {
  Result<HelperProcess> helper = HelperProcess::start(argv_);
  if (!helper) co_return fail(std::move(helper.error()).at(place_));
  const BootTime deadline = scope.scheduler().now() + timeout_;
  for (;;) {
    Result<bool> done = helper->advance();
    if (!done) co_return fail(std::move(done.error()).at(place_));
    if (*done) co_return checked(helper->take_output(), "the helper", place_);
    const BootTime now = scope.scheduler().now();
    if (now >= deadline) co_return fail(helper->timed_out(timeout_).at(place_));
    const BootTime next = now + kLookAtHelper;
    Result<void> slept = co_await loop::sleep_until(next, scope);
    if (!slept) co_return fail(std::move(slept.error()));
  }
}

std::string HelperAssertion::fingerprint(const TokenEndpoint &endpoint) const {
  return endpoint.fingerprint({"workload_identity", "exec", fmt::format("{}", fmt::join(argv_, "\n"))});
}

loop::Task<Result<Secret>> IdentityAssertion::make(std::string, UtcTicks, loop::Scope &scope) {
  Result<TokenAnswer> answer = co_await identity_.ask(exchange_audience_, scope);
  if (!answer) co_return fail(std::move(answer.error()));
  co_return std::move(answer->access_token);
}

std::string IdentityAssertion::fingerprint(const TokenEndpoint &endpoint) const {
  return endpoint.fingerprint(
      {"workload_identity", "identity", identity_.name(), identity_.identity(), exchange_audience_});
}

}  // namespace cordon::identity
