#include "response/halt.hpp"

#include <fmt/format.h>

namespace cordon::response {
namespace {

std::string meta_name(std::string_view scope) {
  return fmt::format("halt/{}", scope);
}

Result<void> record(ledger::Tx &tx, const char *kind, const std::string &scope, Json body, UtcTicks now) {
  const std::string tenant = scope == kHaltOfAll ? "" : scope;
  auto appended = tx.append(ledger::Record(kind, RequestId(), tenant, std::move(body), now));
  if (!appended) return fail(std::move(appended.error()));
  return {};
}

}  // namespace

Json Halt::document() const {
  return {{"scope", scope == kHaltOfAll ? "all" : "tenant"},
          {"tenant", scope == kHaltOfAll ? Json(nullptr) : Json(scope)},
          {"reason", reason},
          {"actor", text_or_null(actor)},
          {"since", since.str()}};
}

Result<std::optional<Halt>> halt_named(ledger::Tx &tx, std::string_view scope) {
  Result<std::optional<std::string>> text = tx.get_meta(meta_name(scope));
  if (!text) return fail(std::move(text.error()));
  if (!*text) return std::nullopt;
  const Json known = parse_stored(**text);
  Halt halt;
  halt.scope = scope;
  halt.reason = text_or(known, "reason", "its reason can't be read");
  halt.actor = text_or(known, "actor");
  halt.since = UtcTicks::parse(text_or(known, "since")).value_or(UtcTicks());
  return halt;
}

Result<std::optional<Halt>> halt_of(ledger::Tx &tx, std::string_view tenant) {
  auto own = halt_named(tx, tenant);
  if (!own || *own) return own;
  return halt_named(tx, kHaltOfAll);
}

Result<void> put_halt(ledger::Tx &tx, const Halt &halt) {
  const std::string name = meta_name(halt.scope);
  const std::string text = dump(halt.document());
  if (auto put = tx.put_meta(name, text); !put) return put;
  return record(tx, "halt", halt.scope, halt.document(), halt.since);
}

Result<void> lift_halt(ledger::Tx &tx, const std::string &scope, std::string_view reason, std::string_view actor,
                       UtcTicks now) {
  auto known = halt_named(tx, scope);
  if (!known) return fail(std::move(known.error()));
  if (!*known) return {};
  if (auto erased = tx.erase_meta(meta_name(scope)); !erased) return erased;
  Json body = (*known)->document();
  body["lifted"] = {{"reason", text_or_null(std::string(reason))}, {"actor", text_or_null(std::string(actor))}};
  return record(tx, "resume", scope, std::move(body), now);
}

Error halted(std::string_view reason) {
  Error error(Status::Halted,
              fmt::format("sending is halted ({}); whoever is in charge lifts that with the operation resume", reason));
  error.retryable = true;
  return error;
}

}  // namespace cordon::response
