#include "emulator/fault_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "emulator/endpoint.hpp"

namespace cordon::emulator {
namespace {

constexpr std::array<std::pair<std::string_view, FaultKind>, 11> kKinds = {
    {{"drop_before", FaultKind::DropBefore},
     {"drop_after", FaultKind::DropAfter},
     {"error_before", FaultKind::ErrorBefore},
     {"error_after", FaultKind::ErrorAfter},
     {"throttle", FaultKind::Throttle},
     {"throttle_no_retry_after", FaultKind::ThrottleNoRetryAfter},
     {"html", FaultKind::Html},
     {"garbage", FaultKind::Garbage},
     {"slow", FaultKind::Slow},
     {"expire_token", FaultKind::ExpireToken},
     {"wrong_machine", FaultKind::WrongMachine}}};

bool covers(std::string_view pattern, std::string_view endpoint) {
  if (!pattern.ends_with('*')) return pattern == endpoint;
  pattern.remove_suffix(1);
  return endpoint.starts_with(pattern);
}

tl::unexpected<Error> wrong(std::string_view member, std::string_view what) {
  return fail(Error(Status::InvalidArgument, fmt::format("fault: {} {}", member, what)).at(fmt::format("/{}", member)));
}

}  // namespace

Result<Fault> Fault::parse(const Json &json) {
  if (!json.is_object()) return fail(Status::InvalidArgument, "a fault is a JSON object");
  for (const auto &[key, value] : json.items())
    if (key != "endpoint" && key != "kind" && key != "times" && key != "probability" && key != "seconds")
      return wrong(key, "is not a member of a fault");
  Fault fault{.endpoint = text_or(json, "endpoint"), .kind = FaultKind::DropBefore};
  const std::vector<std::string> names = endpoint_names();
  if (std::none_of(names.begin(), names.end(), [&](const std::string &name) { return covers(fault.endpoint, name); }))
    return wrong("endpoint", fmt::format("must be one of: {}, or a beginning of these and *", fmt::join(names, ", ")));
  const std::string kind = text_or(json, "kind");
  const auto *found =
      std::find_if(kKinds.begin(), kKinds.end(), [&](const auto &entry) { return entry.first == kind; });
  if (found == kKinds.end()) return wrong("kind", "is not a kind of fault");
  fault.kind = found->second;
  if (const auto times = json.find("times"); times != json.end()) {
    if (times->is_null())
      fault.times.reset();
    else if (times->is_number_integer() && *times >= 1)
      fault.times = times->get<long>();
    else
      return wrong("times", "must be a whole number above 0, or null for ever");
  }
  if (const auto probability = json.find("probability"); probability != json.end()) {
    if (!probability->is_number() || *probability < 0.0 || *probability > 1.0)
      return wrong("probability", "must be from 0 to 1");
    fault.probability = probability->get<double>();
  }
  if (const auto seconds = json.find("seconds"); seconds != json.end()) {
    if (!seconds->is_number_integer() || *seconds < 0 || *seconds > 86'400)
      return wrong("seconds", "must be a whole number from 0 to 86400");
    fault.seconds = seconds->get<int>();
  }
  return fault;
}

Json Fault::to_json() const {
  const auto *entry = std::find_if(kKinds.begin(), kKinds.end(), [&](const auto &one) { return one.second == kind; });
  return {{"endpoint", endpoint},
          {"kind", entry->first},
          {"times", times ? Json(*times) : Json(nullptr)},
          {"probability", probability},
          {"seconds", seconds}};
}

std::optional<Fault> FaultPlan::strike(std::string_view endpoint) {
  for (auto fault = faults_.begin(); fault != faults_.end(); ++fault) {
    if (!covers(fault->endpoint, endpoint) || !random_.chance(fault->probability)) continue;
    Fault struck = *fault;
    if (fault->times && --*fault->times == 0) faults_.erase(fault);
    return struck;
  }
  return std::nullopt;
}

}  // namespace cordon::emulator
