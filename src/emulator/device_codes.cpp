#include "emulator/device_codes.hpp"

#include "base/text.hpp"

namespace cordon::emulator {
namespace {

/// Letters and digits that can't be mistaken for each other.
constexpr std::string_view kLetters = "BCDFGHJKLMNPQRSTVWXZ23456789";
constexpr int kUserCodeLength = 9;
/// A client is only reproached for being clearly early.
constexpr std::chrono::milliseconds kEarly(500);

}  // namespace

DeviceCodes::Begun DeviceCodes::begin(SignIn sign_in, UtcTicks now) {
  Begun begun{"emu-dc-" + random_.hex(48), ""};
  for (int i = 0; i < kUserCodeLength; ++i) begun.user_code += kLetters[random_.below(kLetters.size())];
  codes_[begun.device_code] = {std::move(sign_in), begun.user_code, State::Waiting, now + settings_.lifetime, now};
  return begun;
}

DeviceCodes::Poll DeviceCodes::poll(const std::string &device_code, const std::string &client_id, UtcTicks now,
                                    SignIn &sign_in) {
  const auto found = codes_.find(device_code);
  if (found == codes_.end() || !equal_ignoring_case(found->second.sign_in.client_id, client_id)) return Poll::Unknown;
  Entry &entry = found->second;
  if (now >= entry.expires) return Poll::Expired;
  if (entry.state == State::Declined) return Poll::Declined;
  const bool too_fast = now < entry.next_poll - kEarly;
  entry.next_poll = now + settings_.interval;
  if (too_fast) return Poll::TooFast;
  if (entry.state == State::Waiting) return Poll::Pending;
  sign_in = entry.sign_in;
  codes_.erase(found);
  return Poll::SignedIn;
}

bool DeviceCodes::decide(std::string_view user_code, bool approve, const std::string &user, UtcTicks now) {
  for (auto &[device_code, entry] : codes_) {
    if (!equal_ignoring_case(entry.user_code, user_code) || entry.state != State::Waiting || now >= entry.expires)
      continue;
    entry.state = approve ? State::Approved : State::Declined;
    entry.sign_in.user = user;
    return true;
  }
  return false;
}

Json DeviceCodes::list(UtcTicks now) const {
  Json rows = Json::array();
  for (const auto &[device_code, entry] : codes_) {
    const char *state = now >= entry.expires             ? "expired"
                        : entry.state == State::Waiting  ? "waiting"
                        : entry.state == State::Approved ? "approved"
                                                         : "declined";
    rows.push_back({{"user_code", entry.user_code},
                    {"client_id", entry.sign_in.client_id},
                    {"tenant_id", entry.sign_in.tenant_id},
                    {"state", state},
                    {"expires_at", entry.expires.str()}});
  }
  return rows;
}

std::string DeviceCodes::issue_refresh_token(const SignIn &sign_in) {
  std::string token = "emu-rt-" + random_.hex(64);
  refresh_tokens_[token] = sign_in;
  return token;
}

std::optional<SignIn> DeviceCodes::redeem(const std::string &refresh_token, const std::string &client_id) {
  const auto found = refresh_tokens_.find(refresh_token);
  if (found == refresh_tokens_.end() || !equal_ignoring_case(found->second.client_id, client_id)) return std::nullopt;
  SignIn sign_in = found->second;
  if (settings_.refresh_tokens_once) refresh_tokens_.erase(found);
  return sign_in;
}

}  // namespace cordon::emulator
