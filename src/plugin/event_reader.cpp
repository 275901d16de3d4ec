#include "plugin/event_reader.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/open_file.hpp"
#include "base/system_reason.hpp"

namespace cordon::plugin {

namespace {

constexpr std::size_t kMostJoined = 1000;

tl::unexpected<Error> no_descriptor() {
  return fail(Error(Status::InvalidState, fmt::format("no descriptor for events: {}", system_reason(errno))).retry());
}

}  // namespace

Result<int> ReadySignal::duplicate() {
  // A pipe and not an eventfd: Node refuses to watch the latter.
  if (!read_end_) {
    const StandardDescriptorsHeld held;
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return no_descriptor();
    read_end_ = Descriptor(ends[0]);
    write_end_ = Descriptor(ends[1]);
  }
  const int copy = ::fcntl(read_end_.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (copy < 0) return no_descriptor();
  return copy;
}

void ReadySignal::set(bool readable) {
  if (!read_end_) return;
  int pending = 0;
  if (::ioctl(read_end_.get(), FIONREAD, &pending) != 0) return;
  if (readable == (pending > 0)) return;
  char byte = 1;
  if (readable) {
    (void)!::write(write_end_.get(), &byte, 1);
  } else {
    while (::read(read_end_.get(), &byte, 1) > 0) {
    }
  }
}

Json event_of(const ledger::JournalRecord &record) {
  const Json action = record.body.value("action", Json(nullptr));
  Json event = {{"cursor", record.sequence},
                {"kind", record.kind},
                {"at", record.at.str()},
                {"request_id", text_or_null(record.request.str())},
                {"tenant", text_or_null(record.tenant)},
                {"action", action}};
  for (const char *member : {"action_id", "operation", "machine_id", "state", "actor"})
    event[member] = action.is_object() ? action.value(member, Json(nullptr)) : Json(nullptr);
  if (action.is_object()) {
    event["labels"] = action.value("labels", Json::object());
    event["message"] = action.value("error_text", Json(nullptr));
  } else {
    event["details"] = record.body;
  }
  return event;
}

void EventReader::follow(const RequestId &id) {
  if (std::find(joined_.begin(), joined_.end(), id.str()) != joined_.end()) return;
  if (joined_.size() >= kMostJoined) joined_.erase(joined_.begin());
  joined_.push_back(id.str());
}

loop::Task<Result<std::optional<Json>>> EventReader::next(std::optional<std::int64_t> after, bool own_only, bool wait,
                                                          loop::Scope &scope) {
  struct Look {
    Look(std::int64_t newest_, std::vector<ledger::JournalRecord> records_)
        : newest(newest_), records(std::move(records_)) {}
    std::int64_t newest;  ///< nothing up to here was left out
    std::vector<ledger::JournalRecord> records;
  };
  std::int64_t &last_read = own_only ? last_own_ : last_of_all_;
  const std::int64_t cursor = after.value_or(last_read);
  ledger::EventFilter filter;
  if (own_only) filter.owner = ledger_.owner();
  while (true) {
    if (own_only) filter.requests = joined_;
    const auto read = [cursor, filter](ledger::Tx &tx) -> Result<Look> {
      Result<std::int64_t> newest = tx.newest_sequence();
      if (!newest) return fail(std::move(newest.error()));
      return tx.events_after(cursor, filter, 1).map([&](std::vector<ledger::JournalRecord> records) {
        return Look(*newest, std::move(records));
      });
    };
    Result<Look> look = co_await ledger_.run(ledger::Durability::Read, read);
    if (!look) co_return fail(std::move(look.error()));
    newest_ = std::max(newest_, look->newest);
    if (!look->records.empty()) {
      last_read = look->records.front().sequence;
      tell(last_read);
      co_return std::optional<Json>(event_of(look->records.front()));
    }
    // Whoever begins ahead of what was read has not seen what lies between.
    if (cursor <= last_read) last_read = std::max(last_read, look->newest);
    tell(look->newest);
    if (!wait) co_return std::optional<Json>();
    if (newest_ > look->newest) continue;
    Result<void> waited = co_await appended_.wait(scope);
    if (waited) continue;
    if (scope.reason() == Status::Deadline) co_return std::optional<Json>();
    co_return fail(std::move(waited.error()));
  }
}

void EventReader::tell(std::int64_t sequence) {
  told_ = sequence;
  update_signal();
}

void EventReader::on_append(std::int64_t sequence) {
  newest_ = std::max(newest_, sequence);
  update_signal();
  appended_.notify_all();
}

Result<int> EventReader::descriptor() {
  Result<int> copy = signal_.duplicate();
  update_signal();
  return copy;
}

}  // namespace cordon::plugin
