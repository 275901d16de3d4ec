#pragma once

#include <optional>
#include <string_view>

#include "emulator/service.hpp"

namespace cordon::emulator {

/// What a test asks of the emulator beside the service's own protocol; no token is needed.
///   GET /emulator/counters · GET /emulator/actions · POST /emulator/advance {"seconds"} · POST, DELETE
///   /emulator/faults · GET /emulator/device-codes · POST /emulator/device-codes {"user_code","decision","user"} ·
///   DELETE /emulator/refresh-tokens
class ControlPlane {
 public:
  explicit ControlPlane(Service &service) : service_(service) {}

  /// nullopt for a path outside /emulator/.
  std::optional<Reply> handle(const Request &request);

 private:
  Reply advance(const Request &request);
  Reply arm_fault(const Request &request);
  Reply change_app(const Request &request);
  Reply decide_device_code(const Request &request);

  Service &service_;
};

}  // namespace cordon::emulator
