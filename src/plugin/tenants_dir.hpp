#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"

namespace cordon::plugin {

/// One `<name>.json` of the directory of tenants, as it was found.
struct TenantFile {
  TenantFile(std::string name_, std::string path_, Result<Json> content_)
      : name(std::move(name_)), path(std::move(path_)), content(std::move(content_)) {}
  std::string name;      ///< of the tenant: the file's without ".json"
  std::string path;      ///< where a person finds it
  Result<Json> content;  ///< or why this file is refused, which is nobody else's trouble
};

/// A name that options can carry: 1 to 64 bytes of printable UTF-8.
bool is_tenant_name(const std::string &name);

/// Every tenant of the directory `path`, by name. Hidden files, and those that do not end in ".json", are none. Where
/// Kubernetes has mounted the volume, all files are those of one of its updates, whichever goes on meanwhile. A file
/// must belong to root or to the user of this process, who alone may write to it; so must the directory, unless its
/// file system is read-only. Errors, about the directory as a whole: INVALID_ARGUMENT with the pointer /tenants_dir.
Result<std::vector<TenantFile>> read_tenants_dir(const std::string &path);

}  // namespace cordon::plugin
