// The calls of a host that act on devices or read at the service.

#include <fmt/format.h>

#include "plugin/runtime_call.hpp"
#include "response/document.hpp"

namespace cordon::plugin {
namespace {

using response::Outcome;

Answer answer_of(Outcome outcome) {
  return Answer(outcome.status, dump(outcome.document));
}

Result<Answer> answer_of(Result<Outcome> outcome) {
  if (!outcome) return fail(std::move(outcome.error()));
  return answer_of(std::move(*outcome));
}

Result<Json> read_options(std::string_view options_json) {
  if (options_json.data() == nullptr) return Json::object();
  Result<Json> options = parse_json(options_json, "options");
  if (!options) return options;
  if (auto valid = defender::Catalogue::instance().options_schema().validate(*options, "options"); !valid)
    return fail(std::move(valid.error()));
  return options;
}

}  // namespace

Result<Runtime::Prepared> Runtime::prepare(std::string_view name, Json request) {
  Prepared prepared;
  Result<const defender::Operation *> operation = seams_.catalogue.require(name);
  if (!operation) return fail(std::move(operation.error()));
  prepared.operation = *operation;
  Result<Json> checked = prepared.operation->check(request);
  if (!checked) return fail(std::move(checked.error()));
  prepared.request = std::move(*checked);
  Result<response::Options> options = response::Options::parse(prepared.request.value("options", Json(nullptr)));
  if (!options) return fail(std::move(options.error()).at("/options" + options.error().pointer));
  prepared.options = std::move(*options);
  if (prepared.operation->kind == defender::OperationKind::Local) return prepared;
  Result<std::shared_ptr<response::Tenant>> tenant = tenant_of(prepared.options.tenant);
  if (!tenant) return fail(std::move(tenant.error()));
  prepared.tenant = std::move(*tenant);
  if (prepared.operation->is_action())
    if (auto recordable = need_ledger_key(); !recordable) return fail(std::move(recordable.error()));
  return prepared;
}

Result<Json> Runtime::typed_request(std::string_view options_json, Json members) const {
  Result<Json> options = read_options(options_json);
  if (!options) return options;
  if (!options->empty()) members["options"] = std::move(*options);
  return members;
}

Answer Runtime::dry_run(const response::Intent &intent) const {
  Json document = response::new_document(intent, RequestId(), clock_->utc(), UtcTicks());
  document["request_id"] = nullptr;
  document["state"] = nullptr;
  return Answer(Status::DryRun, dump(document));
}

Result<Answer> Runtime::perform(Prepared prepared, std::int32_t timeout_ms) {
  const std::string call_id = prepared.options.call_id;
  if (prepared.operation->kind == defender::OperationKind::Local) return perform_local(prepared, timeout_ms);
  if (prepared.operation->kind == defender::OperationKind::Read) {
    const Work<Outcome> work = [&](loop::Scope &scope) {
      return responder_.read(*prepared.operation, std::move(prepared.request), prepared.tenant, scope);
    };
    return answer_of(run<Outcome>(call_id, timeout_ms, work));
  }
  Result<response::Intent> intent =
      response::Intent::make(*prepared.operation, std::move(prepared.request), prepared.tenant);
  if (!intent) return fail(std::move(intent.error()));
  if (intent->options.dry_run) return dry_run(*intent);
  const Work<Outcome> work = [&](loop::Scope &scope) { return responder_.act(std::move(*intent), scope); };
  return answer_of(run<Outcome>(call_id, timeout_ms, work, true));
}

Result<Answer> Runtime::restrict_code_execution(std::string_view machine_id, std::string_view comment,
                                                std::string_view options_json, std::int32_t timeout_ms) {
  Result<Json> request = typed_request(options_json, Json{{"machine_id", machine_id}, {"comment", comment}});
  if (!request) return fail(std::move(request.error()));
  Result<Prepared> prepared = prepare("restrict_code_execution", std::move(*request));
  if (!prepared) return fail(std::move(prepared.error()));
  return perform(std::move(*prepared), timeout_ms);
}

Result<Answer> Runtime::stop_and_quarantine(std::string_view machine_id, std::string_view sha1,
                                            std::string_view comment, std::string_view options_json,
                                            std::int32_t timeout_ms) {
  Result<Json> request =
      typed_request(options_json, Json{{"machine_id", machine_id}, {"sha1", sha1}, {"comment", comment}});
  if (!request) return fail(std::move(request.error()));
  Result<Prepared> prepared = prepare("stop_and_quarantine", std::move(*request));
  if (!prepared) return fail(std::move(prepared.error()));
  return perform(std::move(*prepared), timeout_ms);
}

Result<Answer> Runtime::call(std::string_view operation, std::string_view request_json, std::int32_t timeout_ms) {
  Result<Json> request = request_json.data() == nullptr ? Json::object() : parse_json(request_json, "request");
  if (!request) return fail(std::move(request.error()));
  Result<Prepared> prepared = prepare(operation, std::move(*request));
  if (!prepared) return fail(std::move(prepared.error()));
  return perform(std::move(*prepared), timeout_ms);
}

Result<Answer> Runtime::submit(std::string_view operation, std::string_view request_json) {
  Result<Json> request = request_json.data() == nullptr ? Json::object() : parse_json(request_json, "request");
  if (!request) return fail(std::move(request.error()));
  Result<Prepared> prepared = prepare(operation, std::move(*request));
  if (!prepared) return fail(std::move(prepared.error()));
  if (!prepared->operation->is_action())
    return fail(Status::InvalidArgument, "only operations that act on a device can be submitted; use cordon_call");
  Result<response::Intent> intent =
      response::Intent::make(*prepared->operation, std::move(prepared->request), prepared->tenant);
  if (!intent) return fail(std::move(intent.error()));
  if (intent->options.dry_run)
    return fail(Error(Status::InvalidArgument, "a dry run has no request id; use cordon_call").at("/options/dry_run"));
  const Work<Outcome> work = [&](loop::Scope &scope) { return responder_.submit(std::move(*intent), scope); };
  Result<Outcome> outcome = run<Outcome>("", -1, work, true);
  if (!outcome) return fail(std::move(outcome.error()));
  return Answer(Status::Ok, text_or(outcome->document, "request_id"));
}

Result<Answer> Runtime::poll_action(std::string_view id, std::string_view options_json, std::int32_t wait_ms) {
  Result<ActionId> parsed = ActionId::parse(id);
  if (!parsed) return fail(Status::InvalidArgument, "the id is not a UUID; give the request_id or the action_id");
  Result<Json> options_document = read_options(options_json);
  if (!options_document) return fail(std::move(options_document.error()));
  Result<response::Options> options = response::Options::parse(*options_document);
  if (!options) return fail(std::move(options.error()));
  std::shared_ptr<response::Tenant> tenant;
  if (Result<std::shared_ptr<response::Tenant>> found = tenant_of(options->tenant))
    tenant = std::move(*found);
  else if (!options->tenant.empty())
    return fail(std::move(found.error()));
  const bool known_now = wait_ms == 0;
  const Work<Outcome> work = [&](loop::Scope &scope) {
    return responder_.poll(parsed->str(), tenant, options->max_age, known_now, scope);
  };
  return answer_of(run<Outcome>(options->call_id, known_now ? -1 : wait_ms, work));
}

Result<void> Runtime::withdraw(std::string_view request_id) {
  Result<RequestId> id = RequestId::parse(request_id);
  if (!id) return fail(std::move(id.error()));
  const Work<bool> work = [this, id = *id](loop::Scope &scope) -> loop::Task<Result<bool>> {
    Result<void> withdrawn = co_await responder_.withdraw(id, scope);
    if (!withdrawn) co_return fail(std::move(withdrawn.error()));
    co_return true;
  };
  Result<bool> done = run<bool>("", -1, work);
  return done ? Result<void>() : Result<void>(fail(std::move(done.error())));
}

Result<void> Runtime::interrupt(std::string_view call_id) {
  const std::string id(call_id);
  const Work<bool> work = [this, id](loop::Scope &) -> loop::Task<Result<bool>> {
    const auto [first, last] = scopes_.equal_range(id);
    if (id.empty() || first == last) co_return fail(Status::NotFound, "no call with this call_id is under way");
    for (auto call = first; call != last; ++call) call->second->cancel(Status::Interrupted);
    co_return true;
  };
  Result<bool> done = run<bool>("", -1, work);
  return done ? Result<void>() : Result<void>(fail(std::move(done.error())));
}

}  // namespace cordon::plugin
