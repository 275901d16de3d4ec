#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "emulator/odata_filter.hpp"
#include "emulator/odata_tokens.hpp"
#include "emulator/query_string.hpp"

namespace cordon::emulator {

constexpr std::size_t kMaxPage = 10'000;  ///< mde-api §6

/// The `$`-options of a list call, checked. Errors carry the message for the answer's body.
struct ODataQuery {
  struct Order {
    std::size_t property;
    bool descending;
  };

  static Result<ODataQuery> parse(const QueryString &query, std::span<const ODataProperty> properties);

  ODataFilter filter{};
  std::optional<std::size_t> top{};
  std::size_t skip = 0;
  std::vector<Order> order{};
  bool count = false;
};

/// Those of `candidates` that match, in the order asked for; the order given otherwise.
template <class Entity>
std::vector<const Entity *> select(const ODataQuery &query, const ODataType<Entity> &type,
                                   std::vector<const Entity *> candidates) {
  std::erase_if(candidates, [&](const Entity *entity) {
    return !query.filter.matches([&](std::size_t property) { return type.value_of(*entity, property); });
  });
  if (query.order.empty()) return candidates;
  std::stable_sort(candidates.begin(), candidates.end(), [&](const Entity *a, const Entity *b) {
    for (const ODataQuery::Order &order : query.order) {
      const ODataValue left = type.value_of(*a, order.property), right = type.value_of(*b, order.property);
      if (left == right) continue;
      return order.descending ? right < left : left < right;
    }
    return false;
  });
  return candidates;
}

}  // namespace cordon::emulator
