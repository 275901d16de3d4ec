#include "ledger/head_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/open_file.hpp"
#include "base/system_reason.hpp"
#include "base/text.hpp"
#include "ledger/keyring.hpp"

namespace cordon::ledger {
namespace {

// "cordon-head/1 <ledger id> <sequence, 20 digits> <MAC, hex>\n"; the fixed width lets a new head cover the old one.
constexpr std::string_view kMagic = "cordon-head/1 ";
constexpr std::size_t kIdSize = 36;
constexpr std::size_t kDigits = 20;
constexpr std::size_t kSize = kMagic.size() + kIdSize + 1 + kDigits + 1 + 2 * kMacSize + 1;

}  // namespace

Result<std::unique_ptr<HeadFile>> HeadFile::open(const std::string &path) {
  const int fd = open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  if (fd < 0)
    return fail(Status::Ledger, fmt::format("{} can't be opened: {}; check the access rights of the directory", path,
                                            system_reason(errno)));
  return std::unique_ptr<HeadFile>(new HeadFile(fd));
}

HeadFile::~HeadFile() {
  ::close(fd_);
}

std::optional<HeadFile::Head> HeadFile::read() const {
  std::array<char, kSize> buffer{};
  if (::pread(fd_, buffer.data(), kSize, 0) != static_cast<ssize_t>(kSize)) return std::nullopt;
  std::string_view text(buffer.data(), kSize);
  if (text.substr(0, kMagic.size()) != kMagic) return std::nullopt;
  text.remove_prefix(kMagic.size());
  Head head;
  head.ledger_id = text.substr(0, kIdSize);
  const auto sequence = parse_int(text.substr(kIdSize + 1, kDigits));
  auto mac = hex_decode(text.substr(kIdSize + 1 + kDigits + 1, 2 * kMacSize));
  if (!sequence || !mac) return std::nullopt;
  head.mac = std::move(*mac);
  head.sequence = *sequence;
  return head;
}

void HeadFile::write(std::string_view ledger_id, std::int64_t sequence, std::string_view mac) const noexcept {
  try {
    const std::string line = fmt::format("{}{:<36} {:020} {}\n", kMagic, ledger_id, sequence, hex_encode(mac));
    if (::pwrite(fd_, line.data(), line.size(), 0) < 0) return;
  } catch (...) {
    return;
  }
}

void HeadFile::sync() const noexcept {
  ::fsync(fd_);
}

}  // namespace cordon::ledger
