#include "base/fork.hpp"

#include <pthread.h>

#include <atomic>
#include <new>
#include <stdexcept>

namespace cordon {
namespace {

constexpr int kMaxHooks = 8;

std::atomic<bool> g_forked{false};
std::atomic<int> g_alive{0};
std::atomic<bool> g_installed{false};
std::atomic<void (*)()> g_hooks[kMaxHooks];

void in_child() noexcept {
  if (g_alive.load() == 0) return;
  g_forked.store(true);
  for (const auto &slot : g_hooks)
    if (const auto hook = slot.load()) hook();
}

/// Installed twice when two threads race for the first client, which is harmless: a lock here could be held at a fork.
void install_handler() {
  if (g_installed.load()) return;
  if (pthread_atfork(nullptr, nullptr, in_child) != 0) throw std::bad_alloc();
  g_installed.store(true);
}

}  // namespace

bool forked() noexcept {
  return g_forked.load(std::memory_order_relaxed);
}

ClientAlive::ClientAlive() {
  install_handler();
  ++g_alive;
}

ClientAlive::~ClientAlive() {
  --g_alive;
}

void register_fork_child_hook(void (*hook)()) {
  for (auto &slot : g_hooks) {
    void (*none)() = nullptr;
    if (slot.compare_exchange_strong(none, hook) || none == hook) return;
  }
  throw std::length_error("too many fork hooks");
}

}  // namespace cordon
