#include "cli/interrupt.hpp"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "cli/report.hpp"

namespace cordon::cli {
namespace {

constexpr std::int32_t kShutdownMs = 5000;
constexpr int kStop = SIGUSR1;

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, kStop}) sigaddset(&set, signal);
  return set;
}

}  // namespace

Interrupts::Interrupts() {
  const sigset_t set = watched_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  thread_ = std::thread([this] { run(); });
}

Interrupts::~Interrupts() {
  pthread_kill(thread_.native_handle(), kStop);
  thread_.join();
}

void Interrupts::run() {
  const sigset_t set = watched_signals();
  int signal = 0;
  while (sigwait(&set, &signal) == 0 && signal != kStop) {
    cordon_client *client = client_;
    if (client == nullptr || happened_.exchange(true)) _exit(kExitInterrupted);
    if (cordon_interrupt(client, kCallId, nullptr) != CORDON_OK) cordon_shutdown(client, kShutdownMs, nullptr);
  }
}

}  // namespace cordon::cli
