#include "response/tenant.hpp"

#include <fmt/format.h>

namespace cordon::response {

Error tenant_left(const Tenant &tenant) {
  return Error(Status::InvalidState,
               fmt::format("a reload has removed the tenant {} or found it broken, and nothing is sent for it; bring "
                           "it back to go on (health shows what is broken)",
                           tenant.name));
}

}  // namespace cordon::response
