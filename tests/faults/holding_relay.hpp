#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>

#include "support/tls_server.hpp"

namespace cordon::test {

/// A TLS server in front of another, which it asks for every answer. It reads each request as a whole before it passes
/// it on, and each answer as a whole before it gives it back, so that a client can be caught between the two.
class HoldingRelay {
 public:
  enum class Stage {
    Request,  ///< read from the client, not yet passed on
    Answer    ///< the service has answered, and the client has not heard of it
  };

  /// `upstream` e.g. "https://127.0.0.1:8443", whose certificate `upstream_ca` vouches for.
  HoldingRelay(Identity identity, std::string upstream, std::string upstream_ca);
  ~HoldingRelay();
  HoldingRelay(const HoldingRelay &) = delete;
  HoldingRelay &operator=(const HoldingRelay &) = delete;

  std::string origin() const { return "https://localhost:" + std::to_string(server_.port()); }

  /// The first POST for this device is held there; at most one call for a device.
  void hold(const std::string &machine, Stage stage);
  /// False when that has not come to be within a minute.
  bool wait_until_held(const std::string &machine);
  /// `pass_on` false: what is held is thrown away and the connection closed.
  void let_go(const std::string &machine, bool pass_on);

  /// POSTs for this device: read from the wire, and passed on.
  long posts(const std::string &machine) const;
  long passed_on(const std::string &machine) const;

 private:
  struct Hold {
    Stage stage;
    bool held = false;
    bool let_go = false;
    bool pass_on = true;
  };
  struct Count {
    long read = 0, passed_on = 0;
  };
  void serve(TlsServer::Connection &connection);
  bool may_pass(const std::string &machine, Stage stage);
  void count(const std::string &machine, long Count::*which);
  long counted(const std::string &machine, long Count::*which) const;

  std::string upstream_;
  std::string upstream_ca_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  std::map<std::string, Hold> holds_;
  std::map<std::string, Count> counts_;
  TlsServer server_;  // last: its threads use the rest
};

}  // namespace cordon::test
