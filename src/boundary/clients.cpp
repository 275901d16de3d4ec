#include "boundary/clients.hpp"

#include <cstdlib>
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

/// exit() ends the libraries that a client's threads are using, so those end first. Registered behind the first client,
/// hence behind those libraries' own handlers, it runs before them.
void end_with_the_process() noexcept {
  if (forked()) return;
  const WriteSignalsHeld no_signals;
  Clients::instance().end_all();
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

Result<cordon_client *> Clients::open(std::string_view config_json) {
  // The map's node is made before the client, so that an opened client cannot be lost for want of memory.
  const std::uintptr_t handle = next_handle();
  Handles entry;
  const auto occupant = entry.emplace(handle, std::make_shared<Occupant>()).first->second;
  auto client = plugin::Client::open(config_json);
  if (!client) return fail(std::move(client.error()));
  occupant->client = std::move(*client);
  static const int at_exit = std::atexit(end_with_the_process);
  (void)at_exit;
  const std::lock_guard lock(mutex_);
  handles_.merge(entry);
  return reinterpret_cast<cordon_client *>(handle);
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
    for (const auto &[handle, occupant] : handles_) living.push_back(client_of(occupant));
  }
  for (const auto &client : living) (void)client->shutdown(0);
} catch (...) {  // out of memory: what could not be ended goes with the process
}

}  // namespace cordon::boundary
