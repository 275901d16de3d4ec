#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ledger/sqlite.hpp"

namespace cordon::ledger {

constexpr std::size_t kDigestSize = 32;

/// A record exactly as it lies in the table. JOURNAL.md says what each field is.
struct JournalRow {
  JournalRow() {}

  /// The columns of `kJournalColumns`, in that order, from the first on.
  static JournalRow read(const Rows &rows);

  std::int64_t sequence = 0;
  std::int64_t at = 0;
  std::string kind, request, tenant, owner, body;
  std::int64_t key_id = 0;
  std::string mac;
  std::string digest;  ///< of all records up to and with this one
};

constexpr const char *kJournalColumns = "sequence, at, kind, request_id, tenant, owner, body, key_id, mac, digest";

/// A place in the chain: what the next record builds upon.
struct ChainLink {
  ChainLink();
  ChainLink(std::int64_t sequence_, std::string mac_, std::string digest_)
      : sequence(sequence_), mac(std::move(mac_)), digest(std::move(digest_)) {}
  explicit ChainLink(const JournalRow &row) : ChainLink(row.sequence, row.mac, row.digest) {}
  bool operator==(const ChainLink &) const = default;

  std::int64_t sequence = 0;  ///< of the record; 0: before the first
  std::string mac;
  std::string digest;
};

/// "<sequence> <MAC> <digest>", as it lies in a table of facts.
std::string text_of(const ChainLink &link);
std::optional<ChainLink> parse_link(std::string_view text);

/// The digest that follows `previous`: over it and every field of the row but MAC and digest. Needs no key.
std::string running_digest(std::string_view previous, const JournalRow &row);

}  // namespace cordon::ledger
