#include "vault/own_group.hpp"

#include <unistd.h>

#include <algorithm>
#include <vector>

namespace cordon::vault {

bool in_own_group(gid_t group) {
  if (group == getegid()) return true;
  const int count = getgroups(0, nullptr);
  if (count <= 0) return false;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  if (getgroups(count, groups.data()) != count) return false;
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

}  // namespace cordon::vault
