#include "boundary/clients.hpp"

#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "base/signals.hpp"

namespace cordon::boundary {
namespace {

static_assert(sizeof(std::uintptr_t) == 8, "handles are built as non-canonical 64-bit addresses");

constexpr std::uintptr_t kMixedBits = (std::uintptr_t{1} << 61) - 1;

/// A bijection on 61 bits: different counts stay different.
std::uintptr_t mix(std::uintptr_t count) {
  std::uintptr_t x = (count * 0x9E3779B97F4A7C15u) & kMixedBits;
  x ^= x >> 31;
  return (x * 0xBF58476D1CE4E5B9u) & kMixedBits;
}

std::uintptr_t number(const cordon_client *handle) {
  return reinterpret_cast<std::uintptr_t>(handle);
}

/// How long exit() waits for other threads that are opening a client or ending one: opening may wait for another
/// process.
constexpr std::chrono::seconds kPatienceAtExit{10};

/// exit() ends the libraries that a client's threads are using, so those end first. Registered before the first client,
/// but behind those libraries' own handlers, it runs before them.
void end_with_the_process() noexcept {
  if (forked()) return;
  const WriteSignalsHeld no_signals;
  Clients::instance().end_all();
}

void end_before_the_libraries() {
  static const int at_exit = (plugin::Client::load_libraries(), std::atexit(end_with_the_process));
  (void)at_exit;
}

Error process_ends() {
  return Error(Status::ShuttingDown, "the process is ending; no client can be opened any more");
}

}  // namespace

Clients &Clients::instance() {
  static Clients *clients = new Clients;
  return *clients;
}

Clients::Clients() {
  SystemRandom().fill(&key_, sizeof key_);
}

/// Bit 63 set and bit 62 clear is no address on any 64-bit Linux.
std::uintptr_t Clients::next_handle() {
  const std::lock_guard lock(mutex_);
  return std::uintptr_t{1} << 63 | (mix(++count_) ^ (key_ & kMixedBits)) << 1 | 1;
}

std::shared_ptr<plugin::Client> Clients::client_of(const std::shared_ptr<Occupant> &occupant) {
  return {occupant, occupant->client.get()};
}

class Clients::Passage {
 public:
  explicit Passage(Clients &clients) : clients_(clients) {
    const std::lock_guard lock(clients_.mutex_);
    next_ = std::exchange(clients_.passages_, this);
  }
  ~Passage() {
    const std::lock_guard lock(clients_.mutex_);
    Passage **place = &clients_.passages_;
    while (*place != this) place = &(*place)->next_;
    *place = next_;
    clients_.passed_.notify_all();
  }
  Passage(const Passage &) = delete;
  Passage &operator=(const Passage &) = delete;

 private:
  friend class Clients;
  const ClientAlive alive_;  // a forked child has nobody to wait for
  const std::thread::id thread_ = std::this_thread::get_id();
  Clients &clients_;
  Passage *next_ = nullptr;
};

/// But for those of this thread: a signal handler may call exit() in the middle of one.
bool Clients::others_pass() const {
  for (const Passage *passage = passages_; passage != nullptr; passage = passage->next_)
    if (passage->thread_ != std::this_thread::get_id()) return true;
  return false;
}

Result<cordon_client *> Clients::open(std::string_view config_json) {
  end_before_the_libraries();
  const Passage passage(*this);
  // The map's node is made before the client, so that an opened client cannot be lost for want of memory.
  const std::uintptr_t handle = next_handle();
  Handles entry;
  const auto occupant = entry.emplace(handle, std::make_shared<Occupant>()).first->second;
  if (is_ending()) return fail(process_ends());
  auto client = plugin::Client::open(config_json);
  if (!client) return fail(std::move(client.error()));
  occupant->client = std::move(*client);
  if (enter(entry)) return reinterpret_cast<cordon_client *>(handle);
  (void)occupant->client->shutdown(0);
  return fail(process_ends());
}

bool Clients::is_ending() const {
  const std::lock_guard lock(mutex_);
  return ending_;
}

/// False, and nothing is done, once the process ends.
bool Clients::enter(Handles &entry) {
  const std::lock_guard lock(mutex_);
  if (!ending_) handles_.merge(entry);
  return !ending_;
}

Result<std::shared_ptr<plugin::Client>> Clients::find(const cordon_client *handle) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = handles_.find(number(handle)); found != handles_.end()) return client_of(found->second);
  }
  return fail(Status::InvalidHandle,
              handle == nullptr ? "argument client is NULL; pass the handle that cordon_init gave"
                                : "argument client is no live handle; it was freed, or cordon_init did not make it");
}

void Clients::end(const cordon_client *handle) {
  const Passage passage(*this);
  if (const auto client = remove(handle)) (void)client->shutdown(-1);
}

/// Null if it is no handle any more.
std::shared_ptr<plugin::Client> Clients::remove(const cordon_client *handle) {
  const std::lock_guard lock(mutex_);
  const auto found = handles_.find(number(handle));
  if (found == handles_.end()) return nullptr;
  auto client = client_of(found->second);
  handles_.erase(found);
  return client;
}

void Clients::end_all() noexcept try {
  std::vector<std::shared_ptr<plugin::Client>> living;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    for (const auto &[handle, occupant] : handles_) living.push_back(client_of(occupant));
  }
  for (const auto &client : living) (void)client->shutdown(0);
  std::unique_lock lock(mutex_);
  passed_.wait_for(lock, kPatienceAtExit, [this] { return !others_pass(); });
} catch (...) {  // out of memory: what could not be ended goes with the process
}

}  // namespace cordon::boundary
