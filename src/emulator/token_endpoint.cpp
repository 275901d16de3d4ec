#include "emulator/token_endpoint.hpp"

#include <sodium.h>

#include <algorithm>

#include "base/json.hpp"
#include "base/text.hpp"

namespace cordon::emulator {
namespace {

constexpr std::string_view kFormType = "application/x-www-form-urlencoded";

std::string decode_base64(std::string_view text) {
  std::string out(text.size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char *>(out.data()), out.size(), text.data(), text.size(), nullptr,
                        &size, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0)
    return {};
  out.resize(size);
  return out;
}

/// RFC 6749 §2.3.1: id and secret are form-encoded before they are joined.
void read_basic(std::string_view authorization, TokenRequest &request) {
  constexpr std::string_view kScheme = "Basic ";
  if (!equal_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) return;
  const std::string decoded = decode_base64(authorization.substr(kScheme.size()));
  const std::string_view pair = decoded;
  const auto colon = std::find(pair.begin(), pair.end(), ':');
  if (colon == pair.end()) return;
  request.basic_id = percent_decode(std::string_view(pair.begin(), colon), true).value_or("");
  request.basic_secret = percent_decode(std::string_view(colon + 1, pair.end()), true).value_or("");
}

}  // namespace

tl::expected<TokenRequest, TokenRefusal> TokenEndpoint::read(const Request &request, std::string_view tenant,
                                                             TokenProtocol protocol, const std::string &origin,
                                                             UtcTicks real_now) {
  if (request.method != "POST") return tl::unexpected<TokenRefusal>(entra::kNotPost);
  auto form = QueryString::parse(request.body);
  if (!form || !equal_ignoring_case(request.content_type.substr(0, kFormType.size()), kFormType))
    return tl::unexpected<TokenRefusal>(entra::kMalformed);
  const TenantRecord *record = directory_.find_tenant(tenant);
  if (record == nullptr) return tl::unexpected<TokenRefusal>(entra::kUnknownTenant);
  if (record->in_other_cloud) return tl::unexpected<TokenRefusal>(entra::kOtherCloud);
  TokenRequest asked{protocol, *record, std::move(*form), {}, {}, origin, real_now};
  read_basic(request.authorization, asked);
  return asked;
}

Reply TokenEndpoint::handle(const Request &request, std::string_view tenant, TokenProtocol protocol,
                            const std::string &origin, UtcTicks real_now) {
  auto reply = read(request, tenant, protocol, origin, real_now).and_then([this](const TokenRequest &asked) {
    return answer(asked);
  });
  if (!reply) return to_reply(reply.error().error, random_, real_now, reply.error().detail);
  return std::move(*reply);
}

Reply TokenEndpoint::handle_device_code(const Request &request, std::string_view tenant, const std::string &origin,
                                        UtcTicks real_now) {
  auto reply = read(request, tenant, TokenProtocol::V2, origin, real_now).and_then([this](const TokenRequest &asked) {
    return begin_device_code(asked);
  });
  if (!reply) return to_reply(reply.error().error, random_, real_now, reply.error().detail);
  return std::move(*reply);
}

TokenEndpoint::Answer TokenEndpoint::answer(const TokenRequest &request) {
  const std::string *grant = request.form.find("grant_type");
  if (grant == nullptr) return tl::unexpected<TokenRefusal>({entra::kMissingParameter, "grant_type."});
  if (*grant == "client_credentials") return client_credentials(request);
  if (request.protocol == TokenProtocol::V2) {
    if (*grant == "urn:ietf:params:oauth:grant-type:device_code") return device_code(request);
    if (*grant == "refresh_token") return refresh(request);
  }
  return tl::unexpected<TokenRefusal>(entra::kUnsupportedGrant);
}

TokenEndpoint::Answer TokenEndpoint::client_credentials(const TokenRequest &request) {
  const auto app = authenticate_client(directory_, tokens_, request);
  if (!app) return tl::unexpected(app.error());
  const auto audience = requested_audience(directory_, request);
  if (!audience) return tl::unexpected(audience.error());
  return grant(request, **app, *audience);
}

/// People sign in through an application that has no secret to keep.
tl::expected<const App *, TokenRefusal> TokenEndpoint::public_client(const TokenRequest &request) {
  auto app = named_client(directory_, request);
  if (app && !(*app)->public_client) return tl::unexpected<TokenRefusal>(entra::kNotPublic);
  return app;
}

TokenEndpoint::Answer TokenEndpoint::begin_device_code(const TokenRequest &request) {
  const auto app = public_client(request);
  if (!app) return tl::unexpected(app.error());
  const auto audience = requested_audience(directory_, request, true);
  if (!audience) return tl::unexpected(audience.error());
  const DeviceCodes::Begun begun = device_codes_.begin(
      {request.tenant.tenant_id, (*app)->client_id, *audience, wants_refresh_token(request), {}}, request.real_now);
  const std::string page = request.origin + "/devicelogin";
  return Reply{.content_type = "application/json; charset=utf-8",
               .body = dump(Json{
                   {"device_code", begun.device_code},
                   {"user_code", begun.user_code},
                   {"verification_uri", page},
                   {"expires_in", device_codes_.settings().lifetime.count()},
                   {"interval", device_codes_.settings().interval.count()},
                   {"message", "To sign in, open the page " + page + " and enter the code " + begun.user_code + "."}})};
}

TokenEndpoint::Answer TokenEndpoint::device_code(const TokenRequest &request) {
  const auto app = public_client(request);
  if (!app) return tl::unexpected(app.error());
  const std::string *code = request.form.find("device_code");
  if (code == nullptr) return tl::unexpected<TokenRefusal>({entra::kMissingParameter, "device_code."});
  SignIn sign_in;
  switch (device_codes_.poll(*code, (*app)->client_id, request.real_now, sign_in)) {
    case DeviceCodes::Poll::SignedIn:
      return grant_to(sign_in, **app, request.real_now);
    case DeviceCodes::Poll::Pending:
      return tl::unexpected<TokenRefusal>(entra::kAuthorizationPending);
    case DeviceCodes::Poll::TooFast:
      return tl::unexpected<TokenRefusal>(entra::kSlowDown);
    case DeviceCodes::Poll::Declined:
      return tl::unexpected<TokenRefusal>(entra::kDeclined);
    case DeviceCodes::Poll::Expired:
      return tl::unexpected<TokenRefusal>(entra::kExpiredCode);
    default:
      return tl::unexpected<TokenRefusal>(entra::kUnknownCode);
  }
}

TokenEndpoint::Answer TokenEndpoint::refresh(const TokenRequest &request) {
  const auto app = public_client(request);
  if (!app) return tl::unexpected(app.error());
  const std::string *token = request.form.find("refresh_token");
  if (token == nullptr) return tl::unexpected<TokenRefusal>({entra::kMissingParameter, "refresh_token."});
  const auto sign_in = device_codes_.redeem(*token, (*app)->client_id);
  if (!sign_in) return tl::unexpected<TokenRefusal>(entra::kBadRefreshToken);
  return grant_to(*sign_in, **app, request.real_now);
}

std::string TokenEndpoint::issue(const App &app, const std::string &audience, UtcTicks real_now) {
  const std::int64_t now = real_now.unix_seconds();
  return tokens_.issue({.id = random_.uuid(),
                        .audience = audience,
                        .tenant_id = app.tenant_id,
                        .client_id = app.client_id,
                        .roles = app.roles,
                        .object_id = app.object_id,
                        .not_before = UtcTicks::from_unix_seconds(now),
                        .expires = UtcTicks::from_unix_seconds(now + lifetime_.count())});
}

/// v1 answers with texts where v2 has numbers (mde-api §2.2).
Reply TokenEndpoint::grant(const TokenRequest &request, const App &app, const std::string &audience) {
  const std::int64_t now = request.real_now.unix_seconds(), lifetime = lifetime_.count();
  Json body = {{"token_type", "Bearer"}, {"access_token", issue(app, audience, request.real_now)}};
  if (request.protocol == TokenProtocol::V2) {
    body["expires_in"] = body["ext_expires_in"] = lifetime;
  } else {
    body["expires_in"] = body["ext_expires_in"] = std::to_string(lifetime);
    body["expires_on"] = std::to_string(now + lifetime);
    body["not_before"] = std::to_string(now);
    body["resource"] = audience;
  }
  Reply reply{.content_type = "application/json; charset=utf-8", .body = dump(body)};
  reply.headers = {{"Cache-Control", "no-store"}, {"Pragma", "no-cache"}};
  return reply;
}

Reply TokenEndpoint::grant_to(const SignIn &sign_in, const App &app, UtcTicks real_now) {
  const std::int64_t now = real_now.unix_seconds(), lifetime = lifetime_.count();
  const std::string token = tokens_.issue({.id = random_.uuid(),
                                           .audience = sign_in.audience,
                                           .tenant_id = app.tenant_id,
                                           .client_id = app.client_id,
                                           .scopes = app.scopes,
                                           .object_id = random_.uuid(),
                                           .user = sign_in.user,
                                           .not_before = UtcTicks::from_unix_seconds(now),
                                           .expires = UtcTicks::from_unix_seconds(now + lifetime)});
  Json body = {{"token_type", "Bearer"},
               {"access_token", token},
               {"expires_in", lifetime},
               {"ext_expires_in", lifetime},
               {"scope", sign_in.audience}};
  if (sign_in.offline) body["refresh_token"] = device_codes_.issue_refresh_token(sign_in);
  Reply reply{.content_type = "application/json; charset=utf-8", .body = dump(body)};
  reply.headers = {{"Cache-Control", "no-store"}, {"Pragma", "no-cache"}};
  return reply;
}

}  // namespace cordon::emulator
