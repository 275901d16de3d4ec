#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace cordon::test {

/// Where a text lies in a dumped process: its address there.
struct Finding {
  std::string text;  ///< with a little of what follows
  std::uint64_t address;
};

/// Every place of `needles` in the memory that an ELF core file of a 64-bit process holds. Throws when it is none.
std::vector<Finding> find_in_core(const std::filesystem::path &core, const std::vector<std::string> &needles);

/// Who had an address last, by the records of allocation_owners and a copy of /proc/PID/maps: the file name of the
/// module that allocated it ("libcurl.so.4.8.0"), or the name of its mapping ("[stack]") where nobody did.
class Owners {
 public:
  Owners(const std::filesystem::path &allocations, const std::filesystem::path &maps);
  std::string of(std::uint64_t address) const;

 private:
  struct Allocation {
    std::uint64_t address, size, asked_from;
  };
  struct Mapping {
    std::uint64_t begin, end;
    std::string name;
  };
  std::string mapping_of(std::uint64_t address) const;
  std::vector<Allocation> allocations_;
  std::vector<Mapping> mappings_;
};

}  // namespace cordon::test
