#include "ledger/journal_row.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "ledger/field_hash.hpp"
#include "ledger/keyring.hpp"

namespace cordon::ledger {

ChainLink::ChainLink() : mac(kMacSize, '\0'), digest(kDigestSize, '\0') {}

JournalRow JournalRow::read(const Rows &rows) {
  JournalRow row;
  row.sequence = rows.integer(0);
  row.at = rows.integer(1);
  row.kind = rows.text(2);
  row.request = rows.text(3);
  row.tenant = rows.text(4);
  row.owner = rows.text(5);
  row.body = rows.text(6);
  row.key_id = rows.integer(7);
  row.mac = rows.text(8);
  row.digest = rows.text(9);
  return row;
}

std::string text_of(const ChainLink &link) {
  return fmt::format("{} {} {}", link.sequence, hex_encode(link.mac), hex_encode(link.digest));
}

std::optional<ChainLink> parse_link(std::string_view text) {
  const std::size_t first = text.find(' ');
  const std::size_t second = text.find(' ', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return std::nullopt;
  const auto sequence = parse_int(text.substr(0, first));
  auto mac = hex_decode(text.substr(first + 1, second - first - 1));
  auto digest = hex_decode(text.substr(second + 1));
  if (!sequence || !mac || !digest) return std::nullopt;
  return ChainLink(*sequence, std::move(*mac), std::move(*digest));
}

std::string running_digest(std::string_view previous, const JournalRow &row) {
  return FieldHash()
      .field(previous)
      .field(row.sequence)
      .field(row.at)
      .field(row.kind)
      .field(row.request)
      .field(row.tenant)
      .field(row.owner)
      .field(row.body)
      .field(row.key_id)
      .finish();
}

}  // namespace cordon::ledger
