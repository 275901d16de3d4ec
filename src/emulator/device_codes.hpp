#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/utc.hpp"
#include "emulator/seeded_random.hpp"

namespace cordon::emulator {

/// What a person's sign-in is for, and who it was.
struct SignIn {
  std::string tenant_id, client_id, audience;
  bool offline = false;  ///< a refresh token is wanted
  std::string user;
};

/// The sign-ins that were begun with a device code, and the refresh tokens that came of them (mde-api §2.6). Real time.
class DeviceCodes {
 public:
  struct Settings {
    std::chrono::seconds lifetime{900};
    std::chrono::seconds interval{5};
    bool refresh_tokens_once = false;  ///< a refresh token is spent by its use
  };
  enum class Poll { Unknown, Pending, TooFast, Declined, Expired, SignedIn };
  struct Begun {
    std::string device_code, user_code;
  };

  DeviceCodes(SeededRandom &random, Settings settings) : random_(random), settings_(settings) {}

  const Settings &settings() const { return settings_; }
  Begun begin(SignIn sign_in, UtcTicks now);
  /// A client asks; `sign_in` is set when somebody has signed in, which spends the code.
  Poll poll(const std::string &device_code, const std::string &client_id, UtcTicks now, SignIn &sign_in);
  /// What the person does with the code on the page. False: there is no such code, or it is over.
  bool decide(std::string_view user_code, bool approve, const std::string &user, UtcTicks now);
  /// `[{"user_code","client_id","tenant_id","state","expires_at"},…]`
  Json list(UtcTicks now) const;

  std::string issue_refresh_token(const SignIn &sign_in);
  /// nullopt when it is not known (any more).
  std::optional<SignIn> redeem(const std::string &refresh_token, const std::string &client_id);
  /// All of them are refused from now on.
  void revoke_refresh_tokens() { refresh_tokens_.clear(); }

 private:
  enum class State { Waiting, Approved, Declined };
  struct Entry {
    SignIn sign_in;
    std::string user_code;
    State state = State::Waiting;
    UtcTicks expires, next_poll;
  };

  SeededRandom &random_;
  Settings settings_;
  std::map<std::string, Entry> codes_;  ///< by device code
  std::map<std::string, SignIn> refresh_tokens_;
};

}  // namespace cordon::emulator
