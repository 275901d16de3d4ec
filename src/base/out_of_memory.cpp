#include "base/out_of_memory.hpp"

#include <new>
#include <system_error>

namespace cordon {

bool is_out_of_memory(const std::exception_ptr &exception) noexcept try {
  std::rethrow_exception(exception);
} catch (const std::bad_alloc &) {
  return true;
} catch (const std::system_error &e) {  // std::thread's
  return e.code() == std::errc::resource_unavailable_try_again || e.code() == std::errc::not_enough_memory;
} catch (...) {
  return false;
}

}  // namespace cordon
