#include "e2e/core_dump.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace cordon::test {
namespace {

std::string read_all(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("can't read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

template <class T>
T at(const std::string &bytes, std::size_t offset) {
  T out;
  if (offset + sizeof out > bytes.size()) throw std::runtime_error("the core file is cut");
  std::memcpy(&out, bytes.data() + offset, sizeof out);
  return out;
}

}  // namespace

std::vector<Finding> find_in_core(const std::filesystem::path &core, const std::vector<std::string> &needles) {
  constexpr std::size_t kShown = 40;
  const std::string bytes = read_all(core);
  const auto header = at<Elf64_Ehdr>(bytes, 0);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_type != ET_CORE)
    throw std::runtime_error(core.string() + " is no core file");
  std::vector<Finding> found;
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    const auto segment = at<Elf64_Phdr>(bytes, header.e_phoff + i * header.e_phentsize);
    if (segment.p_type != PT_LOAD) continue;
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(std::min(segment.p_offset, bytes.size()));
    const auto end =
        bytes.begin() + static_cast<std::ptrdiff_t>(std::min(segment.p_offset + segment.p_filesz, bytes.size()));
    for (const std::string &needle : needles) {
      const std::boyer_moore_horspool_searcher searcher(needle.begin(), needle.end());
      for (auto it = std::search(begin, end, searcher); it != end; it = std::search(it + 1, end, searcher))
        found.push_back({std::string(it, it + std::min<std::ptrdiff_t>(kShown, end - it)),
                         segment.p_vaddr + static_cast<std::uint64_t>(it - begin)});
    }
  }
  return found;
}

Owners::Owners(const std::filesystem::path &allocations, const std::filesystem::path &maps) {
  const std::string bytes = read_all(allocations);
  for (std::size_t i = 0; i + sizeof(Allocation) <= bytes.size(); i += sizeof(Allocation)) {
    const auto one = at<Allocation>(bytes, i);
    if (one.address == 0) break;
    allocations_.push_back(one);
  }
  std::istringstream lines(read_all(maps));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    Mapping mapping;
    char dash = 0;
    std::string permissions, offset, device, inode;
    words >> std::hex >> mapping.begin >> dash >> mapping.end >> permissions >> offset >> device >> inode;
    words >> mapping.name;
    mappings_.push_back(mapping);
  }
}

std::string Owners::of(std::uint64_t address) const {
  const auto last = std::find_if(allocations_.rbegin(), allocations_.rend(), [&](const Allocation &one) {
    return one.address <= address && address < one.address + one.size;
  });
  return mapping_of(last == allocations_.rend() ? address : last->asked_from);
}

std::string Owners::mapping_of(std::uint64_t address) const {
  const auto found = std::find_if(mappings_.begin(), mappings_.end(),
                                  [&](const Mapping &one) { return one.begin <= address && address < one.end; });
  if (found == mappings_.end()) return "nothing that is mapped";
  return found->name.empty() ? "memory without a name" : std::filesystem::path(found->name).filename().string();
}

}  // namespace cordon::test
