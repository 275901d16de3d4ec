#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "emulator/odata_filter.hpp"

namespace {

using namespace cordon::emulator;

constexpr std::array<std::string_view, 3> kStates = {"Pending", "InProgress", "Succeeded"};
constexpr std::array<ODataProperty, 6> kProperties = {{{"name", PropertyKind::Text},
                                                       {"id", PropertyKind::Guid},
                                                       {"status", PropertyKind::Enum, kStates},
                                                       {"time", PropertyKind::Time},
                                                       {"group", PropertyKind::Integer},
                                                       {"tags", PropertyKind::TextList}}};

}  // namespace

/// Whatever is accepted must evaluate, for null as for values, without touching anything it should not.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *bytes, std::size_t size) {
  const auto filter = ODataFilter::parse({reinterpret_cast<const char *>(bytes), size}, kProperties);
  if (!filter) return 0;
  const std::vector<std::string> tags = {"pilot", "tier0"};
  const std::array<ODataValue, 6> values = {std::string_view("ws-042"),
                                            std::string_view("6a1f2c3d-0b4e-4f5a-9c6d-7e8f90a1b2c3"),
                                            std::string_view("Pending"),
                                            cordon::UtcTicks::from_unix_seconds(1'700'000'000),
                                            std::int64_t{75},
                                            &tags};
  filter->matches([&](std::size_t property) { return values.at(property); });
  filter->matches([](std::size_t) { return ODataValue(); });
  for (std::size_t property = 0; property < kProperties.size(); ++property) filter->required_texts(property);
  return 0;
}
