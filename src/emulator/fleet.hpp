#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "emulator/file_record.hpp"
#include "emulator/machine.hpp"
#include "emulator/seeded_random.hpp"

namespace cordon::emulator {

/// The devices and files of one tenant, found by id in constant time. References stay valid.
class Fleet {
 public:
  /// A machine of that id, or a file of that SHA-1, replaces the one that is there.
  void add(Machine machine);
  void add(FileRecord file);

  const Machine *find(std::string_view id) const;
  Machine *find(std::string_view id);
  /// By computer name in any letter case; of several the newest.
  const Machine *find_by_name(std::string_view name) const;
  const FileRecord *find_file(std::string_view sha1_or_sha256) const;

  const std::deque<Machine> &machines() const { return machines_; }
  const std::deque<FileRecord> &files() const { return files_; }

 private:
  std::deque<Machine> machines_;
  std::deque<FileRecord> files_;
  std::unordered_map<std::string, std::size_t> by_id_, by_name_, by_hash_;
};

/// The ids of the devices that every made-up fleet has besides its crowd: one for each thing that can happen.
struct Cast {
  std::string online, offline, fails, linux_host, server, slow, merged;
};

struct MadeFleet {
  Fleet fleet;
  std::vector<std::string> machines;  ///< ids of the crowd: online Windows clients
  std::vector<std::string> files;     ///< SHA-1s that every machine knows
  std::string microsoft_signed_file;  ///< SHA-1
  Cast cast;
};

/// The same for the same random stream. `now` is service time.
MadeFleet make_fleet(std::size_t machines, std::string_view domain, SeededRandom &random, UtcTicks now);

/// A current Windows 11 client: what a made-up or described machine starts from.
Machine make_client(std::string name, SeededRandom &random, UtcTicks now);

}  // namespace cordon::emulator
