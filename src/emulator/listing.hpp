#pragma once

#include <fmt/format.h>

#include <vector>

#include "base/text.hpp"
#include "emulator/call.hpp"
#include "emulator/odata_query.hpp"

namespace cordon::emulator {

/// Where the next page of a list call without $top begins (mde-api §6).
inline std::string next_link(const Call &call, std::size_t skip) {
  std::string link =
      (call.knobs.next_link_origin.empty() ? call.origin : call.knobs.next_link_origin) + call.path + "?";
  for (const auto &[name, value] : call.query.pairs())
    if (name != "$skip") link += name + "=" + percent_encode(value) + "&";
  return link + fmt::format("$skip={}", skip);
}

/// Answers a list call: selects, pages, counts. `candidates` in the default order; `kind` e.g. "Machines".
template <class Entity>
Answer list_reply(const Call &call, const ODataType<Entity> &type, std::vector<const Entity *> candidates,
                  std::string_view kind) {
  const auto query = ODataQuery::parse(call.query, type.properties);
  if (!query) return refuse(Refusal::odata(query.error().message));
  const std::vector<const Entity *> selected = select(*query, type, std::move(candidates));
  const std::size_t begin = std::min(query->skip, selected.size());
  const std::size_t end = begin + std::min(query->top.value_or(call.knobs.page_size), selected.size() - begin);

  Json document = {{"value", Json::array()}};
  for (std::size_t i = begin; i < end; ++i) document["value"].push_back(to_json(*selected[i]));
  if (query->count) document["@odata.count"] = selected.size();
  if (!query->top && end < selected.size()) document["@odata.nextLink"] = next_link(call, end);
  return odata_reply(200, kind, std::move(document));
}

/// Answers the /$count segment: a plain number.
template <class Entity>
Answer count_reply(const Call &call, const ODataType<Entity> &type, std::vector<const Entity *> candidates) {
  const auto query = ODataQuery::parse(call.query, type.properties);
  if (!query) return refuse(Refusal::odata(query.error().message));
  return Reply{.content_type = "text/plain; charset=utf-8",
               .body = std::to_string(select(*query, type, std::move(candidates)).size())};
}

}  // namespace cordon::emulator
