#pragma once

#include "plugin/config.hpp"

namespace cordon::plugin {

/// Takes the tenants out of the document, which is looked at without them: what is wrong with one concerns it alone.
Json take_tenants(Json &document);

/// Fills `config.tenants` and `config.default_tenant` from `tenants`, from `tenants_dir` and from the defaults.
/// Whatever is wrong with one tenant makes it `broken`. Errors: INVALID_ARGUMENT for what concerns all of them.
Result<void> read_tenants(Config &config, const Json &tenants);

}  // namespace cordon::plugin
