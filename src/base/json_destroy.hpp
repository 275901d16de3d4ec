#pragma once

#include <memory>
#include <nlohmann/json.hpp>

// nlohmann/json 3.11 takes memory to destroy a document (a stack in place of recursion), in a destructor: out of
// memory, the process would end. The specialisations for the project's two kinds of documents take none. Every source
// that uses such a document has to see them; so they are in the precompiled header, and in the headers that name the
// kinds.

namespace cordon::detail {

template <template <class> class Allocator, class T>
void destroy_part(T *part) noexcept {
  if (part == nullptr) return;
  std::destroy_at(part);
  Allocator<T>().deallocate(part, 1);
}

/// As deep a recursion as the document, which parse_json() and parse_stored() limit; so is that of copying or writing
/// one.
template <template <class> class Allocator, class Value>
void destroy_value(Value &value, nlohmann::detail::value_t type) noexcept {
  switch (type) {
    case nlohmann::detail::value_t::object:
      return destroy_part<Allocator>(value.object);
    case nlohmann::detail::value_t::array:
      return destroy_part<Allocator>(value.array);
    case nlohmann::detail::value_t::string:
      return destroy_part<Allocator>(value.string);
    case nlohmann::detail::value_t::binary:
      return destroy_part<Allocator>(value.binary);
    default:
      return;
  }
}

}  // namespace cordon::detail

template <>
inline void nlohmann::json::json_value::destroy(value_t type) {
  cordon::detail::destroy_value<std::allocator>(*this, type);
}
