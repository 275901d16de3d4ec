#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "defender/action.hpp"
#include "defender/odata.hpp"
#include "defender/operation.hpp"
#include "response/tenant.hpp"

namespace cordon::response {

/// Every action of these devices that contains or releases.
defender::ActionFilter containment_filter(const defender::Catalogue &catalogue,
                                          const std::vector<std::string> &machine_ids);

/// What holds for each device, whoever did it: for every operation that can be reversed, by the newest finished action
/// of the pair; for one that can't, each thing it was done to. What is on its way is listed beside it. Nothing tells
/// what a person undid on the device itself.
Json containment_document(const defender::Catalogue &catalogue, const Tenant &tenant,
                          const std::vector<std::string> &machine_ids,
                          const std::vector<defender::MachineAction> &actions);

}  // namespace cordon::response
