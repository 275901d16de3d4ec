#include "emulator/call.hpp"

namespace cordon::emulator {

Reply to_reply(const Refusal &refusal, const std::string &target) {
  Json error = {{"code", refusal.code}, {"message", refusal.message}};
  if (refusal.code.empty())
    error["details"] = Json::array();
  else
    error["target"] = target;
  return Reply{.status = refusal.status, .body = dump(Json{{"error", std::move(error)}})};
}

Reply odata_reply(int status, std::string_view kind, Json document) {
  document["@odata.context"] = "https://api-us3.securitycenter.microsoft.com/api/$metadata#" + std::string(kind);
  return Reply{.status = status, .body = dump(document)};
}

}  // namespace cordon::emulator
