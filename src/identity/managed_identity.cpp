#include "identity/managed_identity.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/json.hpp"
#include "base/secret_file.hpp"
#include "base/text.hpp"
#include "http/retry_after.hpp"

namespace cordon::identity {
namespace {

constexpr const char *kImds = "http://169.254.169.254";
constexpr const char *kArc = "http://127.0.0.1:40342";
constexpr const char *kArcAgent = "/opt/azcmagent/bin/himds";
constexpr std::size_t kLongestArcKey = 4096;
/// Attempts at 0, 2, 6, 14 and 30 s; further ones as far apart as the last.
constexpr std::array<std::int64_t, 4> kPausesMs = {2'000, 4'000, 8'000, 16'000};
constexpr std::int64_t kUpdatePauseMs = 70'000;  ///< 410: the identity service is being updated

std::string environment(const char *name) {
  const char *value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

Error refuse(const std::string &place, const std::string &problem) {
  return Error(Status::InvalidArgument, fmt::format("config at {}: {}", place, problem)).at(place);
}

/// Plain HTTP carries a token: only this machine and link-local addresses may be asked by it.
bool is_near(std::string_view url) {
  constexpr std::string_view kPlain = "http://";
  if (url.starts_with("https://") && url.size() > 8) return true;
  if (!url.starts_with(kPlain)) return false;
  url.remove_prefix(kPlain.size());
  const std::string_view host = url.substr(0, url.find_first_of("/?#"));
  if (host.find('@') != std::string_view::npos) return false;
  if (host.starts_with("[::1]")) return true;
  const std::string_view name = host.substr(0, host.find(':'));
  const auto is_address = [name] { return name.find_first_not_of("0123456789.") == std::string_view::npos; };
  return name == "localhost" || ((name.starts_with("127.") || name.starts_with("169.254.")) && is_address());
}

/// The path in `Basic realm=<path>`.
std::string_view realm_of(std::string_view challenge) {
  constexpr std::string_view kScheme = "Basic realm=";
  if (!equal_ignoring_case(challenge.substr(0, kScheme.size()), kScheme)) return {};
  challenge.remove_prefix(kScheme.size());
  if (challenge.size() > 1 && challenge.front() == '"' && challenge.back() == '"')
    challenge = challenge.substr(1, challenge.size() - 2);
  return challenge;
}

}  // namespace

Result<ManagedIdentity> ManagedIdentity::make(IdentitySettings settings, http::Transport &transport) {
  ManagedIdentity identity(std::move(settings), transport);
  if (auto chosen = identity.choose(); !chosen) return fail(std::move(chosen.error()));
  return identity;
}

/// In the order of mde-api §2.5, first match wins.
Result<void> ManagedIdentity::choose() {
  const std::string endpoint = environment("IDENTITY_ENDPOINT");
  const bool has_header = std::getenv("IDENTITY_HEADER") != nullptr;
  switch (settings_.service) {
    case IdentityService::Imds:
      return use(IdentityService::Imds, kImds);
    case IdentityService::Arc:
      return use(IdentityService::Arc, kArc);
    case IdentityService::AppService:
      return use(IdentityService::AppService, endpoint);
    default:
      break;
  }
  const bool is_fabric = std::getenv("IDENTITY_SERVER_THUMBPRINT") != nullptr;
  // App Service has MSI_ENDPOINT too, from before; alone it is Azure ML's or Cloud Shell's.
  if (!is_fabric && !endpoint.empty() && has_header) return use(IdentityService::AppService, endpoint);
  if (is_fabric || std::getenv("MSI_ENDPOINT") != nullptr)
    return fail(
        Error(Status::NotSupported,
              fmt::format("config at {}: the managed identities of Service Fabric, Azure ML and Cloud Shell are "
                          "not supported; use another kind of credential, or name a source",
                          settings_.place))
            .at(settings_.place));
  if (!endpoint.empty() && std::getenv("IMDS_ENDPOINT") != nullptr) return use(IdentityService::Arc, kArc);
  if (access(kArcAgent, F_OK) == 0) return use(IdentityService::Arc, kArc);
  return use(IdentityService::Imds, kImds);
}

Result<void> ManagedIdentity::use(IdentityService service, std::string url) {
  settings_.service = service;
  const std::string place = settings_.place + "/identity_endpoint";
  if (!settings_.endpoint.empty()) url = settings_.endpoint;
  if (url.empty())
    return fail(refuse(settings_.place + "/source",
                       "there is no IDENTITY_ENDPOINT in the environment; is this an App Service?"));
  if (!is_near(url))
    return fail(
        refuse(place, "must begin with https://, or with http:// and be on this machine or a link-local address"));
  while (url.ends_with('/')) url.pop_back();
  if (service == IdentityService::Arc && !identity().empty())
    return fail(refuse(settings_.place, "Azure Arc has the machine's own identity only; remove the identity's id"));
  if (service == IdentityService::AppService) {
    const char *header = std::getenv("IDENTITY_HEADER");
    if (header == nullptr || *header == '\0')
      return fail(refuse(settings_.place + "/source",
                         "there is no IDENTITY_HEADER in the environment; is this an App Service?"));
    app_service_header_ = Secret("X-IDENTITY-HEADER: ");
    app_service_header_.append(header);
  }
  const char *kind = service == IdentityService::Imds  ? "IMDS"
                     : service == IdentityService::Arc ? "Azure Arc"
                                                       : "App Service";
  url_ = std::move(url);
  name_ = fmt::format("{} at {}", kind, url_);
  return {};
}

std::string ManagedIdentity::identity() const {
  if (!settings_.client_id.empty()) return "client_id " + settings_.client_id;
  if (!settings_.object_id.empty()) return "object_id " + settings_.object_id;
  if (!settings_.resource_id.empty()) return "resource_id " + settings_.resource_id;
  return {};
}

std::string ManagedIdentity::target(const std::string &resource) const {
  const bool app_service = settings_.service == IdentityService::AppService;
  const char *version = app_service                                  ? "2019-08-01"
                        : settings_.service == IdentityService::Imds ? "2018-02-01"
                                                                     : "2020-06-01";
  std::string url =
      fmt::format("{}{}?api-version={}&resource={}", url_, app_service ? "" : "/metadata/identity/oauth2/token",
                  version, percent_encode(resource));
  const char *by_resource_id = app_service ? "mi_res_id" : "msi_res_id";
  for (const auto &[name, value] :
       {std::pair("client_id", &settings_.client_id), std::pair("object_id", &settings_.object_id),
        std::pair(by_resource_id, &settings_.resource_id)})
    if (!value->empty()) url += fmt::format("&{}={}", name, percent_encode(*value));
  return url;
}

loop::Task<http::Exchange> ManagedIdentity::send(std::string url, const Secret *secret_header, loop::Scope &scope) {
  http::Request request(http::Method::Get, std::move(url));
  if (settings_.service != IdentityService::AppService) request.headers.emplace_back("Metadata: true");
  request.secret_header = secret_header;
  request.secret_response = true;
  request.bypass_proxy = true;
  request.plain_http_allowed = true;
  request.max_body = 1u << 20;
  http::Exchange exchange = co_await transport_->send(request, scope);
  co_return exchange;
}

loop::Task<Result<TokenAnswer>> ManagedIdentity::ask(std::string resource, loop::Scope &scope) {
  const std::string url = target(resource);
  const Secret *header = app_service_header_.empty() ? nullptr : &app_service_header_;
  http::Exchange exchange = co_await send(url, header, scope);
  if (settings_.service == IdentityService::Arc && exchange.response && exchange.response->status == 401) {
    Result<Secret> authorization = arc_authorization(*exchange.response);
    if (!authorization) co_return fail(std::move(authorization.error()));
    exchange = co_await send(url, &*authorization, scope);
  }
  co_return read(std::move(exchange), scope);
}

/// The agent proves that we may read its files (mde-api §2.5): only one of its own directory is read and sent back.
Result<Secret> ManagedIdentity::arc_authorization(const http::Response &challenge) const {
  const std::string_view path = realm_of(challenge.header("WWW-Authenticate"));
  const auto refuse_answer = [this](const char *problem) {
    return fail(Status::InvalidResponse, fmt::format("{} {}; is it the agent that answers there?", name_, problem));
  };
  if (path.empty()) return refuse_answer("asks for a key without naming its file");
  const std::string directory = settings_.arc_key_dir + "/";
  const std::string_view file = path.starts_with(directory) ? path.substr(directory.size()) : std::string_view();
  if (file.empty() || file.find('/') != std::string_view::npos || !file.ends_with(".key"))
    return refuse_answer("asks for a file that is no key in its own directory");
  auto key = read_secret_file(std::string(path), kLongestArcKey, FileGuard::NoLink, settings_.place);
  if (!key) {
    key.error().message = fmt::format(
        "{} asks for its key file, which can't be read by this process; add its user to "
        "the group himds",
        name_);
    return key;
  }
  Secret line("Authorization: Basic ");
  line.append(key->reveal());
  while (!line.empty() && (line.reveal().back() == '\n' || line.reveal().back() == '\r')) line.resize(line.size() - 1);
  return line;
}

Result<TokenAnswer> ManagedIdentity::read(http::Exchange exchange, const loop::Scope &scope) {
  if (!exchange.response) {
    Error error = std::move(exchange.error);
    if (error.status == Status::Network && !scope.reason()) {
      error.retryable = true;
      error.message += fmt::format(" ({}); is this machine or container in Azure, with an identity assigned?", name_);
    }
    return fail(std::move(error));
  }
  if (exchange.response->status != 200) return fail(refusal(*exchange.response));
  failures_ = 0;
  auto answer = parse_token_answer(exchange.response->secret_body.reveal(), scope.scheduler().clock().utc());
  if (!answer) answer.error().message = fmt::format("{}: {}", name_, answer.error().message);
  return answer;
}

Error ManagedIdentity::refusal(const http::Response &response) {
  const int status = response.status;
  const auto parsed = parse_json(response.secret_body.reveal(), "answer", JsonLimits{64 * 1024, 16});
  const std::string word = parsed && parsed->is_object() ? text_or(*parsed, "error") : std::string();
  const bool passing = status == 404 || status == 410 || status == 429 || status >= 500;
  const char *why = "it refuses the request";
  if (word == "bad_request_102")
    why = "the Metadata header did not arrive; is there a proxy in between?";
  else if (word == "invalid_resource")
    why = "the tenant does not know the audience; check the cloud";
  else if (status == 410)
    why = "it is being updated";
  else if (passing)
    why = "it has a passing trouble";
  else if (status == 400 || status == 401)
    why = identity().empty() ? "it has no identity for this machine; assign one"
                             : "it does not know this identity; check its id, or assign it to the machine";
  else if (status == 403)
    why = "it does not allow this process to ask";
  Error error(status == 429 ? Status::RateLimited
              : passing     ? Status::Service
                            : Status::Unauthenticated,
              fmt::format("{}: {} (HTTP {}{}{})", name_, why, status, word.empty() ? "" : ", ", printable(word, 64)));
  error.http_status = status;
  error.retryable = passing;
  if (!passing) return error;
  error.retry_after_ms = kPausesMs[std::min<std::size_t>(static_cast<std::size_t>(failures_++), kPausesMs.size() - 1)];
  if (status == 410) error.retry_after_ms = kUpdatePauseMs;
  if (const auto asked = http::parse_retry_after(response.header("Retry-After"), response.header("Date")))
    error.retry_after_ms = std::max(error.retry_after_ms, std::int64_t{*asked / milliseconds(1)});
  return error;
}

ManagedIdentitySource::ManagedIdentitySource(Applicant applicant, ManagedIdentity identity)
    : applicant_(std::move(applicant)), identity_(std::move(identity)) {}

loop::Task<Result<SharedToken>> ManagedIdentitySource::fetch(loop::Scope &scope) {
  const BootTime asked = scope.scheduler().now();
  const UtcTicks asked_utc = scope.scheduler().clock().utc();
  Result<TokenAnswer> answer = co_await identity_.ask(applicant_.audience, scope);
  if (!answer) {
    answer.error().message =
        fmt::format("no token for tenant {} ({}): {}", applicant_.tenant, applicant_.tenant_id, answer.error().message);
    co_return fail(std::move(answer.error()));
  }
  co_return make_token(std::move(answer->access_token), answer->expires_in_s, asked, asked_utc);
}

std::string ManagedIdentitySource::fingerprint() const {
  return hash_name(
      {"managed_identity", identity_.name(), identity_.identity(), applicant_.tenant_id, applicant_.audience});
}

}  // namespace cordon::identity
