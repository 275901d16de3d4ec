#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"
#include "ledger/archive.hpp"
#include "ledger/chain_walk.hpp"
#include "ledger/damage.hpp"
#include "ledger/keyring.hpp"
#include "ledger/quota.hpp"
#include "ledger/record.hpp"
#include "ledger/request_row.hpp"
#include "ledger/table_comparison.hpp"

namespace cordon::ledger {

/// How far a closure's writes must have got before it counts as done.
enum class Durability {
  Read,     ///< it writes nothing; a write fails
  Process,  ///< survives the death of the process, not the loss of power: for what can be found again
  Full,     ///< survives the loss of power: for whatever must be known before a byte leaves
};

/// A token (or another sealed secret) at rest. `sealed` is ciphertext made by Ledger::seal and names its key.
struct TokenRow {
  TokenRow() = default;
  TokenRow(std::string sealed_, UtcTicks expires_) : sealed(std::move(sealed_)), expires(expires_) {}
  std::string sealed;
  UtcTicks expires;
};

/// Who may do something that one client does for all, and until when.
struct Lease {
  Lease(bool held_, BootTime until_) : held(held_), until(until_) {}
  bool held;       ///< by the client that asked
  BootTime until;  ///< not held: when to ask again
};

/// One transaction's view. Valid only inside the closure that got it. [ledger thread]
///
/// Errors are Status::Ledger with the path, the reason and a remedy; once the storage itself has failed, the whole
/// batch fails, whatever the closure returns.
class Tx {
 public:
  virtual ~Tx() = default;

  /// Appends to the journal and returns the sequence. VaultLocked before the ledger has its key.
  virtual Result<std::int64_t> append(const Record &record) = 0;
  virtual Result<std::vector<JournalRecord>> events_after(std::int64_t cursor, const EventFilter &filter,
                                                          std::size_t limit) = 0;
  /// 0: the journal is empty.
  virtual Result<std::int64_t> newest_sequence() = 0;
  /// Checks up to `limit` records from where `walk` stands. VaultLocked before the ledger has its key.
  virtual Result<void> walk_chain(ChainWalk &walk, std::size_t limit) = 0;
  /// What is wrong with the journal's end: a tail cut off, a bad record among the newest, those without a signature
  /// included. Damage that was recorded is not found again. Needs the key.
  virtual Result<Damage> check_end() = 0;
  /// The newest record about a request; 0: none.
  virtual Result<std::int64_t> last_record(const RequestId &id) = 0;
  /// How a request's row differs from its newest record, or what is wrong with that; empty: they agree. Needs the key.
  virtual Result<std::string> check_request(const RequestRow &row) = 0;

  /// Compares up to `limit` requests with their records, then as many records with the requests they are about.
  virtual Result<void> compare_tables(TableComparison &so_far, std::size_t limit) = 0;

  /// Signs the records that no checkpoint signs yet. Needs the key.
  virtual Result<void> sign_journal(UtcTicks now) = 0;
  /// What the first record of the journal follows: the last that was archived.
  virtual ChainLink journal_base() = 0;
  /// The place behind a record; nullopt: the journal does not have it.
  virtual Result<std::optional<ChainLink>> chain_at(std::int64_t sequence) = 0;
  /// Up to `limit` records as they lie in the journal.
  virtual Result<std::vector<JournalRow>> records_after(std::int64_t sequence, std::size_t limit) = 0;

  /// Inserts the working copy, or brings it up to date: what identifies a request (tenant, operation, machine, keys,
  /// fingerprint, parameters, created, lane) is set by the first put and stays. KeyReused if another request of the
  /// tenant holds the idempotency key.
  virtual Result<void> put_request(const RequestRow &row) = 0;
  virtual Result<std::optional<RequestRow>> request(const RequestId &id) = 0;
  /// The request that holds the key: not one that expired or was withdrawn.
  virtual Result<std::optional<RequestRow>> by_idempotency_key(std::string_view tenant, std::string_view key) = 0;
  /// The newest request with this match key that has not ended.
  virtual Result<std::optional<RequestRow>> live_by_match_key(std::string_view key) = 0;
  /// All requests that point at the action, oldest first (several may have adopted it). Empty tenant: any.
  virtual Result<std::vector<RequestRow>> by_action_id(std::string_view tenant, const ActionId &id) = 0;
  virtual Result<std::vector<RequestRow>> requests(const RequestQuery &query) = 0;
  /// Those on one device that have not ended, oldest first.
  virtual Result<std::vector<RequestRow>> live_on_device(std::string_view tenant, const MachineId &machine) = 0;
  /// True when one on the device, other than `id`, is marked as being sent.
  virtual Result<bool> is_sending_other(std::string_view tenant, const MachineId &machine, const RequestId &id) = 0;
  /// The newest request of an operation on the device that was sent, whether or not it has ended.
  virtual Result<std::optional<RequestRow>> newest_sent(std::string_view tenant, const MachineId &machine,
                                                        std::string_view operation) = 0;
  /// How many of the tenant's requests the service holds; which tenants have any; the rows themselves, oldest first,
  /// behind `after`.
  virtual Result<std::int64_t> in_flight(std::string_view tenant) = 0;
  virtual Result<std::vector<std::string>> tenants_in_flight() = 0;
  virtual Result<std::vector<RequestRow>> in_flight_rows(std::string_view tenant, const RequestId &after,
                                                         std::size_t limit) = 0;
  /// The owners of requests that somebody has to work on: queued, being sent, or of unknown outcome.
  virtual Result<std::vector<std::string>> working_owners() = 0;

  /// What was recorded behind `cursor`, without the bodies.
  virtual Result<std::vector<Change>> changes_after(std::int64_t cursor, std::size_t limit) = 0;
  /// The clients that have this ledger open, and those that died with it open and were not buried yet.
  virtual Result<std::vector<std::string>> clients() = 0;
  /// Ends what a dead client had under way: its quota slots, its leases, its place among the clients.
  virtual Result<void> bury(std::string_view client, BootTime now) = 0;
  /// Takes or keeps the lease until `until`, unless another living client has it and its time is not over.
  virtual Result<Lease> take_lease(std::string_view name, BootTime now, BootTime until) = 0;

  /// Grants a slot of `key`'s budget, or says when to ask again. A slot is occupied from now until it was ended plus
  /// the window's length; a slot that is never ended stays occupied until its owner is dead. Only a `privileged`
  /// request gets the last tenth of a window.
  virtual Result<QuotaAnswer> quota_take(std::string_view key, const QuotaWindows &windows, bool privileged,
                                         BootTime now) = 0;
  /// `ended`: when the answer came, or when the connection was closed plus kQuotaLinger.
  virtual Result<void> quota_end(std::int64_t slot, BootTime ended) = 0;
  /// The service said 429: nothing is granted before `until`, and half the budget for one window after it.
  virtual Result<void> quota_cool(std::string_view key, BootTime now, BootTime until) = 0;
  virtual Result<QuotaUsage> quota_usage(std::string_view key, const QuotaWindows &windows, BootTime now) = 0;

  /// `fingerprint` names what the token is for (credential, tenant, audience); it must not be secret itself.
  virtual Result<void> put_token(std::string_view fingerprint, const TokenRow &token) = 0;
  virtual Result<std::optional<TokenRow>> get_token(std::string_view fingerprint) = 0;
  virtual Result<void> erase_token(std::string_view fingerprint) = 0;

  /// In the order they were made.
  virtual Result<std::vector<KeyWrap>> key_wraps() = 0;
  virtual Result<void> put_key_wrap(const KeyWrap &wrap) = 0;
  virtual Result<void> erase_key_wrap(std::int64_t key_id, std::string_view name) = 0;

  /// Small named facts: "halt/contoso", high-water marks, the vault's highest generation.
  virtual Result<std::optional<std::string>> get_meta(std::string_view name) = 0;
  virtual Result<void> put_meta(std::string_view name, std::string_view value) = 0;
  virtual Result<void> erase_meta(std::string_view name) = 0;

  /// Why old records could not be moved to an archive; empty: nothing is in the way.
  virtual std::string archive_problem() = 0;
};

/// What stands behind the ledger: SQLite, later a database server or a simulation. Used by one thread at a time.
///
/// A batch is begin, then for each closure enter and leave, then commit; after any error rollback.
class Store {
 public:
  virtual ~Store() = default;
  virtual Result<void> begin(Durability durability) = 0;
  virtual Tx &tx() = 0;
  /// `writes` false: writes of the closure fail.
  virtual Result<void> enter(bool writes) = 0;
  /// `keep` false: takes back what was written since enter. An error: the batch is lost.
  virtual Result<void> leave(bool keep) = 0;
  virtual Result<void> commit() = 0;
  virtual void rollback() noexcept = 0;
  /// The newest record's sequence after the last commit.
  virtual std::int64_t committed_sequence() const noexcept = 0;
  /// Nobody waits: the time for upkeep.
  /// True: there is more to do.
  virtual bool idle() noexcept = 0;
  /// Nothing more will be asked: the time for last words.
  virtual void ending() noexcept {}
  /// What is older moves to an archive; zero: nothing does. Before the first batch.
  virtual void set_retention(nanoseconds age) noexcept = 0;
  /// Reads the whole storage on the caller's thread, beside whatever else goes on; what is wrong with it, one line
  /// each, at most ten. [any-thread]
  virtual Result<std::vector<std::string>> check_storage() const = 0;
  /// The same for the archives. Needs the key. [any-thread]
  virtual Result<std::vector<ArchiveReport>> check_archives(const ChainLink &journal_base) const = 0;
};

}  // namespace cordon::ledger
