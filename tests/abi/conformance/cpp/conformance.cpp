// The conformance program in C++: see ../README.md.
//
//   conformance LIBRARY
#include <cordon/cordon.hpp>
#include <cstddef>
#include <future>
#include <iostream>

namespace {

using cordon::milliseconds;
using cordon::json::Value;

struct Answer {
  std::string status = "CORDON_OK";
  Value result = nullptr;
  Value error = nullptr;
};

std::string text(const Value &step, std::string_view key) {
  const std::string *const found = step[key].text();
  return found == nullptr ? std::string() : *found;
}

milliseconds time(const Value &step, std::string_view key) {
  const std::int64_t *const found = step[key].integer();
  return found == nullptr ? cordon::kDefaultTimeout : milliseconds(*found);
}

class Program {
 public:
  explicit Program(const char *library) : api_(cordon::load(library)) {}

  std::string answer_line(const std::string &line) {
    const Value step = cordon::json::parse(line);
    Answer answer;
    if (step["background"].is_null())
      answer = answer_to(step);
    else if (text(step, "do") == "join")
      answer = waiting_.extract(text(step, "background")).mapped().get();
    else
      answer = start(step);
    Value document = Value::object();
    document.set("status", answer.status);
    document.set("result", answer.result);
    document.set("error", answer.error);
    document.set("step", step["step"]);
    return document.dump();
  }

 private:
  Answer start(const Value &step) {
    waiting_.emplace(text(step, "background"),
                     std::async(std::launch::async, [this, step] { return answer_to(step); }));
    return {"STARTED"};
  }

  Answer answer_to(const Value &step) {
    try {
      return make(text(step, "do"), step);
    } catch (const cordon::Error &error) {
      return {error.name(), nullptr, error_document(error)};
    }
  }

  static Value error_document(const cordon::Error &error) {
    const auto or_null = [](const auto &member) { return member ? Value(*member) : Value(); };
    Value document = Value::object();
    document.set("status", static_cast<std::int64_t>(error.status()));
    document.set("name", error.name());
    document.set("message", error.message());
    document.set("retryable", error.retryable());
    document.set("outcome_unknown", error.outcome_unknown());
    document.set("retry_after_ms", or_null(error.retry_after_ms()));
    document.set("http_status", or_null(error.http_status()));
    document.set("service_code", or_null(error.service_code()));
    document.set("service_correlation_id", or_null(error.service_correlation_id()));
    document.set("request_id", or_null(error.request_id()));
    document.set("action_id", or_null(error.action_id()));
    document.set("pointer", or_null(error.pointer()));
    return document;
  }

  Answer told(const cordon::Outcome &outcome) const {
    return {api_.status_name(static_cast<std::int32_t>(status_of(outcome))), to_json(action_of(outcome))};
  }

  Answer make(const std::string &name, const Value &step) {
    if (name == "version") return {"CORDON_OK", api_.version()};
    if (name == "constants") return {"CORDON_OK", constants()};
    if (name == "layout") return {"CORDON_OK", layout()};
    if (name == "open") {
      clients_.insert_or_assign(text(step, "client"), cordon::Client(step["config"].dump(), api_));
      return {};
    }
    if (name == "free") {
      clients_.erase(text(step, "client"));
      return {};
    }
    cordon::Client &client = clients_.at(text(step, "client"));
    const cordon::Options options = cordon::read_options(step["options"]);
    const milliseconds timeout = time(step, "timeout_ms");
    if (name == "restrict_code_execution")
      return told(client.restrict_code_execution(text(step, "machine_id"), text(step, "comment"), options, timeout));
    if (name == "stop_and_quarantine")
      return told(client.stop_and_quarantine(text(step, "machine_id"), text(step, "sha1"), text(step, "comment"),
                                             options, timeout));
    if (name == "poll_action") return told(client.poll_action(text(step, "id"), time(step, "wait_ms"), options));
    if (name == "call") return call(client, step, timeout);
    return make_other(name, client, step, timeout);
  }

  Answer make_other(const std::string &name, cordon::Client &client, const Value &step, milliseconds timeout) {
    if (name == "submit") return {"CORDON_OK", client.submit(text(step, "operation"), step["request"])};
    if (name == "next_event") return next_event(client, step);
    if (name == "vault_status") return {"CORDON_OK", client.vault_status()};
    if (name == "withdraw")
      client.withdraw(text(step, "request_id"));
    else if (name == "interrupt")
      client.interrupt(text(step, "call_id"));
    else if (name == "secret_set")
      set_secret(client, step);
    else if (name == "secret_remove")
      client.secret_remove(text(step, "name"));
    else if (name == "shutdown")
      client.shutdown(timeout);
    else
      throw std::invalid_argument("no such function: " + name);
    return {};
  }

  Answer call(cordon::Client &client, const Value &step, milliseconds timeout) {
    const std::string operation = text(step, "operation");
    const Value manifest = client.manifest();
    for (const Value &known : *manifest["operations"]["operations"].array())
      if (text(known, "name") == operation && text(known, "kind") != "read" && text(known, "result") == "action")
        return told(client.act(operation, step["request"], timeout));
    return {"CORDON_OK", client.call(operation, step["request"], timeout)};
  }

  static Answer next_event(cordon::Client &client, const Value &step) {
    const std::int64_t *const after = step["options"]["after"].integer();
    const std::string scope = text(step["options"], "scope");
    const auto event = client.next_event(time(step, "wait_ms"), after == nullptr ? std::nullopt : std::optional(*after),
                                         scope.empty() ? "client" : scope);
    return event ? Answer{"CORDON_OK", to_json(*event)} : Answer{"CORDON_NO_EVENT"};
  }

  static void set_secret(cordon::Client &client, const Value &step) {
    std::string value = text(step, "value");
    const cordon::Secret secret(value.data(), value.size());
    if (value.find_first_not_of('\0') != std::string::npos) throw std::logic_error("the secret was not wiped");
    client.secret_set(text(step, "name"), secret);
  }

  static Value constants() {
    Value made = Value::object();
    for (const cordon::StatusName &known : cordon::kStatusNames)
      made.set(known.name, static_cast<std::int64_t>(known.status));
    return made;
  }

  static Value layout() {
    Value made = Value::object();
#define MEMBER(name) made.set(#name, static_cast<std::int64_t>(offsetof(cordon_api_v1, name)));
#include "table_members.h"
#undef MEMBER
    return made;
  }

  const cordon_api_v1 &api_;
  std::map<std::string, cordon::Client> clients_;
  std::map<std::string, std::future<Answer>> waiting_;
};

}  // namespace

int main(int count, char **arguments) try {
  if (count != 2) return 2;
  Program program(arguments[1]);
  for (std::string line; std::getline(std::cin, line);) std::cout << program.answer_line(line) << std::endl;
  return 0;
} catch (const std::exception &problem) {
  std::cerr << "conformance: " << problem.what() << "\n";
  return 1;
}
