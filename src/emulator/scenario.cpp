#include "emulator/scenario.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>

#include "base/schema.hpp"
#include "base/text.hpp"
#include "embedded/scenario_schema.hpp"
#include "emulator/access_tokens.hpp"
#include "emulator/endpoint.hpp"

namespace cordon::emulator {
namespace {

const Json &member(const Json &object, const char *name) {
  static const Json none;
  const auto found = object.find(name);
  return found == object.end() ? none : *found;
}

void read(const Json &object, const char *name, std::string &out) {
  out = text_or(object, name, out);
}
void read(const Json &object, const char *name, std::int64_t &out) {
  out = int_or(object, name, out);
}
void read(const Json &object, const char *name, bool &out) {
  out = bool_or(object, name, out);
}
void read(const Json &object, const char *name, std::vector<std::string> &out) {
  if (const Json &list = member(object, name); list.is_array()) out = list.get<std::vector<std::string>>();
}

std::chrono::nanoseconds seconds(const Json &number) {
  return std::chrono::nanoseconds(std::llround(number.get<double>() * 1e9));
}

Result<void> read(const Json &timings, const char *name, TimeRange &out) {
  const Json &range = member(timings, name);
  if (!range.is_object()) return {};
  out = {seconds(range.at("min")), seconds(range.at("max"))};
  if (out.min <= out.max) return {};
  return fail(Error(Status::InvalidArgument, fmt::format("scenario: {} has a min above its max", name))
                  .at(fmt::format("/timings/{}", name)));
}

DuplicateMode parse_mode(const std::string &text) {
  return text == "reject"      ? DuplicateMode::Reject
         : text == "new-stuck" ? DuplicateMode::NewStuck
         : text == "random"    ? DuplicateMode::Random
                               : DuplicateMode::ReturnExisting;
}

void read_knobs(const Json &json, Knobs &knobs) {
  const Json &duplicates = member(json, "duplicates");
  for (const ActionKind &kind : action_kinds()) {
    const std::string type(kind.type);
    if (duplicates.is_string())
      knobs.duplicates[type] = parse_mode(duplicates);
    else if (duplicates.is_object() && duplicates.contains(type))
      knobs.duplicates[type] = parse_mode(duplicates.at(type));
  }
  knobs.reorder_completions = text_or(json, "completion_order") == "reordered";
  knobs.page_size = static_cast<std::size_t>(int_or(json, "page_size", static_cast<std::int64_t>(knobs.page_size)));
  read(json, "echo_external_id", knobs.echo_external_id);
  if (const Json &bytes = member(json, "echo_comment_bytes"); bytes.is_number())
    knobs.echo_comment_bytes = bytes.get<std::size_t>();
  read(json, "filter_external_id", knobs.filter_external_id);
  read(json, "next_link_origin", knobs.next_link_origin);
  knobs.empty_machine_list_status = static_cast<int>(int_or(json, "empty_machine_list_status", 200));
}

Result<void> read_timings(const Json &json, Timings &timings) {
  const std::pair<const char *, TimeRange &> ranges[] = {{"pickup_s", timings.pickup},
                                                         {"duration_s", timings.duration},
                                                         {"cancellation_s", timings.cancellation},
                                                         {"visibility_delay_s", timings.visibility_delay}};
  for (const auto &[name, range] : ranges)
    if (auto done = read(json, name, range); !done) return done;
  if (const Json &slow = member(json, "slow_duration_s"); slow.is_number()) timings.slow_duration = seconds(slow);
  timings.token_lifetime = std::chrono::seconds(int_or(json, "token_lifetime_s", timings.token_lifetime.count()));
  return {};
}

DeviceCodes::Settings device_codes_of(const Json &timings, const Json &knobs) {
  DeviceCodes::Settings out;
  if (timings.is_object()) {
    out.lifetime = std::chrono::seconds(int_or(timings, "device_code_lifetime_s", out.lifetime.count()));
    out.interval = std::chrono::seconds(int_or(timings, "device_code_interval_s", out.interval.count()));
  }
  if (knobs.is_object()) read(knobs, "refresh_tokens_once", out.refresh_tokens_once);
  return out;
}

Result<void> read_quota(const Json &json, QuotaTable &table) {
  const Json &quota = member(json, "quota");
  table.per_endpoint = text_or(json, "quota_scope") != "application";
  const auto at = [](std::string pointer, Error error) { return fail(std::move(error).at(std::move(pointer))); };
  if (quota.is_string()) {
    auto limits = parse_quota(quota.get<std::string>());
    if (!limits) return at("/quota", std::move(limits.error()));
    table.usual = std::move(*limits);
  } else if (quota.is_object()) {
    const std::vector<std::string> names = endpoint_names();
    for (const auto &[name, text] : quota.items()) {
      const std::string pointer = "/quota/" + json_pointer_token(name);
      if (std::find(names.begin(), names.end(), name) == names.end())
        return at(pointer, Error(Status::InvalidArgument, "scenario: quota names an endpoint that does not exist"));
      auto limits = parse_quota(text.get<std::string>());
      if (!limits) return at(pointer, std::move(limits.error()));
      table.by_endpoint[name] = std::move(*limits);
    }
  }
  return {};
}

/// The directory's own stream, so that nothing in it repeats the fleet's.
SeededRandom directory_random(std::uint64_t seed) {
  return SeededRandom(~seed);
}

TenantRecord made_tenant(std::string name, SeededRandom &random) {
  std::string domain = to_lower(name) + ".example";
  return {.name = std::move(name), .tenant_id = random.uuid(), .domain = std::move(domain)};
}

App made_app(std::string name, const TenantRecord &tenant, SeededRandom &random) {
  return {.name = std::move(name),
          .tenant_id = tenant.tenant_id,
          .client_id = random.uuid(),
          .client_secret = "emu~" + random.hex(36),
          .roles = all_roles(),
          .scopes = all_scopes(),
          .object_id = random.uuid()};
}

/// The tenant a member `tenant` names, the first when it is absent.
Result<const TenantRecord *> tenant_of(const Json &json, const Directory &directory, const std::string &pointer) {
  const std::string name = text_or(json, "tenant", directory.tenants.front().name);
  for (const TenantRecord &tenant : directory.tenants)
    if (tenant.name == name) return &tenant;
  return fail(Error(Status::InvalidArgument, "scenario at " + pointer + "/tenant: no tenant of that name")
                  .at(pointer + "/tenant"));
}

struct KnownCloud {
  const char *name, *audience, *instance;
};
/// mde-api §1.1: a cloud's API takes tokens of its own audience only.
constexpr KnownCloud kClouds[] = {
    {"gcc", "https://api-gcc.securitycenter.microsoft.us", "microsoftonline.com"},
    {"gcc-high", "https://api-gov.securitycenter.microsoft.us", "microsoftonline.us"},
    {"dod", "https://api-gov.securitycenter.microsoft.us", "microsoftonline.us"},
};

void read_cloud(const std::string &name, Directory &directory) {
  for (const KnownCloud &cloud : kClouds)
    if (name == cloud.name) {
      directory.api_audiences = {cloud.audience};
      directory.cloud_instance = cloud.instance;
    }
}

/// Of a member that is PEM text, or the name of a file.
Result<std::string> pem_of(const Json &json, const char *text, const char *file, const std::string &pointer) {
  if (json.contains(text)) return text_or(json, text);
  std::ifstream in(text_or(json, file), std::ios::binary);
  std::string pem{std::istreambuf_iterator<char>(in), {}};
  if (in && !pem.empty()) return pem;
  return fail(Error(Status::InvalidArgument, fmt::format("scenario at {}/{}: the file can't be read", pointer, file))
                  .at(pointer + "/" + file));
}

Error at_place(const std::string &pointer, Error error) {
  error.message = "scenario at " + pointer + ": " + error.message;
  return std::move(error).at(pointer);
}

Result<void> read_certificates(const Json &list, const std::string &pointer, App &app) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string place = fmt::format("{}/certificates/{}", pointer, i);
    auto pem = pem_of(list[i], "pem", "file", place);
    if (!pem) return fail(std::move(pem.error()));
    auto certificate = RegisteredCertificate::read(*pem);
    if (!certificate) return fail(at_place(place, std::move(certificate.error())));
    app.certificates.push_back(std::move(*certificate));
  }
  return {};
}

Result<void> read_federated(const Json &list, const std::string &pointer, App &app) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string place = fmt::format("{}/federated/{}", pointer, i);
    FederatedRecord record{text_or(list[i], "issuer"), text_or(list[i], "subject"),
                           text_or(list[i], "audience", "api://AzureADTokenExchange")};
    const std::string identity = text_or(list[i], "managed_identity");
    if (identity.empty()) {
      if (record.issuer.empty() || record.subject.empty())
        return fail(at_place(place, Error(Status::InvalidArgument, "issuer and subject, or managed_identity")));
      auto pem = pem_of(list[i], "key_pem", "key_file", place);
      if (!pem) return fail(std::move(pem.error()));
      auto key = PublicKey::read(*pem);
      if (!key) return fail(at_place(place, std::move(key.error())));
      record.key = std::move(*key);
    } else {
      record.issuer = AccessTokens::issuer(app.tenant_id);
      record.subject = identity;
    }
    app.federated.push_back(std::move(record));
  }
  return {};
}

Result<void> read_directory(const Json &json, Directory &directory, SeededRandom &random) {
  if (const Json &tenants = member(json, "tenants"); tenants.is_array()) {
    directory.tenants.clear();
    directory.apps.clear();
    for (const Json &entry : tenants) {
      TenantRecord tenant = made_tenant(entry.at("name"), random);
      read(entry, "tenant_id", tenant.tenant_id);
      tenant.tenant_id = to_lower(tenant.tenant_id);
      read(entry, "domain", tenant.domain);
      read(entry, "in_other_cloud", tenant.in_other_cloud);
      directory.apps.push_back(made_app("emulator-app", tenant, random));
      directory.tenants.push_back(std::move(tenant));
    }
  }
  if (const Json &apps = member(json, "apps"); apps.is_array()) {
    directory.apps.clear();
    for (std::size_t i = 0; i < apps.size(); ++i) {
      const auto tenant = tenant_of(apps[i], directory, fmt::format("/apps/{}", i));
      if (!tenant) return fail(tenant.error());
      App app = made_app(apps[i].at("name"), **tenant, random);
      read(apps[i], "client_id", app.client_id);
      read(apps[i], "client_secret", app.client_secret);
      read(apps[i], "secret_expired", app.secret_expired);
      read(apps[i], "disabled", app.disabled);
      read(apps[i], "roles", app.roles);
      read(apps[i], "requestor", app.requestor);
      read(apps[i], "public_client", app.public_client);
      read(apps[i], "scopes", app.scopes);
      read(apps[i], "object_id", app.object_id);
      read(apps[i], "resource_id", app.resource_id);
      read(apps[i], "machine_identity", app.machine_identity);
      const std::string pointer = fmt::format("/apps/{}", i);
      if (auto done = read_certificates(member(apps[i], "certificates"), pointer, app); !done) return done;
      if (auto done = read_federated(member(apps[i], "federated"), pointer, app); !done) return done;
      directory.apps.push_back(std::move(app));
    }
  }
  read_cloud(text_or(json, "cloud"), directory);
  read(json, "api_audiences", directory.api_audiences);
  read(json, "other_audiences", directory.other_audiences);
  return {};
}

FileRecord read_file_record(const Json &entry) {
  FileRecord file;
  file.sha1 = to_lower(text_or(entry, "sha1"));
  file.sha256 = to_lower(text_or(entry, "sha256"));
  read(entry, "name", file.name);
  read(entry, "publisher", file.publisher);
  read(entry, "prevalence", file.prevalence);
  read(entry, "microsoft_signed", file.microsoft_signed);
  return file;
}

Result<void> read_machines(const Json &json, Scenario &scenario) {
  const Json &machines = member(json, "machines");
  for (std::size_t i = 0; i < machines.size(); ++i) {
    const auto tenant = tenant_of(machines[i], scenario.directory, fmt::format("/machines/{}", i));
    if (!tenant) return fail(tenant.error());
    scenario.machines.push_back({(*tenant)->tenant_id, machines[i].at("name"), machines[i]});
  }
  return {};
}

}  // namespace

std::string_view scenario_schema_text() {
  return embedded::scenario_schema;
}

Scenario Scenario::usual(std::uint64_t seed) {
  SeededRandom random = directory_random(seed);
  Scenario scenario;
  scenario.directory.tenants.push_back(made_tenant("contoso", random));
  scenario.directory.apps.push_back(made_app("emulator-app", scenario.directory.tenants.front(), random));
  return scenario;
}

Result<Scenario> Scenario::read(const Json &json, std::uint64_t seed) {
  const JsonSchema schema(scenario_schema_text());
  if (auto valid = schema.validate(json, "scenario"); !valid) return fail(valid.error());
  Scenario scenario = usual(seed);
  SeededRandom random = directory_random(seed);
  if (auto done = read_directory(json, scenario.directory, random); !done) return fail(done.error());
  if (auto done = read_machines(json, scenario); !done) return fail(done.error());
  for (const Json &entry : member(json, "files")) scenario.files.push_back(read_file_record(entry));
  if (auto done = read_timings(member(json, "timings"), scenario.timings); !done) return fail(done.error());
  read_knobs(member(json, "knobs"), scenario.knobs);
  scenario.device_codes = device_codes_of(member(json, "timings"), member(json, "knobs"));
  if (auto done = read_quota(json, scenario.quota); !done) return fail(done.error());
  for (const Json &entry : member(json, "faults")) {
    auto fault = Fault::parse(entry);
    if (!fault) return fail(fault.error());
    scenario.faults.push_back(std::move(*fault));
  }
  return scenario;
}

void MachineEntry::describe(Machine &machine) const {
  read(described, "id", machine.id);
  machine.id = to_lower(machine.id);
  read(described, "os_platform", machine.os_platform);
  read(described, "version", machine.version);
  read(described, "os_build", machine.os_build);
  read(described, "health_status", machine.health);
  read(described, "onboarding_status", machine.onboarding);
  read(described, "device_value", machine.device_value);
  read(described, "risk_score", machine.risk_score);
  read(described, "exposure_level", machine.exposure_level);
  read(described, "ip", machine.ip);
  read(described, "group_id", machine.group_id);
  read(described, "group_name", machine.group_name);
  read(described, "tags", machine.tags);
  read(described, "merged_into", machine.merged_into);
  machine.behaviour = parse_behaviour(text_or(described, "behaviour")).value_or(machine.behaviour);
  if (const Json &files = member(described, "files"); files.is_array()) {
    machine.known_files.emplace();
    for (const Json &sha1 : files) machine.known_files->insert(to_lower(sha1.get<std::string>()));
  }
}

}  // namespace cordon::emulator
