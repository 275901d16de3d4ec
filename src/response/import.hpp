#pragma once

#include <map>
#include <memory>
#include <string>

#include "response/book.hpp"
#include "response/reader.hpp"

namespace cordon::response {

/// Fills a ledger that does not know a tenant yet with what the service knows of our application: open actions and
/// those of the last day, by one list call. A lost ledger thus repeats nothing that is still in flight. [loop]
class Import {
 public:
  Import(Seams &seams, Book &book, Reader &reader) : seams_(seams), book_(book), reader_(reader) {}

  /// Returns when it has been done, by whichever client, or can't be done now: then it is tried again at the next need.
  loop::Task<void> ensure(std::shared_ptr<Tenant> tenant, loop::Scope &scope);

 private:
  loop::Task<Result<void>> run(std::shared_ptr<Tenant> tenant, loop::Scope &scope);
  std::optional<ledger::RequestRow> row_of(const Tenant &tenant, const defender::MachineAction &action) const;

  Seams &seams_;
  Book &book_;
  Reader &reader_;
  struct State {
    explicit State(loop::Scheduler &scheduler) : changed(scheduler) {}
    bool done = false;
    bool running = false;
    BootTime again{};
    loop::Event changed;
  };
  std::map<std::string, std::shared_ptr<State>> states_;
};

}  // namespace cordon::response
