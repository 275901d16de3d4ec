#include "response/device_turns.hpp"

namespace cordon::response {

std::string device_key(const ledger::RequestRow &row) {
  return row.tenant + "\n" + (row.machine.empty() ? row.match_key : row.machine.str());
}

DeviceTurns::Turn::Turn(DeviceTurns &turns, std::string device)
    : turns_(turns), device_(std::move(device)), first_(turns.scheduler_) {
  turns_.lines_[device_].push_back(this);
}

DeviceTurns::Turn::~Turn() {
  std::vector<Turn *> &line = turns_.lines_[device_];
  std::erase(line, this);
  if (line.empty())
    turns_.lines_.erase(device_);
  else
    line.front()->first_.notify_all();
}

bool DeviceTurns::Turn::first() const {
  return turns_.lines_[device_].front() == this;
}

loop::Task<Result<void>> DeviceTurns::Turn::wait(loop::Scope &scope) {
  while (!first()) {
    Result<void> waited = co_await first_.wait(scope);
    if (!waited) co_return waited;
  }
  co_return Result<void>();
}

}  // namespace cordon::response
