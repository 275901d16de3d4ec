#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "http/transport.hpp"
#include "loop/wait.hpp"

namespace cordon::test {

/// How the service treats the next POST; by default it is accepted at once and answered after 10 ms.
struct PostStep {
  PostStep() = default;
  bool connects = true;
  bool applies = true;  ///< an action is made and listed
  bool answers = true;  ///< false: the connection is lost instead
  bool echoes = true;   ///< comment and external id come back
  int status = 201;     ///< other than 201: an error of the service, nothing is made
  std::string code;     ///< the error's code
  nanoseconds connecting{0};
  nanoseconds answering = milliseconds(10);
};

/// The service as the response layer of every process sees it: takes POSTs by a script, lists what was made. On the
/// virtual clock.
class FakeService final : public http::Transport {
 public:
  explicit FakeService(const Clock &clock) : clock_(clock) {}

  /// One POST that left.
  struct Post {
    std::string machine;
    Json body;
    BootTime at;
  };

  loop::Task<http::Exchange> send(const http::Request &request, loop::Scope &scope) override {
    http::Exchange exchange;
    if (request.method == http::Method::Get) {
      ++reads;
      exchange.sent = true;
      exchange.response.emplace();
      const bool unknown = request.url.find("/machineactions/") != std::string::npos && find(request.url) == nullptr;
      exchange.response->status = !lists ? 503 : unknown ? 404 : 200;
      if (lists) exchange.response->body = unknown ? error_of("ResourceNotFound") : document_of(request.url);
      exchange.ended = clock_.now();
      co_return exchange;
    }
    const PostStep step = next_step();
    const BootTime connected = clock_.now() + step.connecting;
    Result<void> connecting = co_await loop::sleep_until(connected, scope);
    exchange.ended = clock_.now();
    const bool ended = !connecting || scope.reason();
    if (ended || !step.connects) {
      exchange.error =
          ended ? scope.error("connecting to the service") : Error(Status::Network, "connection refused").retry();
      co_return exchange;
    }
    if (request.departing) request.departing();
    exchange.sent = true;
    const std::string machine = machine_of(request.url);
    posts.push_back({machine, Json::parse(request.body), clock_.now()});
    targets.push_back(request.url);
    most_at_once_ = std::max(most_at_once_, ++open_[machine]);
    const Json action = step.status != 201 || !step.applies ? Json() : make_action(machine, type_of(request.url), step);
    const BootTime answered = clock_.now() + step.answering;
    Result<void> answering = co_await loop::sleep_until(answered, scope);
    --open_[machine];
    exchange.ended = clock_.now();
    if (!answering || !step.answers) {
      exchange.error = answering ? Error(Status::Network, "connection lost").retry() : answering.error();
      co_return exchange;
    }
    exchange.response.emplace();
    exchange.response->status = step.status;
    exchange.response->body = step.status == 201 ? action.dump() : error_of(step.code);
    co_return exchange;
  }

  /// The most POSTs that one device ever had under way.
  int most_at_once() const { return most_at_once_; }
  void finish_all(const char *status) {
    for (Json &action : actions) {
      action["status"] = status;
      action["lastUpdateDateTimeUtc"] = clock_.utc().str();
    }
  }

  /// What somebody else did, by hand.
  void add_foreign(const std::string &machine, const char *type, const std::string &requestor) {
    posts.push_back({machine, Json{{"Comment", "by hand"}, {"ExternalId", nullptr}}, clock_.now()});
    make_action(machine, type, PostStep());
    actions.back()["requestor"] = requestor;
    posts.pop_back();
  }

  std::deque<PostStep> script;
  std::vector<Post> posts;
  std::vector<std::string> targets;  ///< the POSTs' URLs
  std::vector<Json> actions;
  int reads = 0;
  bool lists = true;          ///< false: whatever is read is answered with 503
  std::size_t page_rows = 0;  ///< a list is cut there, and a link leads on; 0: never

 private:
  PostStep next_step() {
    if (script.empty()) return PostStep();
    const PostStep step = script.front();
    script.pop_front();
    return step;
  }
  static std::string machine_of(const std::string &url) {
    const std::size_t found = url.find("/machines/");
    if (found == std::string::npos) return "";
    const std::size_t at = found + 10;
    return url.substr(at, url.find('/', at) - at);
  }
  static const char *type_of(const std::string &url) {
    static const std::map<std::string, const char *> types = {{"isolate", "Isolate"},
                                                              {"unisolate", "Unisolate"},
                                                              {"restrictCodeExecution", "RestrictCodeExecution"},
                                                              {"unrestrictCodeExecution", "UnrestrictCodeExecution"},
                                                              {"runAntiVirusScan", "RunAntiVirusScan"},
                                                              {"cancel", ""}};
    return types.at(url.substr(url.rfind('/') + 1));
  }
  Json make_action(const std::string &machine, const char *type, const PostStep &step) {
    if (*type == '\0') return actions.front();  // a cancel answers with the action it names
    const Json &body = posts.back().body;
    const std::string now = clock_.utc().str();
    std::string id = std::to_string(actions.size() + 1);
    id = "00000000-0000-4000-8000-" + std::string(12 - id.size(), '0') + id;
    const Json action = {{"id", id},
                         {"type", type},
                         {"status", "Pending"},
                         {"machineId", machine},
                         {"requestorComment", step.echoes ? body["Comment"] : Json(nullptr)},
                         {"externalId", step.echoes ? body["ExternalId"] : Json(nullptr)},
                         {"creationDateTimeUtc", now},
                         {"lastUpdateDateTimeUtc", now}};
    actions.push_back(action);
    return action;
  }
  /// The time that an update has to have; all times have the same form here.
  static std::string since_of(const std::string &url) {
    constexpr std::string_view kFilter = "lastUpdateDateTimeUtc%20ge%20";
    const std::size_t at = url.find(kFilter);
    if (at == std::string::npos) return "";
    std::string time = url.substr(at + kFilter.size(), 100);
    for (std::size_t colon = 0; (colon = time.find("%3A")) != std::string::npos;) time.replace(colon, 3, ":");
    return time.substr(0, UtcTicks().str().size());
  }
  static std::size_t skip_of(const std::string &url) {
    constexpr std::string_view kSkip = "$skip=";
    const std::size_t at = url.find(kSkip);
    return at == std::string::npos ? 0 : std::stoul(url.substr(at + kSkip.size()));
  }
  static std::string error_of(const std::string &code) {
    return Json{{"error", {{"code", code}, {"message", "no"}}}}.dump();
  }
  /// The action that is read by its id.
  const Json *find(const std::string &url) const {
    for (const Json &action : actions)
      if (url.ends_with("/machineactions/" + action["id"].get<std::string>())) return &action;
    return nullptr;
  }
  std::string document_of(const std::string &url) const {
    if (const Json *action = find(url)) return action->dump();
    Json rows = Json::array();
    for (const Json &action : actions)
      if ((url.find("machineId") == std::string::npos || url.find(action["machineId"]) != std::string::npos) &&
          action["lastUpdateDateTimeUtc"] >= since_of(url))
        rows.push_back(action);
    if (page_rows == 0) return Json{{"value", rows}}.dump();
    const std::size_t skip = skip_of(url);
    Json page = {{"value", Json::array()}};
    for (std::size_t i = skip; i < std::min(rows.size(), skip + page_rows); ++i) page["value"].push_back(rows[i]);
    if (skip + page_rows < rows.size()) page["@odata.nextLink"] = "https://elsewhere.example/next";
    return page.dump();
  }

  const Clock &clock_;
  std::map<std::string, int> open_;
  int most_at_once_ = 0;
};

}  // namespace cordon::test
