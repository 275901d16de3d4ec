#include <cstdlib>

#include "vault/format.hpp"
#include "vault/slot.hpp"
#include "vault/vault_state.hpp"

namespace {

using namespace cordon::vault;

/// A text is refused, or is exactly what would be written back; a key opens nothing by chance.
void read_container(std::string_view text, const Credential &credential) {
  auto container = parse_container(text, "file");
  if (!container) return;
  if (container->text() != text) std::abort();
  if (open_slots(*container, credential, "file")) std::abort();
}

void read_payload(std::string_view text) {
  cordon::Secret padded(text);
  padded.push_back('\x80');
  padded.resize(padded_size(padded.size()));
  const auto payload = Payload::parse(padded, "file");
  if (!payload) return;
  const auto again = payload->padded_text();
  if (again && !again->equals(padded)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char *bytes, std::size_t size) {
  static const Credential key{Credential::Kind::Key, cordon::Secret(std::string(32, 'k'))};
  const std::string_view text(reinterpret_cast<const char *>(bytes), size);
  read_container(text, key);
  read_payload(text);
  return 0;
}
