#include <cstdlib>

#include "boundary/error.hpp"

using namespace cordon::boundary;

namespace {

const cordon_error &known(const cordon_error *error) {
  return error != nullptr ? *error : *no_error();
}

}  // namespace

extern "C" {

int32_t cordon_error_status(const cordon_error *error) {
  return known(error).status;
}
const char *cordon_error_message(const cordon_error *error) {
  return known(error).message;
}
const char *cordon_error_json(const cordon_error *error) {
  return known(error).json;
}
void cordon_error_free(cordon_error *error) {
  free_error(error);
}
void cordon_string_free(char *text) {
  std::free(text);
}

}  // extern "C"
