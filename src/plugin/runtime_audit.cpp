// The audit: what the journal holds, and whether it is what was written.

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "plugin/ocsf.hpp"
#include "plugin/runtime_call.hpp"

namespace cordon::plugin {
namespace {

using ledger::ChainLink;
using ledger::Durability;
using ledger::JournalRow;
using ledger::Tx;
using response::Outcome;

/// What an export asks for.
struct Page {
  explicit Page(const Json &request)
      : after(int_or(request, "after", 0)),
        until(int_or(request, "until", INT64_MAX)),
        top(static_cast<std::size_t>(int_or(request, "top", 1000))) {}
  std::int64_t after;
  std::int64_t until;
  std::size_t top;
};

/// What the journal has for it.
struct Found {
  Found() = default;
  std::string ledger_id;
  ChainLink base;  ///< the records follow it
  std::vector<JournalRow> rows;
  bool more = false;
};

Json json_of(const ChainLink &link) {
  return {{"sequence", link.sequence}, {"digest", hex_encode(link.digest)}};
}

Json json_of(const JournalRow &row) {
  return {{"sequence", row.sequence}, {"ticks", row.at},           {"at", UtcTicks::from_unix_ticks(row.at).str()},
          {"kind", row.kind},         {"request_id", row.request}, {"tenant", row.tenant},
          {"owner", row.owner},       {"body", row.body},          {"key_id", row.key_id}};
}

Result<Found> read_page(Tx &tx, const Page &page, UtcTicks now) {
  // Whoever asks for everything gets an export that is signed to its end.
  if (page.until == INT64_MAX)
    if (auto signed_now = tx.sign_journal(now); !signed_now) return fail(std::move(signed_now.error()));
  Found found;
  auto id = tx.get_meta("ledger_id");
  if (!id) return fail(std::move(id.error()));
  found.ledger_id = id->value_or("");
  const std::int64_t archived = tx.journal_base().sequence;
  // Going on behind a record that has been archived meanwhile would leave a gap that nobody sees.
  if (page.after != 0 && page.after < archived)
    return fail(
        Error(Status::InvalidArgument,
              fmt::format("request at /after: records up to {} have been moved to the archive of the state_dir; "
                          "read them there, and go on with after: {}",
                          archived, archived))
            .at("/after"));
  // Whoever names records and gets none of them would take it that there are none.
  if (page.after < page.until && page.until <= archived)
    return fail(
        Error(Status::InvalidArgument,
              fmt::format("request at /until: records up to {} have been moved to the archive of the state_dir; "
                          "read them there",
                          archived))
            .at("/until"));
  const std::int64_t after = std::max(page.after, archived);
  auto base = tx.chain_at(after);
  if (!base) return fail(std::move(base.error()));
  if (!*base)
    return fail(
        Error(Status::InvalidArgument, "request at /after: the journal has no record of this number").at("/after"));
  found.base = std::move(**base);
  auto rows = tx.records_after(after, page.top + 1);
  if (!rows) return fail(std::move(rows.error()));
  found.more = rows->size() > page.top;
  if (found.more) rows->pop_back();
  while (!rows->empty() && rows->back().sequence > page.until) {
    rows->pop_back();
    found.more = false;
  }
  found.rows = std::move(*rows);
  return found;
}

Result<Json> archives_as_json(const ledger::Ledger &ledger, const ChainLink &journal_base) {
  Result<std::vector<ledger::ArchiveReport>> reports = ledger.check_archives(journal_base);
  if (!reports) return fail(std::move(reports.error()));
  Json list = Json::array();
  for (const ledger::ArchiveReport &report : *reports)
    list.push_back({{"file", report.file},
                    {"intact", report.damage.empty()},
                    {"first_record", report.base.sequence + 1},
                    {"last_record", report.end.sequence},
                    {"damage", text_or_null(report.damage)}});
  return list;
}

bool all_intact(const Json &archives) {
  return std::all_of(archives.begin(), archives.end(), [](const Json &archive) { return archive["intact"] == true; });
}

struct Checked {
  Checked() = default;
  ledger::ChainReport chain;
  ledger::TableComparison tables;
};

}  // namespace

Result<Answer> Runtime::audit_verify(const Prepared &prepared, std::int32_t timeout_ms) {
  if (auto keyed = need_ledger_key(); !keyed) return fail(std::move(keyed.error()));
  const std::int64_t after = int_or(prepared.request, "after", 0);
  const Work<ledger::ChainReport> walk = [this, after](loop::Scope &scope) { return ledger_->verify(scope, after); };
  Result<ledger::ChainReport> report = run<ledger::ChainReport>(prepared.options.call_id, timeout_ms, walk);
  if (!report) return fail(std::move(report.error()));
  // The archives are read on the host's own thread: nobody else has to wait for that.
  Result<Json> archives = after == 0 ? archives_as_json(*ledger_, report->base) : Json::array();
  if (!archives) return fail(std::move(archives.error()));
  Json document = {{"intact", report->intact() && all_intact(*archives)},
                   {"records", report->records},
                   {"first_record", report->base.sequence + 1},
                   {"last_record", report->last},
                   {"checkpoints", report->checkpoints},
                   {"signed_through", report->signed_through},
                   {"public_key", hex_encode(ledger_->public_key())},
                   {"damage", text_or_null(report->damage)},
                   {"first_bad_record", report->first_bad == 0 ? Json(nullptr) : Json(report->first_bad)},
                   {"archives", std::move(*archives)}};
  return Answer(Status::Ok, dump(document));
}

Result<Answer> Runtime::ledger_check(const Prepared &prepared, std::int32_t timeout_ms) {
  if (auto keyed = need_ledger_key(); !keyed) return fail(std::move(keyed.error()));
  Result<std::vector<std::string>> storage = ledger_->check_storage();
  if (!storage) return fail(std::move(storage.error()));
  const Work<Checked> check = [this](loop::Scope &scope) -> loop::Task<Result<Checked>> {
    Checked checked;
    Result<ledger::ChainReport> chain = co_await ledger_->verify(scope);
    if (!chain) co_return fail(std::move(chain.error()));
    checked.chain = std::move(*chain);
    Result<ledger::TableComparison> tables = co_await ledger_->compare_tables(scope);
    if (!tables) co_return fail(std::move(tables.error()));
    checked.tables = std::move(*tables);
    co_return checked;
  };
  Result<Checked> checked = run<Checked>(prepared.options.call_id, timeout_ms, check);
  if (!checked) return fail(std::move(checked.error()));
  const auto &[chain, tables] = *checked;
  Json document = {{"intact", chain.intact() && tables.differences.empty() && storage->empty()},
                   {"records", chain.records},
                   {"requests", tables.requests},
                   {"damage", text_or_null(chain.damage)},
                   {"differences", tables.differences},
                   {"storage", *storage}};
  return Answer(Status::Ok, dump(document));
}

loop::Task<Result<Outcome>> Runtime::audit_export(Json request) {
  const Page page(request);
  const UtcTicks now = clock_->utc();
  const auto read = [page, now](Tx &tx) { return read_page(tx, page, now); };
  Result<Found> found = co_await ledger_->run(Durability::Process, read);
  if (!found) co_return fail(std::move(found.error()));
  const bool ocsf = text_or(request, "format") == "ocsf";
  Json records = Json::array();
  for (const JournalRow &row : found->rows)
    records.push_back(ocsf ? ocsf_event(row, found->ledger_id, seams_.catalogue) : json_of(row));
  Json document = {{"format", ocsf ? "ocsf" : "records"},
                   {"ledger_id", found->ledger_id},
                   {"public_key", hex_encode(ledger_->public_key())},
                   {"base", json_of(found->base)},
                   {ocsf ? "events" : "records", std::move(records)},
                   {"next_after", found->rows.empty() ? found->base.sequence : found->rows.back().sequence},
                   {"more", found->more}};
  co_return Outcome(Status::Ok, std::move(document));
}

}  // namespace cordon::plugin
