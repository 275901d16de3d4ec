#include <algorithm>

#include "base/text.hpp"
#include "emulator/call.hpp"
#include "emulator/listing.hpp"

namespace cordon::emulator {
namespace {

using Machines = std::vector<const Machine *>;
using namespace std::chrono_literals;

Machines those(const Fleet &fleet, const auto &wanted) {
  Machines out;
  for (const Machine &machine : fleet.machines())
    if (wanted(machine)) out.push_back(&machine);
  return out;
}

Machines all_machines(const Fleet &fleet) {
  return those(fleet, [](const Machine &) { return true; });
}

/// An empty list is an error in the documents and none in practice (mde-api §8).
Answer list_reply_or_404(const Call &call, Machines machines) {
  Answer answer = list_reply(call, machine_type(), std::move(machines), "Machines");
  if (answer && call.knobs.empty_machine_list_status == 404 && Json::parse(answer->body).at("value").empty())
    return refuse(404, "ResourceNotFound", "No recent machines were found");
  return answer;
}

/// The value of `name=...` among comma-separated arguments.
std::string argument_of(std::string_view arguments, std::string_view name) {
  while (!arguments.empty()) {
    const std::string_view one = arguments.substr(0, arguments.find(','));
    arguments.remove_prefix(std::min(arguments.size(), one.size() + 1));
    if (one.size() > name.size() && one[name.size()] == '=' && equal_ignoring_case(one.substr(0, name.size()), name))
      return std::string(one.substr(name.size() + 1));
  }
  return {};
}

}  // namespace

Answer list_machines(Call &call) {
  return list_reply_or_404(call, all_machines(call.fleet));
}

Answer count_machines(Call &call) {
  return count_reply(call, machine_type(), all_machines(call.fleet));
}

Answer get_machine(Call &call) {
  const Machine *machine = call.fleet.find(call.argument);
  if (machine == nullptr) machine = call.fleet.find_by_name(call.argument);
  if (machine == nullptr) return refuse(Refusal::no_machine(call.argument));
  return odata_reply(200, "Machines/$entity", to_json(*machine));
}

Answer find_machines_by_tag(Call &call) {
  const std::string *tag = call.query.find("tag");
  if (tag == nullptr || tag->empty())
    return refuse(400, "MissingRequiredParameter", "Required parameter tag is missing");
  const std::string *prefix = call.query.find("useStartsWithFilter");
  const bool by_prefix = prefix != nullptr && equal_ignoring_case(*prefix, "true");
  return list_reply_or_404(call, those(call.fleet, [&](const Machine &machine) {
                             return std::any_of(machine.tags.begin(), machine.tags.end(), [&](const std::string &one) {
                               return by_prefix ? one.starts_with(*tag) : one == *tag;
                             });
                           }));
}

/// `ip='10.0.0.5',timestamp=2026-02-03T10:00:00Z`
Answer find_machines_by_ip(Call &call) {
  std::string ip = argument_of(call.argument, "ip");
  if (ip.size() < 3 || ip.front() != '\'' || ip.back() != '\'')
    return refuse(400, "InvalidIpAddress", "The argument ip is not an IP address in quotes");
  ip = ip.substr(1, ip.size() - 2);
  const auto time = UtcTicks::parse(argument_of(call.argument, "timestamp"));
  if (!time || *time > call.now + 15min || *time < call.now - 24h * 30)
    return refuse(400, "InvalidInput", "The argument timestamp is not a time of the past 30 days");
  return list_reply_or_404(call, those(call.fleet, [&](const Machine &machine) { return machine.ip == ip; }));
}

}  // namespace cordon::emulator
