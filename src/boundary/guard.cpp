#include "boundary/guard.hpp"

#include <cxxabi.h>
#include <pthread.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <system_error>
#include <typeinfo>

#include "base/system_reason.hpp"

namespace cordon::boundary {
namespace {

/// An exception's text may quote a document, so only its type is told. Whether bytes have left is not known.
cordon_error *unexpected(const char *mangled_type) noexcept try {
  int failed = 0;
  const std::unique_ptr<char, decltype(&std::free)> type(abi::__cxa_demangle(mangled_type, nullptr, nullptr, &failed),
                                                         &std::free);
  Error error(Status::Internal, std::string("a defect in Cordon stopped the call (") +
                                    (type != nullptr ? type.get() : mangled_type) +
                                    "); please report it, and look at list_requests before repeating a call that acts");
  error.outcome_unknown = true;
  return make_error(error);
} catch (...) {
  return out_of_memory_error();
}

/// Threads and descriptors that a client needs are made before the call does anything.
cordon_error *refused_by_system(int reason) noexcept try {
  if (reason == ENOMEM) return out_of_memory_error();
  const std::string text =
      reason == EAGAIN ? "no thread can be started; raise the limits of threads and memory (ulimit -u, ulimit -v, "
                         "TasksMax=)"
                       : system_reason(reason);
  return make_error(
      Error(Status::InvalidState, "the system refused what a client needs, nothing was done: " + text).retry());
} catch (...) {
  return out_of_memory_error();
}

}  // namespace

CancellationHeld::CancellationHeld() noexcept : before_(PTHREAD_CANCEL_ENABLE) {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_);
}

CancellationHeld::~CancellationHeld() {
  pthread_setcancelstate(before_, nullptr);
}

cordon_error *caught_error() noexcept {
  try {
    throw;
  } catch (const std::bad_alloc &) {
    return out_of_memory_error();
  } catch (const std::system_error &e) {
    return refused_by_system(e.code().value());
  } catch (const std::exception &e) {
    return unexpected(typeid(e).name());
  } catch (...) {
    return unexpected("an exception that is no std::exception");
  }
}

std::int32_t refuse(cordon_error **error, cordon_error *object) noexcept {
  const std::int32_t status = object->status;
  if (error != nullptr)
    *error = object;
  else
    free_error(object);
  return status;
}

Result<std::shared_ptr<plugin::Client>> enter(const cordon_client *handle, Arguments arguments) {
  auto client = Clients::instance().find(handle);
  if (!client) return client;
  if (const auto checked = check(arguments); !checked) return fail(checked.error());
  return client;
}

char *copy_text(std::string_view text) {
  if (text.empty()) return nullptr;
  auto *copy = static_cast<char *>(std::malloc(text.size() + 1));
  if (copy == nullptr) throw std::bad_alloc();
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  return copy;
}

}  // namespace cordon::boundary
