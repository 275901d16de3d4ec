#include "identity/credential.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "identity/certificate_assertion.hpp"
#include "identity/workload_assertion.hpp"

namespace cordon::identity {
namespace {

constexpr const char *kExchangeAudience = "api://AzureADTokenExchange";

/// Which members a kind may have besides `kind`; a table, so that a member of another kind is named and not ignored.
struct KindMembers {
  std::string_view kind;
  std::array<std::string_view, 8> members;
};
constexpr std::array kKinds = {
    KindMembers{"client_secret", {"secret_name", "token_version"}},
    KindMembers{"client_certificate",
                {"certificate_file", "certificate_secret_name", "key_file", "password_secret_name", "format",
                 "algorithm", "send_chain", "token_version"}},
    KindMembers{"workload_identity",
                {"assertion_file", "assertion_exec", "assertion_exec_timeout_ms", "assertion_identity",
                 "assertion_audience", "token_version"}},
    KindMembers{"managed_identity",
                {"source", "identity_client_id", "identity_object_id", "identity_resource_id", "identity_endpoint",
                 "arc_key_dir"}},
    KindMembers{"device_code", {}},
};

/// One credential of the config, with its place for messages.
class Reader {
 public:
  Reader(const Json &credential, std::string pointer) : credential_(credential), pointer_(std::move(pointer)) {}

  const std::string &pointer() const { return pointer_; }
  bool has(const char *member) const { return credential_.contains(member); }
  std::string text(const char *member) const { return text_or(credential_, member); }
  const Json &json() const { return credential_; }
  tl::unexpected<Error> refuse(const std::string &member, const std::string &problem) const {
    const std::string place = pointer_ + "/" + member;
    return fail(Error(Status::InvalidArgument, fmt::format("config at {}: {}", place, problem)).at(place));
  }
  int token_version() const { return static_cast<int>(int_or(credential_, "token_version", 2)); }

  Result<void> check_members() const {
    const std::string kind = text("kind");
    const auto known = std::find_if(kKinds.begin(), kKinds.end(), [&](const auto &one) { return one.kind == kind; });
    if (known == kKinds.end())
      return refuse("kind",
                    "must be client_secret, client_certificate, workload_identity, managed_identity or device_code");
    for (const auto &[member, value] : credential_.items()) {
      const bool belongs =
          member == "kind" || std::find(known->members.begin(), known->members.end(), member) != known->members.end();
      if (!belongs)
        return refuse(json_pointer_token(member), fmt::format("does not belong to the kind {}; remove it", kind));
    }
    return {};
  }
  Result<void> check_path(const char *member) const {
    if (!has(member) || text(member).starts_with('/')) return {};
    return refuse(member, "must be an absolute path");
  }
  /// Exactly one of them.
  Result<void> check_one_of(const std::vector<const char *> &members) const {
    const auto given = std::count_if(members.begin(), members.end(), [this](const char *one) { return has(one); });
    if (given == 1) return {};
    const char *named = members.front();
    for (const char *one : members)
      if (has(one)) named = one;
    return refuse(given == 0 ? members.front() : named,
                  fmt::format("give {} one of {}", given == 0 ? "just" : "only", fmt::join(members, ", ")));
  }

 private:
  const Json &credential_;
  std::string pointer_;
};

using Source = Result<std::unique_ptr<TokenSource>>;

Source client_secret(const Reader &reader, Applicant applicant, const CredentialSeams &seams) {
  const std::string name = reader.text("secret_name");
  if (name.empty()) return reader.refuse("secret_name", "must name the client secret in the vault");
  return std::make_unique<ClientSecretSource>(
      TokenEndpoint(std::move(applicant), reader.token_version(), seams.transport), name, seams.read_secret,
      seams.random);
}

Source client_certificate(const Reader &reader, Applicant applicant, const CredentialSeams &seams) {
  if (auto good = reader.check_one_of({"certificate_file", "certificate_secret_name"}); !good)
    return fail(std::move(good.error()));
  for (const char *member : {"certificate_file", "key_file"})
    if (auto good = reader.check_path(member); !good) return fail(std::move(good.error()));
  CertificateSettings settings;
  settings.place = reader.pointer();
  settings.file = reader.text("certificate_file");
  settings.secret_name = reader.text("certificate_secret_name");
  settings.key_file = reader.text("key_file");
  settings.password_secret_name = reader.text("password_secret_name");
  if (reader.has("format")) settings.pfx = reader.text("format") == "pfx";
  if (settings.pfx.value_or(false) && !settings.key_file.empty())
    return reader.refuse("key_file", "a PFX holds its key; remove key_file, or give a PEM");
  if (reader.text("algorithm") == "RS256") settings.algorithm = SigningAlgorithm::Rs256;
  settings.send_chain = bool_or(reader.json(), "send_chain", false);
  auto maker =
      std::make_unique<CertificateAssertion>(std::move(settings), applicant.client_id, seams.read_secret, seams.random);
  return std::make_unique<AssertedSource>(TokenEndpoint(std::move(applicant), reader.token_version(), seams.transport),
                                          std::move(maker));
}

Result<ManagedIdentity> identity_of(const Json &json, const std::string &place, const char *prefix,
                                    const CredentialSeams &seams) {
  const std::string before = prefix;
  const auto member = [&](const char *name) { return text_or(json, (before + name).c_str()); };
  IdentitySettings settings;
  settings.place = place;
  const std::string source = text_or(json, "source", "auto");
  settings.service = source == "imds"          ? IdentityService::Imds
                     : source == "app_service" ? IdentityService::AppService
                     : source == "arc"         ? IdentityService::Arc
                                               : IdentityService::Auto;
  settings.client_id = member("client_id");
  settings.object_id = member("object_id");
  settings.resource_id = member("resource_id");
  settings.endpoint = text_or(json, "identity_endpoint");
  settings.arc_key_dir = text_or(json, "arc_key_dir", settings.arc_key_dir);
  const Reader reader(json, place);
  if (auto good = reader.check_path("arc_key_dir"); !good) return fail(std::move(good.error()));
  const std::array<std::string, 3> ids = {settings.client_id, settings.object_id, settings.resource_id};
  if (std::count(ids.begin(), ids.end(), "") < 2)
    return reader.refuse(before + (ids[2].empty() ? "object_id" : "resource_id"),
                         "one identity is named by one id; give only one of client, object and resource id");
  return ManagedIdentity::make(std::move(settings), seams.transport);
}

Source workload_identity(const Reader &reader, Applicant applicant, const CredentialSeams &seams) {
  // Where Azure's webhook for Kubernetes names the file, the config need not (mde-api §2.4).
  const char *by_webhook = std::getenv("AZURE_FEDERATED_TOKEN_FILE");
  const bool nothing_given =
      !reader.has("assertion_file") && !reader.has("assertion_exec") && !reader.has("assertion_identity");
  const bool use_webhook = nothing_given && by_webhook != nullptr && *by_webhook != '\0';
  if (!use_webhook)
    if (auto good = reader.check_one_of({"assertion_file", "assertion_exec", "assertion_identity"}); !good)
      return fail(std::move(good.error()));
  if (reader.has("assertion_exec_timeout_ms") && !reader.has("assertion_exec"))
    return reader.refuse("assertion_exec_timeout_ms", "goes with assertion_exec only; remove it");
  if (reader.has("assertion_audience") && !reader.has("assertion_identity"))
    return reader.refuse("assertion_audience", "goes with assertion_identity only; remove it");
  if (auto good = reader.check_path("assertion_file"); !good) return fail(std::move(good.error()));

  std::unique_ptr<AssertionMaker> maker;
  if (reader.has("assertion_exec")) {
    auto argv = reader.json()["assertion_exec"].get<std::vector<std::string>>();
    if (!argv.front().starts_with('/'))
      return reader.refuse("assertion_exec/0", "must be the program's absolute path; no shell is used");
    const milliseconds timeout(int_or(reader.json(), "assertion_exec_timeout_ms", 10'000));
    maker = std::make_unique<HelperAssertion>(std::move(argv), timeout, reader.pointer() + "/assertion_exec");
  } else if (reader.has("assertion_identity")) {
    auto identity =
        identity_of(reader.json()["assertion_identity"], reader.pointer() + "/assertion_identity", "", seams);
    if (!identity) return fail(std::move(identity.error()));
    maker = std::make_unique<IdentityAssertion>(std::move(*identity),
                                                text_or(reader.json(), "assertion_audience", kExchangeAudience));
  } else {
    maker = std::make_unique<FileAssertion>(use_webhook ? std::string(by_webhook) : reader.text("assertion_file"),
                                            reader.pointer() + "/assertion_file");
  }
  return std::make_unique<AssertedSource>(TokenEndpoint(std::move(applicant), reader.token_version(), seams.transport),
                                          std::move(maker));
}

Source managed_identity(const Reader &reader, Applicant applicant, const CredentialSeams &seams) {
  auto identity = identity_of(reader.json(), reader.pointer(), "identity_", seams);
  if (!identity) return fail(std::move(identity.error()));
  return std::make_unique<ManagedIdentitySource>(std::move(applicant), std::move(*identity));
}

Source device_code(const Reader &reader, Applicant applicant, const CredentialSeams &seams) {
  if (seams.refresh_tokens == nullptr)
    return reader.refuse("kind",
                         "device_code keeps a refresh token, which needs a vault; configure one, for example "
                         "\"vault\":{\"file\":…,\"unlock\":[…]}");
  return std::make_unique<DeviceCodeSource>(std::move(applicant), seams.transport, *seams.refresh_tokens);
}

}  // namespace

Result<std::unique_ptr<TokenSource>> make_token_source(const Json &credential, const std::string &pointer,
                                                       Applicant applicant, const CredentialSeams &seams) {
  if (!credential.is_object())
    return fail(Error(Status::InvalidArgument,
                      fmt::format("config at {}: must be an object with kind and its members", pointer))
                    .at(pointer));
  const Reader reader(credential, pointer);
  if (auto good = reader.check_members(); !good) return fail(std::move(good.error()));
  const std::string kind = reader.text("kind");
  if (kind == "client_certificate") return client_certificate(reader, std::move(applicant), seams);
  if (kind == "workload_identity") return workload_identity(reader, std::move(applicant), seams);
  if (kind == "managed_identity") return managed_identity(reader, std::move(applicant), seams);
  if (kind == "device_code") return device_code(reader, std::move(applicant), seams);
  return client_secret(reader, std::move(applicant), seams);
}

}  // namespace cordon::identity
