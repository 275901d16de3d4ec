#pragma once

#include <string_view>

#include "base/error.hpp"
#include "base/fork.hpp"
#include "base/signals.hpp"
#include "boundary/arguments.hpp"
#include "boundary/clients.hpp"
#include "boundary/error.hpp"

namespace cordon::boundary {

/// Holds back pthread_cancel while Cordon is on the stack: being unwound would leave a request half done.
class CancellationHeld {
 public:
  CancellationHeld() noexcept;
  ~CancellationHeld();
  CancellationHeld(const CancellationHeld &) = delete;
  CancellationHeld &operator=(const CancellationHeld &) = delete;

 private:
  int before_;
};

/// The C error for the exception being handled: OUT_OF_MEMORY for bad_alloc, INTERNAL for any other.
cordon_error *caught_error() noexcept;

/// Hands the error over, or frees it if the host does not want it; returns its status.
std::int32_t refuse(cordon_error **error, cordon_error *object) noexcept;

/// Writes an output that the host may not want.
template <class T>
void put(T *out, T value) noexcept {
  if (out != nullptr) *out = value;
}

/// The one place where exceptions end. `body` returns Result<Status>. In a forked child it does not run, and neither a
/// lock nor the heap is touched.
template <class Body>
std::int32_t guard(cordon_error **error, Body &&body) noexcept {
  put(error, static_cast<cordon_error *>(nullptr));
  if (forked()) return refuse(error, forked_error());
  const CancellationHeld no_cancellation;
  const WriteSignalsHeld no_signals;
  try {
    const Result<Status> result = body();
    if (!result) return refuse(error, make_error(result.error()));
    if (is_error(*result)) return refuse(error, make_error(Error(*result, "the call failed without a reason")));
    return static_cast<std::int32_t>(*result);
  } catch (...) {
    return refuse(error, caught_error());
  }
}

/// The client of a handle once the arguments have been checked.
Result<std::shared_ptr<plugin::Client>> enter(const cordon_client *handle, Arguments arguments);

/// A copy for the host, freed by cordon_string_free; NULL for an empty text. Throws std::bad_alloc.
char *copy_text(std::string_view text);

/// Runs `body(plugin::Client &) -> Result<void>`.
template <class Body>
std::int32_t with_client(const cordon_client *handle, cordon_error **error, Arguments arguments, Body &&body) noexcept {
  return guard(error, [&]() -> Result<Status> {
    const auto client = enter(handle, arguments);
    if (!client) return fail(client.error());
    const Result<void> done = body(**client);
    if (!done) return fail(done.error());
    return Status::Ok;
  });
}

/// Runs `body(plugin::Client &) -> Result<plugin::Answer>` and gives its document to `*out`.
template <class Body>
std::int32_t with_client(const cordon_client *handle, char **out, cordon_error **error, Arguments arguments,
                         Body &&body) noexcept {
  put(out, static_cast<char *>(nullptr));
  return guard(error, [&]() -> Result<Status> {
    const auto client = enter(handle, arguments);
    if (!client) return fail(client.error());
    const Result<plugin::Answer> answer = body(**client);
    if (!answer) return fail(answer.error());
    if (out != nullptr && !is_error(answer->status)) *out = copy_text(answer->document);
    return answer->status;
  });
}

}  // namespace cordon::boundary
