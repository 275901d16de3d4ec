#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "base/clock.hpp"
#include "ledger/head_file.hpp"
#include "ledger/journal.hpp"
#include "ledger/keyring.hpp"
#include "ledger/migration.hpp"
#include "ledger/peers.hpp"
#include "ledger/quota_table.hpp"
#include "ledger/request_table.hpp"
#include "ledger/sqlite.hpp"
#include "ledger/state_dir.hpp"
#include "ledger/store.hpp"

namespace cordon::ledger {

/// The store in `state_dir/ledger.db`.
class SqliteStore final : public Store, private Tx {
 public:
  /// Opens or makes the file in this client's turn and enters it among the clients, which it leaves when
  /// another one buries it. `directory`, `keyring`
  /// and `clock` outlive the store.
  static Result<std::unique_ptr<SqliteStore>> open(StateDir &directory, const Keyring &keyring, const Clock &clock,
                                                   Random &random);
  /// The same over an open database and head; `peers` outlives the store.
  static Result<std::unique_ptr<SqliteStore>> open(std::unique_ptr<Database> db, std::unique_ptr<HeadFile> head,
                                                   Peers &peers, const Keyring &keyring, const Clock &clock,
                                                   Random &random);

  Result<void> begin(Durability durability) override;
  Tx &tx() override { return *this; }
  Result<void> enter(bool writes) override;
  Result<void> leave(bool keep) override;
  Result<void> commit() override;
  void rollback() noexcept override;
  std::int64_t committed_sequence() const noexcept override { return committed_.sequence; }
  bool idle() noexcept override;
  void ending() noexcept override;
  void set_retention(nanoseconds age) noexcept override { retention_ = age; }
  Result<std::vector<std::string>> check_storage() const override;
  Result<std::vector<ArchiveReport>> check_archives(const ChainLink &journal_base) const override;

 private:
  SqliteStore(std::unique_ptr<Database> db, std::unique_ptr<HeadFile> head, Peers &peers, const Keyring &keyring,
              const Clock &clock);
  Result<void> configure();
  Result<void> arrive(const Clock &clock);
  Result<void> set_synchronous(bool full);
  Result<void> notice_other_writers();
  void checkpoint() noexcept;
  void sign_last_records() noexcept;
  bool is_last() noexcept;
  bool has_own_wal() const noexcept;
  Result<void> expect_own_wal();
  bool archive_step() noexcept;
  Result<bool> move_to_archive();
  Result<std::vector<JournalRow>> old_records();
  Result<void> carry_over(std::int64_t through);
  Result<void> compare_requests(TableComparison &so_far, std::size_t limit);
  Result<void> compare_records(TableComparison &so_far, std::size_t limit);
  /// Refuses a closure that promised to write nothing; marks the savepoint before the first write of the others.
  Result<void> writing();

  Result<std::int64_t> append(const Record &record) override;
  Result<std::vector<JournalRecord>> events_after(std::int64_t cursor, const EventFilter &filter,
                                                  std::size_t limit) override;
  Result<std::int64_t> newest_sequence() override { return journal_.tail().sequence; }
  Result<void> walk_chain(ChainWalk &walk, std::size_t limit) override { return journal_.walk(walk, limit); }
  Result<Damage> check_head();
  Result<Damage> check_end() override;
  Result<std::int64_t> last_record(const RequestId &id) override;
  Result<std::string> check_request(const RequestRow &row) override;
  Result<void> put_request(const RequestRow &row) override;
  Result<std::optional<RequestRow>> request(const RequestId &id) override { return requests_.by_id(id); }
  Result<std::optional<RequestRow>> by_idempotency_key(std::string_view tenant, std::string_view key) override;
  Result<std::optional<RequestRow>> live_by_match_key(std::string_view key) override;
  Result<std::vector<RequestRow>> by_action_id(std::string_view tenant, const ActionId &id) override;
  Result<std::vector<RequestRow>> requests(const RequestQuery &query) override { return requests_.list(query); }
  Result<std::vector<RequestRow>> live_on_device(std::string_view tenant, const MachineId &machine) override;
  Result<bool> is_sending_other(std::string_view tenant, const MachineId &machine, const RequestId &id) override;
  Result<std::optional<RequestRow>> newest_sent(std::string_view tenant, const MachineId &machine,
                                                std::string_view operation) override;
  Result<std::int64_t> in_flight(std::string_view tenant) override { return requests_.in_flight(tenant); }
  Result<std::vector<std::string>> tenants_in_flight() override { return requests_.tenants_in_flight(); }
  Result<std::vector<RequestRow>> in_flight_rows(std::string_view tenant, const RequestId &after,
                                                 std::size_t limit) override;
  Result<std::vector<std::string>> working_owners() override { return requests_.working_owners(); }
  Result<std::vector<Change>> changes_after(std::int64_t cursor, std::size_t limit) override;
  Result<std::vector<std::string>> clients() override;
  Result<void> bury(std::string_view client, BootTime now) override;
  Result<Lease> take_lease(std::string_view name, BootTime now, BootTime until) override;
  Result<QuotaAnswer> quota_take(std::string_view key, const QuotaWindows &windows, bool privileged,
                                 BootTime now) override;
  Result<void> quota_end(std::int64_t slot, BootTime ended) override;
  Result<void> quota_cool(std::string_view key, BootTime now, BootTime until) override;
  Result<QuotaUsage> quota_usage(std::string_view key, const QuotaWindows &windows, BootTime now) override;
  Result<void> put_token(std::string_view fingerprint, const TokenRow &token) override;
  Result<std::optional<TokenRow>> get_token(std::string_view fingerprint) override;
  Result<void> erase_token(std::string_view fingerprint) override;
  Result<std::vector<KeyWrap>> key_wraps() override;
  Result<void> put_key_wrap(const KeyWrap &wrap) override;
  Result<void> erase_key_wrap(std::int64_t key_id, std::string_view name) override;
  Result<std::optional<std::string>> get_meta(std::string_view name) override;
  Result<void> put_meta(std::string_view name, std::string_view value) override;
  Result<void> erase_meta(std::string_view name) override;
  std::string archive_problem() override { return archive_problem_; }
  Result<void> compare_tables(TableComparison &so_far, std::size_t limit) override;
  Result<void> sign_journal(UtcTicks now) override;
  ChainLink journal_base() override { return journal_.base(); }
  Result<std::optional<ChainLink>> chain_at(std::int64_t sequence) override { return journal_.link_at(sequence); }
  Result<std::vector<JournalRow>> records_after(std::int64_t sequence, std::size_t limit) override {
    return journal_.rows_after(sequence, limit);
  }

  std::unique_ptr<Database> db_;
  std::unique_ptr<HeadFile> head_;
  Peers &peers_;
  const std::string boot_id_;
  std::string ledger_id_;
  const Keyring &keyring_;
  const std::string wal_path_;
  const std::string directory_path_;
  const Clock &clock_;
  Journal journal_;
  RequestTable requests_;
  QuotaTable quota_;

  Durability durability_ = Durability::Read;
  bool synchronous_full_ = true;
  bool writes_ = false;
  bool savepoint_ = false;
  bool appended_ = false;    // by this client, at any time
  Journal::Tail entered_;    // the journal's end when the closure began
  Journal::Tail committed_;  // and after the last commit
  std::int64_t version_ = -1;
  ino_t wal_ = 0;      // the write-ahead log that this connection has open; 0: not known
  bool alone_ = true;  // no other client was there when this transaction began
  int wal_pages_ = 0;  // as of the last commit that wrote

  nanoseconds retention_{};
  BootTime next_archiving_{};
  std::unique_ptr<Archive> archive_;
  std::string archive_problem_;

  Statement begin_read_, begin_write_, savepoint_sql_, release_, rollback_to_, commit_, version_of_;
  VersionBounds bounds_;
  Statement put_token_, get_token_, erase_token_;
  Statement wraps_, put_wrap_, erase_wrap_;
  Statement get_meta_, put_meta_, erase_meta_;
  Statement clients_, enter_client_, leave_client_;
  Statement lease_, put_lease_, drop_leases_;
};

}  // namespace cordon::ledger
