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

Reply TokenEndpoint::handle(const Request &request, std::string_view tenant, TokenProtocol protocol,
                            UtcTicks real_now) {
  auto reply = answer(request, tenant, protocol, real_now);
  if (!reply) return to_reply(reply.error().error, random_, real_now, reply.error().detail);
  return std::move(*reply);
}

tl::expected<Reply, TokenRefusal> TokenEndpoint::answer(const Request &request, std::string_view tenant,
                                                        TokenProtocol protocol, UtcTicks real_now) {
  if (request.method != "POST") return tl::unexpected<TokenRefusal>(entra::kNotPost);
  auto form = QueryString::parse(request.body);
  if (!form || !equal_ignoring_case(request.content_type.substr(0, kFormType.size()), kFormType))
    return tl::unexpected<TokenRefusal>(entra::kMalformed);
  const TenantRecord *record = directory_.find_tenant(tenant);
  if (record == nullptr) return tl::unexpected<TokenRefusal>(entra::kUnknownTenant);
  if (record->in_other_cloud) return tl::unexpected<TokenRefusal>(entra::kOtherCloud);

  TokenRequest asked{protocol, *record, std::move(*form), {}, {}};
  read_basic(request.authorization, asked);
  const std::string *grant = asked.form.find("grant_type");
  if (grant == nullptr) return tl::unexpected<TokenRefusal>({entra::kMissingParameter, "grant_type."});
  if (*grant == "client_credentials") return client_credentials(asked, real_now);
  return tl::unexpected<TokenRefusal>(entra::kUnsupportedGrant);
}

/// v1 answers with texts where v2 has numbers (mde-api §2.2).
tl::expected<Reply, TokenRefusal> TokenEndpoint::client_credentials(const TokenRequest &request, UtcTicks real_now) {
  const auto app = authenticate_client(directory_, request);
  if (!app) return tl::unexpected(app.error());
  const auto audience = requested_audience(directory_, request);
  if (!audience) return tl::unexpected(audience.error());

  const std::int64_t now = real_now.unix_seconds(), lifetime = lifetime_.count();
  TokenClaims claims{.id = random_.uuid(),
                     .audience = *audience,
                     .tenant_id = request.tenant.tenant_id,
                     .client_id = (*app)->client_id,
                     .roles = (*app)->roles,
                     .not_before = UtcTicks::from_unix_seconds(now),
                     .expires = UtcTicks::from_unix_seconds(now + lifetime)};
  Json body = {{"token_type", "Bearer"}, {"access_token", tokens_.issue(claims)}};
  if (request.protocol == TokenProtocol::V2) {
    body["expires_in"] = body["ext_expires_in"] = lifetime;
  } else {
    body["expires_in"] = body["ext_expires_in"] = std::to_string(lifetime);
    body["expires_on"] = std::to_string(now + lifetime);
    body["not_before"] = std::to_string(now);
    body["resource"] = *audience;
  }
  Reply reply{.content_type = "application/json; charset=utf-8", .body = dump(body)};
  reply.headers = {{"Cache-Control", "no-store"}, {"Pragma", "no-cache"}};
  return reply;
}

}  // namespace cordon::emulator
