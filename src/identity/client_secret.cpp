#include "identity/client_secret.hpp"

namespace cordon::identity {

ClientSecretSource::ClientSecretSource(TokenEndpoint endpoint, std::string secret_name, SecretReader read_secret)
    : endpoint_(std::move(endpoint)), secret_name_(std::move(secret_name)), read_secret_(std::move(read_secret)) {}

loop::Task<Result<SharedToken>> ClientSecretSource::fetch(loop::Scope &scope) {
  auto secret = read_secret_(secret_name_);
  if (!secret) co_return fail(endpoint_.explain(std::move(secret.error())));
  SecretForm form = endpoint_.client_credentials(secret->size());
  form.add("client_secret", secret->reveal());
  *secret = Secret();
  TokenExchange exchange = co_await endpoint_.ask(form.body(), scope);
  if (!exchange.granted) co_return fail(std::move(exchange.granted.error()));
  co_return std::move(exchange.granted->token);
}

std::string ClientSecretSource::fingerprint() const {
  const auto secret = read_secret_(secret_name_);
  if (!secret) return "";
  return endpoint_.fingerprint({"client_secret", secret_name_}, &*secret);
}

}  // namespace cordon::identity
