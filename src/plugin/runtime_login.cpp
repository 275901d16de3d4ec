// A person's sign-in for tenants with the credential device_code.

#include <fmt/format.h>

#include "plugin/runtime_call.hpp"

namespace cordon::plugin {
namespace {

using ledger::Durability;
using ledger::Tx;
using response::Outcome;

Result<identity::DeviceCodeSource *> source_of(const response::Tenant &tenant) {
  auto *source = dynamic_cast<identity::DeviceCodeSource *>(&tenant.tokens->source());
  if (source == nullptr)
    return fail(
        Error(Status::InvalidArgument,
              fmt::format("tenant {} needs no sign-in: its credential is not of the kind device_code", tenant.name))
            .at("/options/tenant"));
  return source;
}

}  // namespace

Json Login::document() const {
  const char *state = !ended() ? "waiting" : *result ? "signed_in" : "failed";
  Json out = {{"tenant", tenant->name}, {"state", state}, {"expires_at", code.expires_at.str()}};
  if (!ended()) {
    out["user_code"] = code.user_code;
    out["verification_uri"] = code.verification_uri;
    out["message"] = code.message;
  }
  return out;
}

Result<Answer> Runtime::perform_login(const Prepared &prepared, std::int32_t timeout_ms) {
  Result<std::shared_ptr<response::Tenant>> tenant = tenant_of(prepared.options.tenant);
  if (!tenant) return fail(std::move(tenant.error()));
  if (auto sealed = need_ledger_key(); !sealed) return fail(std::move(sealed.error()));
  const bool begins = prepared.operation->name == "login", wait = bool_or(prepared.request, "wait", false);
  const Work<Outcome> work = [this, &tenant, begins, wait](loop::Scope &scope) {
    return begins ? login(*tenant, scope) : login_status(*tenant, wait, scope);
  };
  Result<Outcome> outcome = run<Outcome>(prepared.options.call_id, timeout_ms, work);
  if (!outcome) return fail(std::move(outcome.error()));
  return Answer(outcome->status, dump(outcome->document));
}

loop::Task<Result<Outcome>> Runtime::login(std::shared_ptr<response::Tenant> tenant, loop::Scope &scope) {
  Result<identity::DeviceCodeSource *> source = source_of(*tenant);
  if (!source) co_return fail(std::move(source.error()));
  if (const auto known = logins_.find(tenant->name); known != logins_.end() && !known->second->ended())
    co_return Outcome(Status::Pending, known->second->document());
  Result<identity::DeviceCode> code = co_await (*source)->begin_login(scope);
  if (!code) co_return fail(std::move(code.error()));
  auto login = std::make_shared<Login>(loop_.scheduler(), tenant, std::move(*code));
  // Whoever was asked for at the same time and came second replaces the first: its code is the one to be shown.
  if (const auto former = logins_.find(tenant->name); former != logins_.end())
    former->second->scope.cancel(Status::Interrupted);
  logins_[tenant->name] = login;
  Json document = login->document();
  loop_.scheduler().spawn(journal_login(tenant->name, document));
  loop_.scheduler().spawn(finish_login(login));
  co_return Outcome(Status::Pending, std::move(document));
}

/// In the background, for as long as the code is good.
loop::Task<void> Runtime::finish_login(std::shared_ptr<Login> login) {
  const loop::Activity::Mark mark(calls_);
  if (ending_) login->scope.cancel(Status::ShuttingDown);
  Result<identity::DeviceCodeSource *> source = source_of(*login->tenant);
  Result<identity::SharedToken> got = co_await (*source)->finish_login(login->code, login->scope);
  if (got) {
    login->tenant->tokens->accept(*got);
    login->result.emplace();
  } else {
    login->result = fail(got.error());
  }
  login->changed.notify_all();
  Json document = login->document();
  if (!got) document["problem"] = got.error().message;
  co_await journal_login(login->tenant->name, std::move(document));
}

loop::Task<void> Runtime::journal_login(std::string tenant, Json document) {
  const ledger::Record record("login", RequestId(), std::move(tenant), std::move(document), clock_->utc());
  const auto append = [&record](Tx &tx) { return tx.append(record); };
  Result<std::int64_t> appended = co_await ledger_->run(Durability::Process, append);
  if (!appended)
    log_->write(LogLevel::Warning, "a sign-in could not be recorded",
                {{"reason", std::string_view(appended.error().message)}});
}

loop::Task<Result<Outcome>> Runtime::login_status(std::shared_ptr<response::Tenant> tenant, bool wait,
                                                  loop::Scope &scope) {
  const auto known = logins_.find(tenant->name);
  if (known == logins_.end())
    co_return fail(Status::NotFound,
                   fmt::format("no sign-in for tenant {} was started by this client; call login", tenant->name));
  const std::shared_ptr<Login> login = known->second;
  while (wait && !login->ended()) {
    Result<void> woken = co_await login->changed.wait(scope);
    if (woken || login->ended()) continue;
    if (scope.reason() == Status::Deadline) break;
    co_return fail(scope.error("waiting for the sign-in"));
  }
  if (!login->ended()) co_return Outcome(Status::Pending, login->document());
  if (!*login->result) co_return fail(login->result->error());
  co_return Outcome(Status::Ok, login->document());
}

}  // namespace cordon::plugin
