#pragma once

#include <sqlite3.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "emulator/seeded_random.hpp"

namespace cordon::simulation {

/// What one process has open. When it dies, whatever it still tries fails without effect and its locks are free.
struct DiskUser {
  bool dead = false;
  /// So many more writes and syncs succeed; then the process dies in the middle of the next one.
  std::optional<int> writes_left;
};

/// The host's disk as SQLite sees it: files in memory, shared by the connections of all processes, with SQLite's locks
/// and shared memory. It remembers what was written since the last sync, so that a loss of power can take it back.
class Disk {
 public:
  /// A file's content.
  struct Image {
    std::map<std::string, std::vector<char>> files;
  };

  Disk() = default;
  explicit Disk(const Image &image);
  ~Disk();
  Disk(const Disk &) = delete;
  Disk &operator=(const Disk &) = delete;

  /// SQLite's name of this file system.
  static constexpr const char *kName = "cordon-simulation";
  /// Makes it known to SQLite. Once per program.
  static void install();
  /// From now on opened files lie on this disk and belong to `user`, who lives until he has closed them.
  void use(DiskUser *user);

  /// Keeps what is needed to take unsynced writes back; costs a copy of each write.
  void remember_unsynced(bool remember) { remember_ = remember; }
  /// Every process is dead; of each file's unsynced writes only some have reached the disk, some of them in part.
  void lose_power(emulator::SeededRandom &chance);
  Image image() const;

 private:
  friend struct DiskFile;
  struct Write {
    std::size_t offset = 0;
    std::vector<char> bytes;   ///< empty: a truncation to `offset`
    std::vector<char> before;  ///< what it replaced
    std::size_t size_before = 0;
  };
  struct File {
    std::vector<char> content;
    std::vector<Write> unsynced;
    int shared = 0;  ///< locks of the file itself
    const void *reserved = nullptr;
    const void *exclusive = nullptr;
    std::vector<std::unique_ptr<std::array<char, 32768>>> memory;
    int mapped = 0;                                    ///< connections that use the shared memory
    std::array<int, SQLITE_SHM_NLOCK> memory_locks{};  ///< holders of a shared lock, or -1
  };
  File &file(const std::string &path) { return files_[path]; }
  void write(File &file, std::size_t offset, const char *bytes, std::size_t size);
  void truncate(File &file, std::size_t size);

  std::map<std::string, File> files_;
  bool remember_ = false;
};

}  // namespace cordon::simulation
