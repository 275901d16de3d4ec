// The operations of the library itself and events: nothing here goes to the service.

#include <fmt/format.h>

#include "base/schema.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "plugin/runtime_call.hpp"
#include "response/halt.hpp"

namespace cordon::plugin {
namespace {

using ledger::Durability;
using ledger::RequestRow;
using ledger::Tx;
using response::Outcome;

Result<Json> read_event_options(std::string_view options_json) {
  if (options_json.data() == nullptr) return Json::object();
  static const JsonSchema &schema =
      JsonSchema::lasting(Json::parse(R"({"type":"object","additionalProperties":false,"properties":{
    "after":{"type":"integer","minimum":0},"scope":{"type":"string","enum":["client","all"]},
    "call_id":{"type":"string","minLength":1,"maxLength":128}}})"));
  Result<Json> options = parse_json(options_json, "options");
  if (!options) return options;
  if (auto valid = schema.validate(*options, "options"); !valid) return fail(std::move(valid.error()));
  return options;
}

Json error_or_null(const std::optional<Error> &error) {
  if (!error) return nullptr;
  return {{"status", static_cast<std::int32_t>(error->status)},
          {"name", status_name(error->status)},
          {"message", error->message},
          {"pointer", text_or_null(error->pointer)}};
}

/// What health shows of the journal.
struct JournalState {
  JournalState(std::int64_t newest_, std::int64_t archived_through_, std::string archive_problem_)
      : newest(newest_), archived_through(archived_through_), archive_problem(std::move(archive_problem_)) {}
  std::int64_t newest;
  std::int64_t archived_through;
  std::string archive_problem;
};

}  // namespace

Result<Answer> Runtime::perform_local(const Prepared &prepared, std::int32_t timeout_ms) {
  const std::string &name = prepared.operation->name;
  const Json &request = prepared.request;
  if (name == "get_request") return poll_action(text_or(request, "request_id"), {}, 0);
  if (name == "describe_secret") return describe_secret(request);
  if (name == "audit_verify") return audit_verify(prepared, timeout_ms);
  if (name == "ledger_check") return ledger_check(prepared, timeout_ms);
  if (name == "login" || name == "login_status") return perform_login(prepared, timeout_ms);
  Work<Outcome> work;
  if (name == "list_requests") {
    work = [&](loop::Scope &) { return list_requests(request.value("filter", Json::object())); };
  } else if (name == "health") {
    work = [&](loop::Scope &) { return health(); };
  } else if (name == "halt" || name == "resume") {
    Result<std::string> scope = halt_scope(prepared);
    if (!scope) return fail(std::move(scope.error()));
    if (auto recordable = need_ledger_key(); !recordable) return fail(std::move(recordable.error()));
    work = [this, &prepared, &name, scope = *scope](loop::Scope &) {
      std::string reason = text_or(prepared.request, "reason");
      return name == "halt" ? halt(scope, std::move(reason), prepared.options.actor)
                            : resume(scope, std::move(reason), prepared.options.actor);
    };
  } else if (name == "containment_status") {
    Result<std::shared_ptr<response::Tenant>> tenant = tenant_of(prepared.options.tenant);
    if (!tenant) return fail(std::move(tenant.error()));
    work = [this, &request, tenant = *tenant](loop::Scope &scope) {
      return responder_.containment_status(request["machine_ids"].get<std::vector<std::string>>(), tenant, scope);
    };
  } else if (name == "audit_export") {
    if (auto keyed = need_ledger_key(); !keyed) return fail(std::move(keyed.error()));
    work = [&](loop::Scope &) { return audit_export(request); };
  } else if (name == "preflight") {
    work = [&](loop::Scope &scope) { return preflight(request, prepared.options.tenant, scope); };
  } else if (name == "quota") {
    Result<std::shared_ptr<response::Tenant>> tenant = tenant_of(prepared.options.tenant);
    if (!tenant) return fail(std::move(tenant.error()));
    work = [this, tenant = *tenant](loop::Scope &) { return quota_usage(tenant); };
  } else {
    return fail(Status::NotSupported, fmt::format("{} is not offered by this version of the library", name));
  }
  Result<Outcome> outcome = run<Outcome>(prepared.options.call_id, timeout_ms, std::move(work));
  if (!outcome) return fail(std::move(outcome.error()));
  return Answer(outcome->status, dump(outcome->document));
}

loop::Task<Result<Outcome>> Runtime::list_requests(Json filter) {
  ledger::RequestQuery query;
  if (const auto state = ledger::parse_state(text_or(filter, "state"))) query.states = {*state};
  query.tenant = text_or(filter, "tenant");
  query.machine = MachineId::trusted(text_or(filter, "machine_id"));
  if (const auto since = UtcTicks::parse(text_or(filter, "since"))) query.since = *since;
  const Json labels = filter.value("labels", Json::object());
  for (const auto &[label, value] : labels.items()) query.labels.emplace_back(label, value.get<std::string>());
  query.after = RequestId::trusted(text_or(filter, "after_request_id"));
  query.limit = static_cast<std::size_t>(int_or(filter, "top", 1000));
  const auto read = [query](Tx &tx) { return tx.requests(query); };
  Result<std::vector<RequestRow>> rows = co_await ledger_->run(Durability::Read, read);
  if (!rows) co_return fail(std::move(rows.error()));
  Json list = Json::array();
  for (RequestRow &row : *rows) list.push_back(std::move(row.document));
  Json document = {{"requests", std::move(list)}};
  co_return Outcome(Status::Ok, std::move(document));
}

/// The tenant named, or all.
Result<std::string> Runtime::halt_scope(const Prepared &prepared) const {
  if (text_or(prepared.request, "scope", "tenant") == "all") return std::string(response::kHaltOfAll);
  Result<std::shared_ptr<response::Tenant>> tenant = tenant_of(prepared.options.tenant);
  if (!tenant) return fail(std::move(tenant.error()));
  return (*tenant)->name;
}

loop::Task<Result<Outcome>> Runtime::halt(std::string scope, std::string reason, std::string actor) {
  response::Halt halt;
  halt.scope = std::move(scope);
  halt.reason = std::move(reason);
  halt.actor = std::move(actor);
  halt.since = clock_->utc();
  const auto write = [&halt](Tx &tx) { return response::put_halt(tx, halt); };
  Result<void> written = co_await ledger_->run(Durability::Full, write);
  if (!written) co_return fail(std::move(written.error()));
  co_await responder_.recall_halted();
  Json document = {{"halted", halt.document()}};
  co_return Outcome(Status::Ok, std::move(document));
}

loop::Task<Result<Outcome>> Runtime::resume(std::string scope, std::string reason, std::string actor) {
  const UtcTicks now = clock_->utc();
  const auto write = [&](Tx &tx) { return response::lift_halt(tx, scope, reason, actor, now); };
  Result<void> written = co_await ledger_->run(Durability::Full, write);
  if (!written) co_return fail(std::move(written.error()));
  responder_.look_at_others();  // whoever waits here looks again
  Json document = {{"halted", nullptr}};
  co_return Outcome(Status::Ok, std::move(document));
}

loop::Task<Result<Outcome>> Runtime::quota_usage(std::shared_ptr<response::Tenant> tenant) {
  const BootTime now = clock_->now();
  const auto read = [tenant, now](Tx &tx) -> Result<Json> {
    Json classes = Json::object();
    for (const auto &[name, windows] : tenant->quota) {
      Result<ledger::QuotaUsage> usage = tx.quota_usage(tenant->quota_key(name), windows, now);
      if (!usage) return fail(std::move(usage.error()));
      Json entry = {{"windows", Json::array()}, {"open", usage->open}};
      for (const auto &window : usage->windows)
        entry["windows"].push_back({{"limit", window.window.limit},
                                    {"length_ms", window.window.length / milliseconds(1)},
                                    {"used", window.used}});
      entry["next_slot_ms"] = usage->again > now ? (usage->again - now) / milliseconds(1) : 0;
      classes[name] = std::move(entry);
    }
    return classes;
  };
  Result<Json> classes = co_await ledger_->run(Durability::Read, read);
  if (!classes) co_return fail(std::move(classes.error()));
  Json document = {{"tenant", tenant->name}, {"classes", std::move(*classes)}};
  co_return Outcome(Status::Ok, std::move(document));
}

loop::Task<Result<Outcome>> Runtime::health() {
  Json tenants = Json::object();
  const Json vault_status = vault_->status();
  {
    const std::lock_guard lock(mutex_);
    for (const auto &[name, config] : config_.tenants) {
      const auto tenant = tenants_.find(name);
      std::optional<Error> problem = config.broken;
      if (!problem && tenant != tenants_.end()) problem = tenant->second->tokens->last_error();
      if (!problem && tenant != tenants_.end()) problem = tenant->second->tokens->source().problem();
      tenants[name] = {
          {"ok", !problem},
          {"file", text_or_null(config.file)},
          {"cloud", text_or_null(config.cloud.name)},
          {"problem", error_or_null(problem)},
          {"credential", credential_state(config.credential, tenant == tenants_.end() ? nullptr : tenant->second.get(),
                                          vault_status)},
          {"in_flight", 0},
          {"halted", nullptr}};
    }
  }
  Json halted_all = nullptr;
  std::size_t clients = 0;
  const auto read = [&tenants, &halted_all, &clients](Tx &tx) -> Result<JournalState> {
    for (const auto &[name, tenant] : tenants.items()) {
      Result<std::int64_t> in_flight = tx.in_flight(name);
      if (!in_flight) return fail(std::move(in_flight.error()));
      tenant["in_flight"] = *in_flight;
      auto halt = response::halt_named(tx, name);
      if (!halt) return fail(std::move(halt.error()));
      if (*halt) tenant["halted"] = (*halt)->document();
    }
    auto halt = response::halt_named(tx, response::kHaltOfAll);
    if (!halt) return fail(std::move(halt.error()));
    if (*halt) halted_all = (*halt)->document();
    auto here = tx.clients();
    if (!here) return fail(std::move(here.error()));
    clients = here->size();
    return tx.newest_sequence().map(
        [&](std::int64_t newest) { return JournalState(newest, tx.journal_base().sequence, tx.archive_problem()); });
  };
  Result<JournalState> journal = co_await ledger_->run(Durability::Read, read);
  Json document = {{"version", kVersion},
                   {"vault", vault_status},
                   {"ledger",
                    {{"ok", journal.has_value() && ledger_->damage().empty()},
                     {"has_key", ledger_->has_key()},
                     {"key_in_file", ledger_->key_is_in_file()},
                     {"newest_record", journal ? journal->newest : 0},
                     {"archived_through", journal ? journal->archived_through : 0},
                     {"archive_problem", journal ? text_or_null(journal->archive_problem) : Json(nullptr)},
                     {"public_key", text_or_null(hex_encode(ledger_->public_key()))},
                     {"clients", clients},
                     {"hears_others", bell_ && bell_->listening()},
                     {"problem", journal ? text_or_null(ledger_->damage()) : Json(journal.error().message)}}},
                   {"halted", std::move(halted_all)},
                   {"memory_locked", SecureMemory::instance().locked()},
                   {"tenants", std::move(tenants)}};
  co_return Outcome(Status::Ok, std::move(document));
}

Result<Answer> Runtime::next_event(std::string_view options_json, std::int32_t wait_ms) {
  Result<Json> options = read_event_options(options_json);
  if (!options) return fail(std::move(options.error()));
  std::optional<std::int64_t> after;
  if (options->contains("after")) after = int_or(*options, "after", 0);
  const bool own_only = text_or(*options, "scope", "client") == "client";
  const bool wait = wait_ms != 0;
  const Work<std::optional<Json>> work = [&](loop::Scope &scope) { return events_.next(after, own_only, wait, scope); };
  Result<std::optional<Json>> event = run<std::optional<Json>>(text_or(*options, "call_id"), wait ? wait_ms : -1, work);
  if (!event) return fail(std::move(event.error()));
  if (!*event) return Answer(Status::NoEvent, {});
  return Answer(Status::Ok, dump(**event));
}

Result<int> Runtime::event_fd() {
  const Work<int> work = [this](loop::Scope &) -> loop::Task<Result<int>> { co_return events_.descriptor(); };
  return run<int>("", -1, work);
}

}  // namespace cordon::plugin
