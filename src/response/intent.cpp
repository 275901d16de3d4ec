#include "response/intent.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <array>

#include "base/text.hpp"

namespace cordon::response {
namespace {

std::optional<milliseconds> duration_of(const Json &options, const char *key) {
  const std::int64_t ms = int_or(options, key, -1);
  return ms < 0 ? std::nullopt : std::optional(milliseconds(ms));
}

std::string digest(std::string_view text) {
  std::array<unsigned char, 32> hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char *>(text.data()), text.size(),
                     nullptr, 0);
  return base64url_encode({reinterpret_cast<const char *>(hash.data()), hash.size()});
}

}  // namespace

Result<Options> Options::parse(const Json &json) {
  Options out;
  if (json.is_null()) return out;
  out.tenant = text_or(json, "tenant");
  if (const std::string id = text_or(json, "request_id"); !id.empty()) {
    auto parsed = RequestId::parse(id);
    if (!parsed) return fail(std::move(parsed.error()).at("/request_id"));
    out.request_id = *parsed;
  }
  out.idempotency_key = text_or(json, "idempotency_key");
  out.call_id = text_or(json, "call_id");
  out.until_finished = text_or(json, "until") == "finished";
  out.priority = text_or(json, "priority", "normal");
  out.valid_for = duration_of(json, "valid_for_ms");
  out.max_age = duration_of(json, "max_age_ms");
  if (const auto labels = json.find("labels"); labels != json.end() && labels->is_object()) out.labels = *labels;
  out.actor = text_or(json, "actor");
  out.dry_run = bool_or(json, "dry_run", false);
  out.force_new = bool_or(json, "force_new", false);
  return out;
}

Result<Intent> Intent::make(const defender::Operation &operation, Json request, std::shared_ptr<Tenant> tenant) {
  Intent intent;
  intent.operation = &operation;
  intent.tenant = std::move(tenant);
  if (const auto options = request.find("options"); options != request.end()) {
    auto parsed = Options::parse(*options);
    if (!parsed) {
      parsed.error().pointer = "/options" + parsed.error().pointer;
      return fail(std::move(parsed.error()));
    }
    intent.options = std::move(*parsed);
    request.erase(options);
  }
  intent.machine = MachineId::trusted(text_or(request, "machine_id"));
  intent.action_id = ActionId::trusted(text_or(request, "action_id"));
  intent.request = std::move(request);
  return intent;
}

std::string Intent::fingerprint() const {
  return digest(tenant->name + "\n" + operation->name + "\n" + dump(request));
}

std::string Intent::match_key() const {
  return response::match_key(tenant->name, *operation, machine, action_id, request);
}

std::string match_key(const std::string &tenant, const defender::Operation &operation, const MachineId &machine,
                      const ActionId &action_id, const Json &request) {
  Json parameters = Json::object();
  for (const defender::MatchField &field : operation.match)
    if (const auto it = request.find(field.member); it != request.end()) parameters[field.member] = *it;
  return digest(
      fmt::format("{}\n{}\n{}\n{}\n{}", tenant, operation.name, machine.str(), action_id.str(), dump(parameters)));
}

std::string comment_marker(const RequestId &id) {
  const std::string &text = id.str();
  return fmt::format("{}{}{}]", kMarkerStart, text.substr(0, 8), text.substr(9, 4));
}

}  // namespace cordon::response
