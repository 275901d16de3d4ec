#pragma once

#include <cordon.h>
#include <dlfcn.h>

#include <cstring>
#include <stdexcept>
#include <string>

namespace cordon {

/// The table of the library this program is linked with.
inline const cordon_api_v1 &linked() {
  return *cordon_get_api(CORDON_ABI_VERSION / 1000000);
}

/// Loads the library, for a program that is not linked with it; it stays loaded. Throws std::runtime_error when it is
/// not there or lacks functions of this header.
inline const cordon_api_v1 &load(const std::string &path = "libcordon.so.1") {
  void *const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(std::string("cannot load the library: ") + dlerror());
  void *const symbol = dlsym(library, "cordon_get_api");
  decltype(&cordon_get_api) get_api = nullptr;
  static_assert(sizeof get_api == sizeof symbol);
  std::memcpy(&get_api, &symbol, sizeof get_api);
  const cordon_api_v1 *const api = get_api == nullptr ? nullptr : get_api(CORDON_ABI_VERSION / 1000000);
  if (api == nullptr || api->struct_size < sizeof *api)
    throw std::runtime_error(path + " is no libcordon, or older than cordon.h here");
  return *api;
}

}  // namespace cordon
