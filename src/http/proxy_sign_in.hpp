#pragma once

#include <memory>
#include <optional>
#include <string>

#include "http/proxy.hpp"
#include "http/settings.hpp"
#include "loop/wait.hpp"

namespace cordon::http {

/// Ways to sign in that a proxy named (CURLAUTH_*), as a person writes them: "Negotiate, NTLM"; empty for none.
std::string sign_in_names(long offers);

/// User and password for a proxy, in the forms that libcurl takes.
struct ProxyCredentials {
  explicit ProxyCredentials(Secret user_and_password);

  Secret text;      ///< user:password
  Secret user;      ///< NUL-terminated
  Secret password;  ///< likewise
  Secret header;    ///< the line that signs in by Basic, likewise
};
using SharedProxyCredentials = std::shared_ptr<const ProxyCredentials>;

/// Signs in at the proxy without getting the account locked: until the proxy has accepted a password, one connection at
/// a time shows it, and a refused one is not shown again before the secret changes or some minutes have passed. [loop]
class ProxySignIn {
 public:
  ProxySignIn(loop::Scheduler &scheduler, const Settings &settings, const Proxy &proxy, SecretReader read_secret);

  /// One transfer's turn. What it learns is told by accepted() or refused(); nothing told: nothing learnt.
  class Turn {
   public:
    Turn(std::shared_ptr<ProxySignIn> owner, SharedProxyCredentials credentials, bool first);
    Turn(const Turn &) = delete;
    Turn &operator=(const Turn &) = delete;
    ~Turn();
    const ProxyCredentials &credentials() const { return *credentials_; }
    bool digest() const { return owner_->digest_; }
    void accepted();
    /// `offers`: the ways to sign in that the proxy named, as CURLAUTH_*.
    void refused(long offers);
    bool was_refused() const { return refused_; }

   private:
    std::shared_ptr<ProxySignIn> owner_;
    SharedProxyCredentials credentials_;
    bool first_;
    bool refused_ = false;
  };

  bool needed() const { return has_credentials_; }
  /// Errors: why the secret can't be read (names /http/proxy_secret_name); NETWORK when the proxy has refused it
  /// lately; why the scope was cancelled. `self` is this object.
  static loop::Task<Result<std::shared_ptr<Turn>>> enter(std::shared_ptr<ProxySignIn> self, loop::Scope &scope);

 private:
  Result<void> read();
  Error refusal() const;
  bool is_refused() const { return refusals_ > 0 && scheduler_.now() < not_before_; }

  loop::Scheduler &scheduler_;
  loop::Event changed_;
  SecretReader read_secret_;
  std::string secret_name_;
  std::string host_;
  std::string place_;
  bool digest_;
  bool has_credentials_;
  SharedProxyCredentials credentials_;
  bool proven_ = false;
  bool trying_ = false;
  int refusals_ = 0;  ///< in a row, of these credentials
  BootTime not_before_;
  long offers_ = 0;
};

}  // namespace cordon::http
