#include "base/system_reason.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace cordon {

std::string system_reason(int error) {
  const char *known = strerrordesc_np(error);
  std::string reason = known != nullptr ? known : fmt::format("error {}", error);
  if (error == EMFILE)
    reason += " in this process; raise its limit (ulimit -n, LimitNOFILE=) or close some of them";
  else if (error == ENFILE)
    reason += "; raise fs.file-max or end what holds them";
  return reason;
}

}  // namespace cordon
