#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

/// The vault file's text as FORMAT.md describes it: what can be read and written without any key. [any-thread]
namespace cordon::vault {

constexpr std::size_t kMaxFileSize = 16u << 20;
constexpr std::size_t kMaxSlots = 16;
constexpr std::size_t kMaxLine = 16 * 1024;
constexpr std::uint64_t kMaxGeneration = INT64_MAX;

/// One way to the store key. The two lines are kept as they were read, so that a kind unknown here survives a save.
struct Slot {
  std::string line;       ///< "-> kind id argument…", without the line feed
  std::string body_line;  ///< base64

  std::vector<std::string_view> words() const;  ///< kind, id, arguments
  std::string_view kind() const { return words()[0]; }
  std::string_view id() const { return words()[1]; }
};

struct Container {
  std::vector<Slot> slots;
  std::string vault_id;          ///< UUID, lower case
  std::uint64_t generation = 0;  ///< counts the saves, from 1
  std::string mac;               ///< over `head()`
  std::string body;              ///< nonce, ciphertext and tag

  /// Byte 0 through "---": what the MAC covers.
  std::string head() const;
  /// Byte 0 through the line feed behind the MAC: the body's associated data.
  std::string head_and_mac() const;
  std::string text() const { return head_and_mac() + body; }
};

/// Strict: a text is accepted only if `Container::text()` would give it back. The error (VAULT_CORRUPT) says what was
/// expected on which line; `where` names the file.
Result<Container> parse_container(std::string_view text, std::string_view where);

/// The size that a plain body of `size` bytes is padded to: a power of two from 4 KiB to 1 MiB, then whole MiB.
std::size_t padded_size(std::size_t size);

}  // namespace cordon::vault
