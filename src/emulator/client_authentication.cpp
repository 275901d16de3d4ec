#include "base/text.hpp"
#include "emulator/token_endpoint.hpp"

namespace cordon::emulator {
namespace {

std::string field(const TokenRequest &request, std::string_view name, const std::string &basic) {
  const std::string *value = request.form.find(name);
  return value != nullptr ? *value : basic;
}

}  // namespace

tl::expected<const App *, TokenRefusal> authenticate_client(const Directory &directory, const TokenRequest &request) {
  const std::string client_id = field(request, "client_id", request.basic_id);
  if (client_id.empty()) return tl::unexpected<TokenRefusal>({entra::kMissingParameter, "client_id."});
  const App *app = directory.find_app(request.tenant.tenant_id, client_id);
  if (app == nullptr) return tl::unexpected<TokenRefusal>(entra::kUnknownApp);
  if (app->disabled) return tl::unexpected<TokenRefusal>(entra::kDisabledApp);

  const std::string secret = field(request, "client_secret", request.basic_secret);
  if (secret.empty()) return tl::unexpected<TokenRefusal>(entra::kNoCredential);
  if (secret != app->client_secret) return tl::unexpected<TokenRefusal>(entra::kBadSecret);
  if (app->secret_expired) return tl::unexpected<TokenRefusal>(entra::kExpiredSecret);
  return app;
}

tl::expected<std::string, TokenRefusal> requested_audience(const Directory &directory, const TokenRequest &request) {
  const bool v2 = request.protocol == TokenProtocol::V2;
  if (v2 && request.form.find("resource") != nullptr) return tl::unexpected<TokenRefusal>(entra::kResourceOnV2);
  const char *name = v2 ? "scope" : "resource";
  const std::string *wanted = request.form.find(name);
  if (wanted == nullptr || wanted->empty())
    return tl::unexpected<TokenRefusal>({entra::kMissingParameter, std::string(name) + "."});
  std::string audience = *wanted;
  if (v2) {
    constexpr std::string_view kSuffix = "/.default";
    if (!audience.ends_with(kSuffix) || audience.find(' ') != std::string::npos)
      return tl::unexpected<TokenRefusal>(entra::kBadScope);
    audience.resize(audience.size() - kSuffix.size());
  }
  if (!directory.is_known_audience(audience)) return tl::unexpected<TokenRefusal>(entra::kUnknownResource);
  return audience;
}

}  // namespace cordon::emulator
