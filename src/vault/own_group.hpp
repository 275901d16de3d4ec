#pragma once

#include <sys/types.h>

namespace cordon::vault {

/// True when `group` is the process's effective group or one of its supplementary ones. [any-thread]
bool in_own_group(gid_t group);

}  // namespace cordon::vault
