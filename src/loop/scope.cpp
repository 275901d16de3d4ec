#include "loop/scope.hpp"

#include <fmt/format.h>

#include <memory>

namespace cordon::loop {

Scope::Scope(Scheduler &scheduler, std::optional<BootTime> deadline, Scope *parent)
    : scheduler_(scheduler), deadline_(deadline) {
  if (parent != nullptr) {
    reason_ = parent->reason();
    if (parent->deadline_ && (!deadline_ || *parent->deadline_ < *deadline_)) deadline_ = parent->deadline_;
    if (!reason_) from_parent_ = std::make_unique<CancelHook>(*parent, [this, parent] { cancel(*parent->reason()); });
  }
  if (deadline_ && !reason_) set_deadline(*deadline_);
}

Scope::~Scope() {
  if (timer_) scheduler_.cancel(*timer_);
}

void Scope::set_deadline(BootTime deadline) {
  if (reason_) return;
  if (timer_) scheduler_.cancel(*timer_);
  deadline_ = deadline;
  timer_ = scheduler_.at(deadline, [this] { cancel(Status::Deadline); });
}

void Scope::renew(BootTime deadline) {
  reason_.reset();
  set_deadline(deadline);
}

void Scope::cancel(Status reason) {
  if (reason_) return;
  reason_ = reason;
  while (CancelHook *hook = hooks_.pop_front()) {
    const auto job = std::move(hook->job_);
    job();
  }
}

std::optional<Status> Scope::reason() const {
  if (reason_) return reason_;
  if (deadline_ && scheduler_.now() >= *deadline_) return Status::Deadline;
  return std::nullopt;
}

Error Scope::error(std::string_view what) const {
  switch (reason().value_or(Status::Internal)) {
    case Status::Deadline:
      return Error(Status::Deadline, fmt::format("the time-out passed while {}", what)).retry();
    case Status::Interrupted:
      return Error(Status::Interrupted, fmt::format("interrupted by the host while {}", what)).retry();
    case Status::ShuttingDown:
      return Error(Status::ShuttingDown, fmt::format("the client was shut down while {}", what));
    case Status::NotSent:
      return Error(Status::InvalidState, fmt::format("the request was withdrawn while {}", what));
    default:
      return Error(Status::Internal, fmt::format("cancelled without a known reason while {}", what));
  }
}

}  // namespace cordon::loop
