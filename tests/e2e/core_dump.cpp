#include "e2e/core_dump.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string_view>

namespace cordon::test {
namespace {

std::string bytes_of_file(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("can't read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

template <class T>
T read_at(const std::string &bytes, std::size_t offset) {
  T out;
  if (offset + sizeof out > bytes.size()) throw std::runtime_error("the core file is cut");
  std::memcpy(&out, bytes.data() + offset, sizeof out);
  return out;
}

}  // namespace

std::vector<Finding> find_in_core(const std::filesystem::path &core, const std::vector<std::string> &needles) {
  constexpr std::size_t kShown = 40;
  const std::string bytes = bytes_of_file(core);
  const auto header = read_at<Elf64_Ehdr>(bytes, 0);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_type != ET_CORE)
    throw std::runtime_error(core.string() + " is no core file");
  std::vector<Finding> found;
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    const auto segment = read_at<Elf64_Phdr>(bytes, header.e_phoff + i * header.e_phentsize);
    if (segment.p_type != PT_LOAD) continue;
    const std::string_view memory =
        std::string_view(bytes).substr(std::min(segment.p_offset, bytes.size()), segment.p_filesz);
    for (const std::string &needle : needles)
      for (auto at = memory.find(needle); at != std::string_view::npos; at = memory.find(needle, at + 1))
        found.push_back({std::string(memory.substr(at, kShown)), segment.p_vaddr + at});
  }
  return found;
}

Owners::Owners(const std::filesystem::path &allocations, const std::filesystem::path &maps) {
  const std::string bytes = bytes_of_file(allocations);
  for (std::size_t i = 0; i + sizeof(Allocation) <= bytes.size(); i += sizeof(Allocation)) {
    const auto one = read_at<Allocation>(bytes, i);
    if (one.address == 0) break;
    allocations_.push_back(one);
  }
  std::istringstream lines(bytes_of_file(maps));
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
