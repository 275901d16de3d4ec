#include "boundary/arguments.hpp"

#include "base/text.hpp"

namespace cordon::boundary {
namespace {

/// No secret is longer, nor is a whole vault; who names more has passed something else than a length.
constexpr std::size_t kMostBytes = 16u << 20;

/// What is wrong with the argument and what to pass instead; null: nothing.
const char *complaint(const Argument &argument) {
  using Rule = Argument::Rule;
  const auto *characters = static_cast<const char *>(argument.bytes);
  switch (argument.rule) {
    case Rule::Text:
      if (characters == nullptr) return "is NULL; pass NUL-terminated UTF-8";
      [[fallthrough]];
    case Rule::OptionalText:
      return is_utf8(view(characters)) ? nullptr : "is not valid UTF-8; convert it before the call";
    case Rule::Bytes:
      if (argument.size > kMostBytes) return "is longer than 16 MiB; pass the number of its bytes as its length";
      return characters == nullptr && argument.size > 0 ? "is NULL but its length is not 0" : nullptr;
    case Rule::Timeout:
      return argument.number == -1 || argument.number > 0
                 ? nullptr
                 : "is out of range; pass -1 for the default, or milliseconds above 0";
    case Rule::Wait:
      return argument.number >= -1
                 ? nullptr
                 : "is out of range; pass -1 for the default, 0 for what is known now, or milliseconds";
  }
  return nullptr;
}

}  // namespace

Result<void> check(Arguments arguments) {
  for (const Argument &argument : arguments)
    if (const char *wrong = complaint(argument))
      return fail(Status::InvalidArgument, std::string("argument ") + argument.name + ' ' + wrong);
  return {};
}

}  // namespace cordon::boundary
