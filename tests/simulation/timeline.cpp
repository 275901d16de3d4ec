#include "timeline.hpp"

namespace cordon::simulation {

bool Timeline::step(Instant end) {
  if (events_.empty() || events_.top().when > end) return false;
  // The queue gives no mutable access to what is about to be popped; the closure is moved out all the same.
  auto &next = const_cast<Event &>(events_.top());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  now_ = next.when;
  const std::function<void()> happen = std::move(next.happen);
  events_.pop();
  ++steps_;
  happen();
  return true;
}

}  // namespace cordon::simulation
