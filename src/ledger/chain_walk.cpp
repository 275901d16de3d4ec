#include "ledger/chain_walk.hpp"

#include <fmt/format.h>

#include "base/json.hpp"
#include "base/text.hpp"
#include "ledger/checkpoint.hpp"

namespace cordon::ledger {
namespace {

/// Whether the row says that everything up to the base was archived.
bool vouches_for(const JournalRow &row, const ChainLink &base) {
  if (row.kind != kArchiveKind) return false;
  const Json body = parse_stored(row.body);
  return body.is_object() && int_or(body, "through", -1) == base.sequence &&
         text_or(body, "mac") == hex_encode(base.mac) && text_or(body, "digest") == hex_encode(base.digest);
}

std::string what_is_wrong(const ChainWalk &walk, const JournalRow &row, const Keyring &keyring,
                          std::string_view ledger_id) {
  if (row.sequence != walk.link.sequence + 1)
    return fmt::format("record {} is missing: {} follows {}", walk.link.sequence + 1, row.sequence, walk.link.sequence);
  if (row.key_id != keyring.key_id())
    return fmt::format("record {} names a key that is not this ledger's", row.sequence);
  if (row.mac != mac_of(keyring, walk.link.mac, row))
    return fmt::format("record {} is not what was written: its MAC does not fit", row.sequence);
  if (row.digest != running_digest(walk.link.digest, row))
    return fmt::format("record {} is what was written, but its digest is not", row.sequence);
  if (row.kind == kCheckpointKind) return check_checkpoint(row, walk.link, ledger_id, keyring.public_key());
  return {};
}

}  // namespace

std::string mac_of(const Keyring &keyring, std::string_view previous, const JournalRow &row) {
  return keyring.mac(previous)
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

void walk_over(ChainWalk &walk, const JournalRow &row, const Keyring &keyring, std::string_view ledger_id) {
  walk.damage = what_is_wrong(walk, row, keyring, ledger_id);
  if (!walk.damage.empty()) {
    walk.first_bad = walk.link.sequence + 1;
    return;
  }
  if (row.kind == kCheckpointKind) {
    ++walk.checkpoints;
    walk.signed_through = walk.link.sequence;
  }
  if (vouches_for(row, walk.base)) walk.base_vouched = true;
  walk.link = ChainLink(row);
}

std::int64_t written_as(const JournalRow &row, const std::vector<JournalRow> &neighbours, const Keyring &keyring) {
  JournalRow moved = row;
  for (const JournalRow &place : neighbours) {
    moved.sequence = place.sequence;
    for (const JournalRow &before : neighbours)
      if (moved.sequence != row.sequence && mac_of(keyring, before.mac, moved) == row.mac) return moved.sequence;
  }
  return 0;
}

}  // namespace cordon::ledger
