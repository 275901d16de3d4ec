#pragma once

#include <memory>
#include <string>

#include "emulator/service.hpp"
#include "http/transport.hpp"
#include "loop/wait.hpp"
#include "timeline.hpp"
#include "trace.hpp"
#include "witness.hpp"

namespace cordon::simulation {

class Process;

/// The way between the processes and the service, with its delays and losses. What has left arrives, whatever becomes
/// of the sender meanwhile.
class Network {
 public:
  Network(Timeline &timeline, emulator::Service &service, Witness &witness, Trace &trace, std::uint64_t seed)
      : timeline_(timeline), service_(service), witness_(witness), trace_(trace), chance_(seed) {}

  /// How often something goes wrong on the way, from 0 to 1.
  void set_trouble(double share) { trouble_ = share; }
  std::uint64_t faults() const { return faults_; }
  /// The next requests meet so many faults.
  void owe(std::uint64_t faults) { owed_ = faults; }

  /// One request on its way.
  struct Flight {
    explicit Flight(loop::Scheduler &scheduler) : over(scheduler) {}
    emulator::Request request;
    std::weak_ptr<Process> sender;
    bool posts = false;
    std::string marker;  ///< of an acting POST
    int wish = -1;
    bool closed = false;  ///< the sender does not listen any more
    loop::Event over;     ///< answered, or broken off
    std::optional<emulator::Reply> reply;
  };
  /// What will happen to a request, decided before it leaves.
  struct Weather {
    Weather() = default;
    nanoseconds connecting{0};
    bool refused = false;
    nanoseconds there{0};
    bool lost = false;       ///< never arrives, and nobody says so
    bool throttled = false;  ///< 429 by a gateway
    bool reset = false;      ///< the answer is lost with the connection
    bool truncated = false;  ///< the answer ends early, and nobody says so
    nanoseconds back{0};
  };
  Weather weather();
  void depart(const std::shared_ptr<Flight> &flight, const Weather &weather);

 private:
  void arrive(const std::shared_ptr<Flight> &flight, const Weather &weather);
  emulator::Reply handle(const Flight &flight);
  std::vector<std::size_t> sizes() const;
  const emulator::MachineAction *to_be_cancelled(const std::string &target) const;
  void deliver(const std::shared_ptr<Flight> &flight);

  Timeline &timeline_;
  emulator::Service &service_;
  Witness &witness_;
  Trace &trace_;
  emulator::SeededRandom chance_;
  double trouble_ = 0;
  std::uint64_t faults_ = 0;
  std::uint64_t owed_ = 0;
};

/// A process's end of the network.
class Wire final : public http::Transport {
 public:
  Wire(Network &network, Witness &witness, Process &process)
      : network_(network), witness_(witness), process_(process) {}
  loop::Task<http::Exchange> send(const http::Request &request, loop::Scope &scope) override;

 private:
  Network &network_;
  Witness &witness_;
  Process &process_;
};

}  // namespace cordon::simulation
