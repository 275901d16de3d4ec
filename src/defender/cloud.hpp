#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"

namespace cordon::defender {

/// Where a tenant's service lives (mde-api §1.1). Plain texts: geo hosts come and go.
struct Cloud {
  Cloud() = default;
  Cloud(std::string name_, std::string api_, std::string login_, std::string audience_)
      : name(std::move(name_)), api(std::move(api_)), login(std::move(login_)), audience(std::move(audience_)) {}

  std::string name;      ///< as configured; "custom" for an object
  std::string api;       ///< origin without a trailing slash; paths begin with "/api"
  std::string login;     ///< login authority, no trailing slash
  std::string audience;  ///< v1 `resource`; the v2 scope is this + "/.default"
};

/// Reads the config's `cloud`: a name ("commercial", "gcc", "gcc-high", "dod"), a name with a geo ("commercial/eu") or
/// {"api","login","audience"}. URLs must be https and have no path, query, fragment or user. Errors: INVALID_ARGUMENT
/// with the pointer below `/cloud`, naming what is known; the offending value is not quoted.
/// `place`: of the tenant, put before the pointer.
Result<Cloud> parse_cloud(const Json &cloud, const std::string &place = {});

/// The names a config may use, geos included.
std::vector<std::string> cloud_names();

}  // namespace cordon::defender
