#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/json.hpp"
#include "base/schema.hpp"
#include "defender/cloud.hpp"
#include "defender/operation.hpp"
#include "embedded/config_schema.hpp"

/// What a host hands in as text: the config, options and the requests of every operation.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *bytes, std::size_t size) {
  using namespace cordon;
  static const JsonSchema config(embedded::config_schema);
  const std::string_view text(reinterpret_cast<const char *>(bytes), size);
  const auto json = parse_json(text, "config");
  if (!json) return 0;
  (void)config.validate(*json, "config");
  if (json->is_object() && json->contains("cloud")) (void)defender::parse_cloud((*json)["cloud"]);
  for (const defender::Operation &operation : defender::Catalogue::instance().operations())
    (void)operation.check(*json);
  return 0;
}
