#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "base/json.hpp"
#include "emulator/action_book.hpp"
#include "emulator/exchange.hpp"
#include "emulator/fleet.hpp"
#include "emulator/knobs.hpp"
#include "emulator/query_string.hpp"
#include "emulator/seeded_random.hpp"

namespace cordon::emulator {

struct Endpoint;

/// One authorised call of the API, with what its handler may use.
struct Call {
  const Request &request;
  const Endpoint &endpoint;
  std::string argument;  ///< the path's variable part, decoded; empty when there is none
  std::string path;      ///< as called, without the query
  QueryString query;
  std::string requestor;  ///< as actions show the caller
  Fleet &fleet;
  ActionBook &book;
  const Knobs &knobs;
  SeededRandom &random;
  const std::string &origin;  ///< of our own URLs
  UtcTicks now;               ///< service time
};

/// An error of the service (mde-api §10). OData's own layer names no code and no target, and has details.
struct Refusal {
  Refusal(int status_, std::string code_, std::string message_)
      : status(status_), code(std::move(code_)), message(std::move(message_)) {}
  static Refusal odata(std::string_view problem) {
    return {400, "", "The query specified in the URI is not valid. " + std::string(problem)};
  }
  static Refusal no_machine(std::string_view id) {
    return {404, "ResourceNotFound", "Machine " + std::string(id) + " was not found"};
  }

  int status;
  std::string code;
  std::string message;
};

using Answer = tl::expected<Reply, Refusal>;
inline tl::unexpected<Refusal> refuse(Refusal refusal) {
  return tl::unexpected<Refusal>(std::move(refusal));
}
inline tl::unexpected<Refusal> refuse(int status, std::string code, std::string message) {
  return refuse(Refusal(status, std::move(code), std::move(message)));
}

/// `target` is the correlation id.
Reply to_reply(const Refusal &refusal, const std::string &target);

/// A document with its @odata.context. `kind` e.g. "MachineActions/$entity". The host it names is deliberately not the
/// one called (mde-api §1.1).
Reply odata_reply(int status, std::string_view kind, Json document);

// The handlers, by the resource they serve.
Answer submit_action(Call &call);
Answer cancel_action(Call &call);

Answer list_actions(Call &call);
Answer count_actions(Call &call);
Answer get_action(Call &call);
Answer get_package_uri(Call &call);
Answer list_machine_actions(Call &call);

Answer list_machines(Call &call);
Answer count_machines(Call &call);
Answer get_machine(Call &call);
Answer find_machines_by_tag(Call &call);
Answer find_machines_by_ip(Call &call);

Answer get_file(Call &call);
Answer list_file_machines(Call &call);

}  // namespace cordon::emulator
