#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/utc.hpp"

namespace cordon::defender {

/// Builds `$filter` and its companions (mde-api §6). Texts are quoted and escaped, times unquoted; terms are joined by
/// `and`; the whole is percent-encoded once, at the end.
class ODataQuery {
 public:
  ODataQuery &equals(std::string_view property, std::string_view text);
  ODataQuery &equals(std::string_view property, std::int64_t number);
  /// `property in ('a','b')`; a single value becomes `eq`; none adds nothing.
  ODataQuery &any_of(std::string_view property, const std::vector<std::string> &texts);
  ODataQuery &since(std::string_view property, UtcTicks time);  ///< ge
  ODataQuery &after(std::string_view property, UtcTicks time);  ///< gt
  ODataQuery &starts_with(std::string_view property, std::string_view prefix);
  /// `property/any(t: t eq 'text')`
  ODataQuery &contains(std::string_view property, std::string_view text);
  ODataQuery &order_by(std::string_view property, bool descending);
  /// Not ended yet, or created at or after the time.
  ODataQuery &open_or_since(UtcTicks time);
  ODataQuery &top(std::int64_t rows);
  ODataQuery &skip(std::int64_t rows);

  /// "?$filter=…&$top=…", or "" when nothing was asked.
  std::string str() const;

  /// 'it''s'
  static std::string quote(std::string_view text);

 private:
  ODataQuery &term(std::string term);
  std::string filter_;
  std::string order_;
  std::int64_t top_ = -1;
  std::int64_t skip_ = -1;
};

/// What to list. Empty members do not narrow. Id lists longer than kMaxIdsPerQuery make the URL too long: send chunks.
struct ActionFilter {
  ActionFilter() = default;
  static constexpr std::size_t kMaxIdsPerQuery = 50;
  static constexpr std::int64_t kMaxPage = 10'000;

  std::vector<std::string> action_ids;
  std::vector<std::string> machine_ids;
  std::vector<std::string> types;     ///< the service's words
  std::vector<std::string> statuses;  ///< the service's words
  std::string requestor;
  std::string external_id;           ///< filterable or not is undocumented
  UtcTicks created_since;            ///< service time, inclusive
  bool or_open = false;              ///< whatever has not ended is listed too, however old
  UtcTicks updated_since;            ///< service time, inclusive
  bool ascending_by_update = false;  ///< oldest change first; default: newest first
  std::int64_t top = -1;
  std::int64_t skip = -1;
};

/// "/api/machineactions?…"
std::string action_list_target(const ActionFilter &filter);

/// The `filter` member of list_actions (checked by the catalogue's schema).
ActionFilter action_filter_of(const Json &filter);

/// "/api/machines?…", ".../findbyip(…)", ".../findbytag?…" or "/api/files/{sha1}/machines" for the `filter` member of
/// find_machines. Error: INVALID_ARGUMENT when members exclude each other.
Result<std::string> machine_list_target(const Json &filter);

/// machines by id in one call, for guard rails; at most ActionFilter::kMaxIdsPerQuery ids.
std::string machines_by_id_target(const std::vector<std::string> &machine_ids);

}  // namespace cordon::defender
