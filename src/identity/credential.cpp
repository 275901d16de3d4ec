#include "identity/credential.hpp"

#include <fmt/format.h>

namespace cordon::identity {
namespace {

Error refuse(const std::string &pointer, const std::string &problem) {
  return Error(Status::InvalidArgument, fmt::format("config at {}: {}", pointer, problem)).at(pointer);
}

}  // namespace

Result<std::unique_ptr<TokenSource>> make_token_source(const Json &credential, const std::string &pointer,
                                                       Applicant applicant, http::Transport &transport,
                                                       SecretReader read_secret) {
  if (!credential.is_object()) return fail(refuse(pointer, "must be an object with kind and its members"));
  const std::string kind = text_or(credential, "kind");
  if (kind != "client_secret")
    return fail(Error(Status::NotSupported,
                      fmt::format("config at {}/kind: this version gets tokens with a client_secret only", pointer))
                    .at(pointer + "/kind"));
  for (const auto &[key, value] : credential.items())
    if (key != "kind" && key != "secret_name" && key != "token_version")
      return fail(refuse(pointer + "/" + json_pointer_token(key), "does not belong to a client_secret; remove it"));
  const std::string name = text_or(credential, "secret_name");
  if (name.empty()) return fail(refuse(pointer + "/secret_name", "must name the client secret in the vault"));
  const auto version = static_cast<int>(int_or(credential, "token_version", 2));
  return std::make_unique<ClientSecretSource>(std::move(applicant), name, version, transport, std::move(read_secret));
}

}  // namespace cordon::identity
