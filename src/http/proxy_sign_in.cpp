#include "http/proxy_sign_in.hpp"

#include <curl/curl.h>
#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <utility>

namespace cordon::http {
namespace {

/// Before a refused password is shown again; doubled each time. Accounts are locked after a few attempts within half
/// an hour.
constexpr std::chrono::minutes kFirstPause(5);
constexpr int kMostDoublings = 4;

bool is_usable(const Secret &text) {
  const std::string_view bytes = text.reveal();
  return bytes.find(':') != std::string_view::npos && bytes.front() != ':' &&
         std::none_of(bytes.begin(), bytes.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

void without_line_end(Secret &text) {
  while (!text.empty() && (text.reveal().back() == '\n' || text.reveal().back() == '\r')) text.resize(text.size() - 1);
}

}  // namespace

std::string sign_in_names(long offers) {
  std::string out;
  for (const auto &[bit, name] :
       {std::pair(CURLAUTH_BASIC, "Basic"), std::pair(CURLAUTH_DIGEST, "Digest"), std::pair(CURLAUTH_NTLM, "NTLM"),
        std::pair(CURLAUTH_NEGOTIATE, "Negotiate"), std::pair(CURLAUTH_BEARER, "Bearer")})
    if ((static_cast<unsigned long>(offers) & bit) != 0) out.append(out.empty() ? "" : ", ").append(name);
  return out;
}

ProxyCredentials::ProxyCredentials(Secret user_and_password) : text(std::move(user_and_password)) {
  const std::string_view bytes = text.reveal();
  const auto colon = bytes.find(':');
  user.append(bytes.substr(0, colon));
  user.push_back('\0');
  password.append(bytes.substr(colon + 1));
  password.push_back('\0');
  constexpr std::string_view kScheme = "Proxy-Authorization: Basic ";
  const std::size_t encoded = sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL);  // with the NUL
  header.append(kScheme);
  header.resize(kScheme.size() + encoded);
  sodium_bin2base64(header.data() + kScheme.size(), encoded, text.bytes(), text.size(), sodium_base64_VARIANT_ORIGINAL);
}

ProxySignIn::ProxySignIn(loop::Scheduler &scheduler, const Settings &settings, const Proxy &proxy,
                         SecretReader read_secret)
    : scheduler_(scheduler),
      changed_(scheduler),
      read_secret_(std::move(read_secret)),
      secret_name_(settings.proxy_secret_name),
      host_(proxy.host()),
      place_(proxy.place()),
      digest_(settings.proxy_digest),
      has_credentials_(proxy.is_http() && (!secret_name_.empty() || !proxy.credentials().empty())) {
  if (secret_name_.empty() && is_usable(proxy.credentials()))
    credentials_ = std::make_shared<ProxyCredentials>(proxy.credentials().clone());
}

ProxySignIn::Turn::Turn(std::shared_ptr<ProxySignIn> owner, SharedProxyCredentials credentials, bool first)
    : owner_(std::move(owner)), credentials_(std::move(credentials)), first_(first) {}

ProxySignIn::Turn::~Turn() {
  if (!first_) return;
  owner_->trying_ = false;
  owner_->changed_.notify_all();
}

void ProxySignIn::Turn::accepted() {
  if (credentials_ != owner_->credentials_) return;
  owner_->proven_ = true;
  owner_->refusals_ = 0;
}

void ProxySignIn::Turn::refused(long offers) {
  refused_ = true;
  if (credentials_ != owner_->credentials_) return;
  owner_->proven_ = false;
  owner_->offers_ = offers;
  const int doublings = std::min(owner_->refusals_++, kMostDoublings);
  owner_->not_before_ = owner_->scheduler_.now() + kFirstPause * (1 << doublings);
}

Result<void> ProxySignIn::read() {
  const auto refuse = [this](Status status, const std::string &problem) {
    return fail(Error(status, fmt::format("the secret of the proxy {} (http.proxy_secret_name): {}", host_, problem))
                    .at("/http/proxy_secret_name"));
  };
  if (secret_name_.empty())
    return credentials_
               ? Result<void>()
               : fail(Status::InvalidState, fmt::format("user and password in {} must be user:password", place_));
  Result<Secret> value = read_secret_(secret_name_);
  if (!value) return refuse(value.error().status, value.error().message);
  without_line_end(*value);
  if (value->empty() || !is_usable(*value))
    return refuse(Status::InvalidState,
                  fmt::format("{} must be user:password on one line; store it anew", secret_name_));
  if (credentials_ && credentials_->text.equals(*value)) return {};
  credentials_ = std::make_shared<ProxyCredentials>(std::move(*value));
  proven_ = false;
  refusals_ = 0;
  return {};
}

loop::Task<Result<std::shared_ptr<ProxySignIn::Turn>>> ProxySignIn::enter(std::shared_ptr<ProxySignIn> self,
                                                                          loop::Scope &scope) {
  for (;;) {
    if (!self->proven_ && !self->trying_)
      if (auto known = self->read(); !known) co_return fail(std::move(known.error()));
    if (self->is_refused()) co_return fail(self->refusal());
    if (self->proven_ || !self->trying_) {
      const bool first = !self->proven_;
      if (first) self->trying_ = true;
      co_return std::make_shared<Turn>(self, self->credentials_, first);
    }
    Result<void> waited = co_await self->changed_.wait(scope);
    if (!waited) co_return fail(scope.error(fmt::format("signing in at the proxy {}", self->host_)));
  }
}

Error ProxySignIn::refusal() const {
  const long ours = digest_ ? CURLAUTH_DIGEST : CURLAUTH_BASIC;
  if (offers_ != 0 && (offers_ & ours) == 0)
    return Error(
               Status::Network,
               fmt::format("the proxy {} takes no sign-in by {} (HTTP 407), it offers {}; set http.proxy_auth to what "
                           "both know (basic, digest), or have the proxy offer it",
                           host_, sign_in_names(ours), sign_in_names(offers_)))
        .at("/http/proxy_auth");
  if (secret_name_.empty())
    return Error(Status::Network, fmt::format("the proxy {} does not accept the user and password of {} (HTTP 407); "
                                              "store the right ones in the vault and name them in "
                                              "http.proxy_secret_name",
                                              host_, place_));
  return Error(Status::Network, fmt::format("the proxy {} does not accept the user and password of the secret {} (HTTP "
                                            "407), which is not shown again until it changes, lest the account be "
                                            "locked; store the right one: cordon secret set {}",
                                            host_, secret_name_, secret_name_))
      .at("/http/proxy_secret_name");
}

}  // namespace cordon::http
