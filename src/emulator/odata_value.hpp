#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/utc.hpp"

namespace cordon::emulator {

enum class PropertyKind { Text, Guid, Enum, Time, Integer, TextList };

/// A property that may be filtered and ordered by.
struct ODataProperty {
  std::string_view name;
  PropertyKind kind;
  std::span<const std::string_view> enum_values{};  ///< of an Enum
};

/// The value of a property of one entity, borrowed from it. monostate = null.
using ODataValue =
    std::variant<std::monostate, std::string_view, std::int64_t, UtcTicks, const std::vector<std::string> *>;

/// The filterable properties of one entity type, and how an entity gives their values.
template <class Entity>
struct ODataType {
  std::string_view name;  ///< as it appears in messages
  std::span<const ODataProperty> properties;
  /// `property` is an index into `properties`.
  ODataValue (*value_of)(const Entity &entity, std::size_t property);
};

/// Index of the property of that name in any letter case (mde-api §6), or properties.size().
std::size_t find_property(std::span<const ODataProperty> properties, std::string_view name);

}  // namespace cordon::emulator
