#include <algorithm>

#include "base/text.hpp"
#include "emulator/token_endpoint.hpp"

namespace cordon::emulator {
namespace {

constexpr std::string_view kJwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
using Refused = tl::unexpected<TokenRefusal>;
using Checked = tl::expected<void, TokenRefusal>;

std::string field(const TokenRequest &request, std::string_view name, const std::string &basic = {}) {
  const std::string *value = request.form.find(name);
  return value != nullptr ? *value : basic;
}

/// The token endpoint's URL or the issuer's, by the tenant's id or domain.
bool is_made_out_for(const std::string &audience, const TokenRequest &request) {
  for (const std::string &tenant : {request.tenant.tenant_id, request.tenant.domain})
    for (const char *path : {"/oauth2/v2.0/token", "/oauth2/token", "/v2.0", "/"})
      if (equal_ignoring_case(audience, request.origin + "/" + tenant + path)) return true;
  return false;
}

/// Signed with an uploaded certificate (mde-api §2.3).
Checked check_certificate(const App &app, const SignedToken &assertion, const TokenRequest &request) {
  const std::string sha256 = text_or(assertion.header, "x5t#S256"), sha1 = text_or(assertion.header, "x5t");
  const auto found =
      std::find_if(app.certificates.begin(), app.certificates.end(), [&](const RegisteredCertificate &certificate) {
        return (!sha256.empty() && certificate.sha256 == sha256) || (!sha1.empty() && certificate.sha1 == sha1);
      });
  if (found == app.certificates.end())
    return Refused({entra::kBadSignature, "The key was not found by its thumbprint."});
  if (!assertion.verified_by(found->key)) return Refused({entra::kBadSignature, "The key does not fit the signature."});
  if (!equal_ignoring_case(assertion.claim("sub"), app.client_id))
    return Refused({entra::kNotAccepted, "The assertion's subject is not the application."});
  if (!is_made_out_for(assertion.claim("aud"), request))
    return Refused({entra::kNotAccepted, "The assertion is made out for another audience."});
  if (assertion.claim("jti").empty()) return Refused({entra::kNotAccepted, "The assertion has no jti."});
  if (!assertion.is_current(request.real_now)) return Refused(entra::kStaleAssertion);
  if (request.real_now >= found->not_after) return Refused(entra::kExpiredCertificate);
  return {};
}

/// Made by an issuer the application trusts (mde-api §2.4): first whom it names, then whether it is true.
Checked check_federated(const App &app, const AccessTokens &tokens, const std::string &text,
                        const SignedToken &assertion, const TokenRequest &request) {
  const std::string issuer = assertion.claim("iss"), subject = assertion.claim("sub"),
                    audience = assertion.claim("aud");
  const EntraError *problem = &entra::kUnknownIssuer;
  const FederatedRecord *record = nullptr;
  for (const FederatedRecord &one : app.federated) {
    if (one.issuer != issuer) continue;
    if (one.subject != subject) {
      problem = &entra::kUnknownSubject;
      continue;
    }
    if (one.audience != audience) {
      problem = &entra::kUnknownFederatedAudience;
      continue;
    }
    record = &one;
  }
  if (record == nullptr) return Refused(*problem);
  if (!record->key) {
    if (!tokens.verify(text, request.real_now)) return Refused({entra::kBadSignature, "The issuer did not make it."});
    return {};
  }
  if (!assertion.verified_by(record->key)) return Refused({entra::kBadSignature, "The issuer did not make it."});
  if (!assertion.is_current(request.real_now)) return Refused(entra::kStaleFederated);
  return {};
}

Checked check_assertion(const App &app, const AccessTokens &tokens, const std::string &text,
                        const TokenRequest &request) {
  if (field(request, "client_assertion_type") != kJwtBearer)
    return Refused({entra::kMissingParameter, "client_assertion_type."});
  const auto assertion = SignedToken::parse(text);
  if (!assertion) return Refused({entra::kNotAccepted, "The assertion is no JSON Web Token."});
  if (equal_ignoring_case(assertion->claim("iss"), app.client_id)) return check_certificate(app, *assertion, request);
  return check_federated(app, tokens, text, *assertion, request);
}

}  // namespace

tl::expected<const App *, TokenRefusal> named_client(const Directory &directory, const TokenRequest &request) {
  const std::string client_id = field(request, "client_id", request.basic_id);
  if (client_id.empty()) return Refused({entra::kMissingParameter, "client_id."});
  const App *app = directory.find_app(request.tenant.tenant_id, client_id);
  if (app == nullptr) return Refused(entra::kUnknownApp);
  if (app->disabled) return Refused(entra::kDisabledApp);
  return app;
}

tl::expected<const App *, TokenRefusal> authenticate_client(const Directory &directory, const AccessTokens &tokens,
                                                            const TokenRequest &request) {
  auto named = named_client(directory, request);
  if (!named) return named;
  const App *app = *named;
  const std::string secret = field(request, "client_secret", request.basic_secret);
  const std::string assertion = field(request, "client_assertion");
  if (secret.empty() && assertion.empty()) return Refused(entra::kNoCredential);
  if (app->public_client) return Refused(entra::kPublicClient);
  if (!assertion.empty()) {
    if (const auto good = check_assertion(*app, tokens, assertion, request); !good) return Refused(good.error());
    return app;
  }
  const bool known = secret == app->client_secret ||
                     std::find(app->more_secrets.begin(), app->more_secrets.end(), secret) != app->more_secrets.end();
  if (!known) return Refused(entra::kBadSecret);
  if (app->secret_expired) return Refused(entra::kExpiredSecret);
  return app;
}

bool wants_refresh_token(const TokenRequest &request) {
  const std::string scope = " " + field(request, "scope") + " ";
  return scope.find(" offline_access ") != std::string::npos;
}

tl::expected<std::string, TokenRefusal> requested_audience(const Directory &directory, const TokenRequest &request,
                                                           bool delegated) {
  const bool v2 = request.protocol == TokenProtocol::V2;
  if (v2 && request.form.find("resource") != nullptr) return Refused(entra::kResourceOnV2);
  const char *name = v2 ? "scope" : "resource";
  const std::string *wanted = request.form.find(name);
  if (wanted == nullptr || wanted->empty()) return Refused({entra::kMissingParameter, std::string(name) + "."});
  std::string audience = *wanted;
  if (v2) {
    constexpr std::string_view kSuffix = "/.default";
    if (delegated)
      for (const std::string_view word : {"offline_access", "openid", "profile"})
        if (const std::size_t at = audience.find(word); at != std::string::npos) audience.erase(at, word.size());
    while (audience.ends_with(' ')) audience.pop_back();
    audience.erase(0, audience.find_first_not_of(' '));
    if (!audience.ends_with(kSuffix) || audience.find(' ') != std::string::npos) return Refused(entra::kBadScope);
    audience.resize(audience.size() - kSuffix.size());
  }
  if (!directory.is_known_audience(audience)) return Refused(entra::kUnknownResource);
  return audience;
}

}  // namespace cordon::emulator
