#include "identity/client_secret.hpp"

namespace cordon::identity {

ClientSecretSource::ClientSecretSource(TokenEndpoint endpoint, std::string secret_name, SecretReader read_secret,
                                       Random &random)
    : endpoint_(std::move(endpoint)),
      secret_name_(std::move(secret_name)),
      read_secret_(std::move(read_secret)),
      proven_(random) {}

loop::Task<Result<SharedToken>> ClientSecretSource::ask(Secret secret, loop::Scope &scope) {
  SecretForm form = endpoint_.client_credentials(secret.size());
  form.add("client_secret", secret.reveal());
  TokenExchange exchange = co_await endpoint_.ask(form.body(), scope);
  if (!exchange.granted) co_return fail(std::move(exchange.granted.error()));
  proven_.keep(secret);
  co_return std::move(exchange.granted->token);
}

loop::Task<Result<SharedToken>> ClientSecretSource::fetch(loop::Scope &scope) {
  auto secret = read_secret_(secret_name_);
  if (!secret) co_return fail(endpoint_.explain(std::move(secret.error())));
  Secret present = std::move(*secret);
  co_return co_await ask(std::move(present), scope);
}

loop::Task<Result<SharedToken>> ClientSecretSource::fetch_with_former(loop::Scope &scope) {
  std::optional<Secret> former = proven_.get();
  if (!former) co_return fail(Status::Internal, "there is no former secret");
  Secret proven = std::move(*former);
  co_return co_await ask(std::move(proven), scope);
}

bool ClientSecretSource::has_former() const {
  const auto present = read_secret_(secret_name_);
  return present && proven_.differs_from(*present);
}

std::string ClientSecretSource::fingerprint() const {
  const auto secret = read_secret_(secret_name_);
  if (!secret) return "";
  return endpoint_.fingerprint({"client_secret", secret_name_}, &*secret);
}

}  // namespace cordon::identity
