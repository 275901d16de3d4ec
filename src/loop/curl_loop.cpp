#include "loop/curl_loop.hpp"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "base/open_file.hpp"
#include "base/signals.hpp"
#include "loop/wakeup_pair.hpp"

namespace cordon::loop {
namespace {

/// Requests wait for a free connection beyond this; enough for every request that a quota window admits at once.
constexpr long kConnectionsPerHost = 64;
constexpr long kIdleConnections = 64;
/// The longest sleep: poll() does not count time in suspend, so a timer may be late by this much after it.
constexpr std::chrono::milliseconds kLongestSleep = std::chrono::minutes(1);

CURLM *open_multi() {
  CurlLoop::load_libraries();
  const StandardDescriptorsHeld held;
  const int first = lowest_free_descriptor();
  CURLM *multi = curl_multi_init();
  if (multi == nullptr) throw std::bad_alloc();
  close_wakeup_pair_on_exec(multi, first);
  curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, kConnectionsPerHost);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, kIdleConnections);
  return multi;
}

int poll_timeout_ms(std::optional<BootTime> next, BootTime now) {
  if (!next) return static_cast<int>(kLongestSleep.count());
  const auto left = std::chrono::ceil<milliseconds>(*next - now);
  return static_cast<int>(std::clamp(left, milliseconds(0), kLongestSleep).count());
}

}  // namespace

void CurlLoop::MultiClose::operator()(CURLM *multi) const {
  // Closing idle connections, libcurl sets SIGPIPE aside for the whole process for a moment, CURLOPT_NOSIGNAL or not.
  // Two at once would save and restore each other's setting and leave the host's lost.
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  curl_multi_cleanup(multi);
}

CurlLoop::Bell::Bell() {
  const StandardDescriptorsHeld held;
  fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

CurlLoop::Bell::~Bell() {
  ::close(fd_);
}

void CurlLoop::Bell::ring() const noexcept {
  eventfd_write(fd_, 1);
}

void CurlLoop::Bell::silence() const noexcept {
  eventfd_t rung = 0;
  eventfd_read(fd_, &rung);
}

void CurlLoop::load_libraries() {
  const StandardDescriptorsHeld held;
  // Once, but again after it has failed, which is for want of memory.
  [[maybe_unused]] static const bool begun = [] {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) throw std::bad_alloc();
    return true;
  }();
}

CurlLoop::CurlLoop(const Clock &clock) : multi_(open_multi()), scheduler_(clock) {
  scheduler_.set_wake([this] { wake(); });
}

CurlLoop::~CurlLoop() {
  stop();
}

void CurlLoop::set_on_exception(std::function<void(std::exception_ptr)> handler) {
  on_exception_ = handler;
  scheduler_.set_on_exception(std::move(handler));
}

void CurlLoop::start() {
  if (stopping_ || thread_.joinable()) return;
  const SignalsBlocked blocked;
  thread_ = std::thread([this] { run(); });
}

void CurlLoop::stop() {
  if (stopping_.exchange(true)) return;
  if (thread_.joinable()) {
    wake();
    thread_.join();
  } else {
    close();
  }
}

void CurlLoop::add(CURL *easy, std::function<void(CURLcode)> done) {
  sockets_.open_for(easy);
  transfers_[easy] = std::move(done);
  if (curl_multi_add_handle(multi_.get(), easy) != CURLM_OK) {
    transfers_.erase(easy);
    throw std::bad_alloc();
  }
}

void CurlLoop::remove(CURL *easy) {
  if (transfers_.erase(easy) != 0) curl_multi_remove_handle(multi_.get(), easy);
}

void CurlLoop::watch(int fd, std::function<void()> readable) {
  watched_ = fd;
  on_readable_ = std::move(readable);
}

void CurlLoop::wake() {
  if (attention_.exchange(Attention::Wanted) == Attention::Asleep) bell_.ring();
}

void CurlLoop::run() {
  pthread_setname_np(pthread_self(), "cordon-loop");
  for (;;) {
    // First this, then a look at what may be wanted: whoever wants something later finds the loop not Asleep, and the
    // loop finds Wanted before it sleeps.
    attention_ = Attention::Running;
    if (stopping_) break;
    try {
      turn();
    } catch (...) {
      report_exception();
    }
  }
  close();
}

void CurlLoop::turn() {
  const std::optional<BootTime> next = scheduler_.run_due();
  perform();
  if (!finish_transfers()) wait(next);
}

void CurlLoop::report_exception() {
  if (!on_exception_) std::terminate();
  on_exception_(std::current_exception());
}

void CurlLoop::perform() {
  if (transfers_.empty()) return;
  const StandardDescriptorsHeld held;  // from what libcurl opens beside connections
  int under_way = 0;
  curl_multi_perform(multi_.get(), &under_way);
}

bool CurlLoop::finish_transfers() {
  bool any = false;
  int left = 0;
  while (const CURLMsg *message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL *easy = message->easy_handle;
    const CURLcode result = message->data.result;
    const auto transfer = transfers_.extract(easy);
    curl_multi_remove_handle(multi_.get(), easy);
    transfer.mapped()(result);
    any = true;
  }
  return any;
}

void CurlLoop::wait(std::optional<BootTime> next) {
  Attention expected = Attention::Running;
  if (!attention_.compare_exchange_strong(expected, Attention::Asleep)) return;
  std::array<curl_waitfd, 2> others{{{bell_.fd(), CURL_WAIT_POLLIN, 0}, {watched_, CURL_WAIT_POLLIN, 0}}};
  curl_multi_poll(multi_.get(), others.data(), watched_ < 0 ? 1 : 2, poll_timeout_ms(next, scheduler_.now()), nullptr);
  if (others[0].revents != 0) bell_.silence();
  if (others[1].revents != 0) on_readable_();
}

void CurlLoop::close() {
  for (const auto &transfer : transfers_) curl_multi_remove_handle(multi_.get(), transfer.first);
  transfers_.clear();
  multi_.reset();
}

}  // namespace cordon::loop
