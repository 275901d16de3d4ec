#include "disk.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace cordon::simulation {

namespace {
Disk *g_disk = nullptr;      // where SQLite opens files
DiskUser *g_user = nullptr;  // for whom
}  // namespace

/// An open file of SQLite.
struct DiskFile {
  sqlite3_file base;
  Disk *disk;
  Disk::File *file;
  DiskUser *user;
  int lock;
  unsigned memory_shared;     // bits of the shared memory's locks held by this connection
  unsigned memory_exclusive;  // the same
  bool mapped;                // uses the shared memory

  static DiskFile &of(sqlite3_file *base) { return *reinterpret_cast<DiskFile *>(base); }

  /// False when the process is dead, or dies with this write.
  bool may_write() const {
    if (user->dead) return false;
    if (user->writes_left && --*user->writes_left < 0) user->dead = true;
    return !user->dead;
  }

  static int close(sqlite3_file *base);
  static int read(sqlite3_file *base, void *out, int size, sqlite3_int64 offset);
  static int write(sqlite3_file *base, const void *bytes, int size, sqlite3_int64 offset);
  static int truncate(sqlite3_file *base, sqlite3_int64 size);
  static int sync(sqlite3_file *base, int flags);
  static int size(sqlite3_file *base, sqlite3_int64 *out);
  static int take_lock(sqlite3_file *base, int wanted);
  static int drop_lock(sqlite3_file *base, int wanted);
  static int is_reserved(sqlite3_file *base, int *out);
  static int control(sqlite3_file *, int, void *) { return SQLITE_NOTFOUND; }
  static int sector_size(sqlite3_file *) { return 4096; }
  static int characteristics(sqlite3_file *) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }
  static int map_memory(sqlite3_file *base, int region, int size, int extend, void volatile **out);
  static int lock_memory(sqlite3_file *base, int first, int count, int flags);
  static void barrier(sqlite3_file *) {}
  static int unmap_memory(sqlite3_file *base, int forget);
  void drop_memory_locks();
  void leave_memory();
};

int DiskFile::close(sqlite3_file *base) {
  DiskFile &self = of(base);
  drop_lock(base, SQLITE_LOCK_NONE);
  self.leave_memory();
  return SQLITE_OK;
}

int DiskFile::read(sqlite3_file *base, void *out, int size, sqlite3_int64 offset) {
  const std::vector<char> &content = of(base).file->content;
  const auto from = static_cast<std::size_t>(offset);
  const auto wanted = static_cast<std::size_t>(size);
  const std::size_t there = from < content.size() ? std::min(wanted, content.size() - from) : 0;
  if (there > 0) std::memcpy(out, content.data() + from, there);
  if (there == wanted) return SQLITE_OK;
  std::memset(static_cast<char *>(out) + there, 0, wanted - there);
  return SQLITE_IOERR_SHORT_READ;
}

int DiskFile::write(sqlite3_file *base, const void *bytes, int size, sqlite3_int64 offset) {
  const DiskFile &self = of(base);
  if (!self.may_write()) return SQLITE_IOERR_WRITE;
  self.disk->write(*self.file, static_cast<std::size_t>(offset), static_cast<const char *>(bytes),
                   static_cast<std::size_t>(size));
  return SQLITE_OK;
}

int DiskFile::truncate(sqlite3_file *base, sqlite3_int64 size) {
  const DiskFile &self = of(base);
  if (!self.may_write()) return SQLITE_IOERR_TRUNCATE;
  self.disk->truncate(*self.file, static_cast<std::size_t>(size));
  return SQLITE_OK;
}

int DiskFile::sync(sqlite3_file *base, int) {
  const DiskFile &self = of(base);
  if (!self.may_write()) return SQLITE_IOERR_FSYNC;
  self.file->unsynced.clear();
  return SQLITE_OK;
}

int DiskFile::size(sqlite3_file *base, sqlite3_int64 *out) {
  *out = static_cast<sqlite3_int64>(of(base).file->content.size());
  return SQLITE_OK;
}

int DiskFile::take_lock(sqlite3_file *base, int wanted) {
  DiskFile &self = of(base);
  Disk::File &file = *self.file;
  if (self.user->dead) return SQLITE_IOERR_LOCK;
  if (wanted <= self.lock) return SQLITE_OK;
  const auto others = [&](const void *holder) { return holder != nullptr && holder != &self; };
  if (others(file.exclusive)) return SQLITE_BUSY;
  if (wanted == SQLITE_LOCK_SHARED) {
    ++file.shared;
  } else {
    if (others(file.reserved)) return SQLITE_BUSY;
    if (wanted == SQLITE_LOCK_EXCLUSIVE) {
      if (file.shared > 1) return SQLITE_BUSY;
      file.exclusive = &self;
    }
    file.reserved = &self;
  }
  self.lock = wanted;
  return SQLITE_OK;
}

int DiskFile::drop_lock(sqlite3_file *base, int wanted) {
  DiskFile &self = of(base);
  Disk::File &file = *self.file;
  if (self.lock <= wanted) return SQLITE_OK;
  if (file.exclusive == &self) file.exclusive = nullptr;
  if (file.reserved == &self) file.reserved = nullptr;
  if (wanted == SQLITE_LOCK_NONE && self.lock >= SQLITE_LOCK_SHARED) --file.shared;
  self.lock = wanted;
  return SQLITE_OK;
}

int DiskFile::is_reserved(sqlite3_file *base, int *out) {
  *out = of(base).file->reserved != nullptr;
  return SQLITE_OK;
}

int DiskFile::map_memory(sqlite3_file *base, int region, int size, int extend, void volatile **out) {
  DiskFile &self = of(base);
  auto &memory = self.file->memory;
  if (!self.mapped) {
    // What the dead left in it is not believed: whoever comes first reads the log anew.
    if (self.file->mapped++ == 0) memory.clear();
    self.mapped = true;
  }
  const auto place = static_cast<std::size_t>(region);
  if (size != static_cast<int>(sizeof(std::array<char, 32768>))) return SQLITE_IOERR_SHMMAP;
  *out = nullptr;
  if (place >= memory.size() && extend == 0) return SQLITE_OK;
  while (place >= memory.size()) memory.push_back(std::make_unique<std::array<char, 32768>>());
  *out = memory[place]->data();
  return SQLITE_OK;
}

int DiskFile::lock_memory(sqlite3_file *base, int first, int count, int flags) {
  DiskFile &self = of(base);
  auto &locks = self.file->memory_locks;
  const unsigned mask = ((1u << count) - 1u) << first;
  const auto from = static_cast<std::size_t>(first);
  const auto to = from + static_cast<std::size_t>(count);
  if ((flags & SQLITE_SHM_UNLOCK) != 0) {
    for (std::size_t i = from; i < to; ++i) {
      if ((self.memory_exclusive & (1u << i)) != 0) locks[i] = 0;
      if ((self.memory_shared & (1u << i)) != 0) --locks[i];
    }
    self.memory_exclusive &= ~mask;
    self.memory_shared &= ~mask;
    return SQLITE_OK;
  }
  if (self.user->dead) return SQLITE_IOERR_SHMLOCK;
  if ((flags & SQLITE_SHM_SHARED) != 0) {
    if ((self.memory_shared & mask) == mask) return SQLITE_OK;
    for (std::size_t i = from; i < to; ++i)
      if (locks[i] < 0) return SQLITE_BUSY;
    for (std::size_t i = from; i < to; ++i) ++locks[i];
    self.memory_shared |= mask;
    return SQLITE_OK;
  }
  for (std::size_t i = from; i < to; ++i)
    if (locks[i] != 0) return SQLITE_BUSY;
  for (std::size_t i = from; i < to; ++i) locks[i] = -1;
  self.memory_exclusive |= mask;
  return SQLITE_OK;
}

void DiskFile::drop_memory_locks() {
  for (unsigned i = 0; i < SQLITE_SHM_NLOCK; ++i) {
    if ((memory_exclusive & (1u << i)) != 0) file->memory_locks[i] = 0;
    if ((memory_shared & (1u << i)) != 0) --file->memory_locks[i];
  }
  memory_exclusive = memory_shared = 0;
}

void DiskFile::leave_memory() {
  drop_memory_locks();
  if (mapped) --file->mapped;
  mapped = false;
}

int DiskFile::unmap_memory(sqlite3_file *base, int forget) {
  DiskFile &self = of(base);
  self.leave_memory();
  if (forget != 0 && !self.user->dead) self.file->memory.clear();
  return SQLITE_OK;
}

namespace {

const sqlite3_io_methods kFileMethods = [] {
  sqlite3_io_methods methods{};
  methods.iVersion = 2;
  methods.xClose = DiskFile::close;
  methods.xRead = DiskFile::read;
  methods.xWrite = DiskFile::write;
  methods.xTruncate = DiskFile::truncate;
  methods.xSync = DiskFile::sync;
  methods.xFileSize = DiskFile::size;
  methods.xLock = DiskFile::take_lock;
  methods.xUnlock = DiskFile::drop_lock;
  methods.xCheckReservedLock = DiskFile::is_reserved;
  methods.xFileControl = DiskFile::control;
  methods.xSectorSize = DiskFile::sector_size;
  methods.xDeviceCharacteristics = DiskFile::characteristics;
  methods.xShmMap = DiskFile::map_memory;
  methods.xShmLock = DiskFile::lock_memory;
  methods.xShmBarrier = DiskFile::barrier;
  methods.xShmUnmap = DiskFile::unmap_memory;
  return methods;
}();

}  // namespace

Disk::Disk(const Image &image) {
  for (const auto &[path, content] : image.files) files_[path].content = content;
}

Disk::~Disk() {
  if (g_disk == this) g_disk = nullptr;
}

void Disk::use(DiskUser *user) {
  g_disk = this;
  g_user = user;
}

Disk::Image Disk::image() const {
  Image image;
  for (const auto &[path, file] : files_) image.files[path] = file.content;
  return image;
}

void Disk::write(File &file, std::size_t offset, const char *bytes, std::size_t size) {
  if (remember_) {
    Write write;
    write.offset = offset;
    write.bytes.assign(bytes, bytes + size);
    write.size_before = file.content.size();
    if (offset < file.content.size()) {
      const char *old = file.content.data() + offset;
      write.before.assign(old, old + std::min(size, file.content.size() - offset));
    }
    file.unsynced.push_back(std::move(write));
  }
  if (file.content.size() < offset + size) file.content.resize(offset + size);
  std::memcpy(file.content.data() + offset, bytes, size);
}

void Disk::truncate(File &file, std::size_t size) {
  if (remember_) {
    Write write;
    write.offset = size;
    write.size_before = file.content.size();
    if (size < file.content.size())
      write.before.assign(file.content.begin() + static_cast<std::ptrdiff_t>(size), file.content.end());
    file.unsynced.push_back(std::move(write));
  }
  file.content.resize(size);
}

void Disk::lose_power(emulator::SeededRandom &chance) {
  const double survives = static_cast<double>(chance.below(11)) / 10;
  for (auto &[path, file] : files_) {
    std::vector<Write> writes = std::move(file.unsynced);
    file.unsynced.clear();
    for (auto write = writes.rbegin(); write != writes.rend(); ++write) {
      file.content.resize(std::max(write->size_before, file.content.size()));
      std::copy(write->before.begin(), write->before.end(),
                file.content.begin() + static_cast<std::ptrdiff_t>(write->offset));
      file.content.resize(write->size_before);
    }
    for (Write &write : writes) {
      if (!chance.chance(survives)) continue;
      if (write.bytes.empty()) {
        file.content.resize(write.offset);
        continue;
      }
      const bool torn = chance.chance(0.1);
      const std::size_t size = torn ? chance.below(write.bytes.size() + 1) : write.bytes.size();
      if (file.content.size() < write.offset + size) file.content.resize(write.offset + size);
      std::memcpy(file.content.data() + write.offset, write.bytes.data(), size);
    }
    file.memory.clear();
  }
}

void Disk::install() {
  static sqlite3_vfs vfs{};
  vfs.iVersion = 1;
  vfs.szOsFile = sizeof(DiskFile);
  vfs.mxPathname = 256;
  vfs.zName = kName;
  vfs.xOpen = [](sqlite3_vfs *, const char *path, sqlite3_file *base, int flags, int *out_flags) {
    DiskFile &self = DiskFile::of(base);
    base->pMethods = nullptr;
    if (g_disk == nullptr || path == nullptr) return SQLITE_CANTOPEN;
    self.disk = g_disk;
    self.file = &g_disk->file(path);
    self.user = g_user;
    self.lock = SQLITE_LOCK_NONE;
    self.memory_shared = self.memory_exclusive = 0;
    self.mapped = false;
    base->pMethods = &kFileMethods;
    if (out_flags != nullptr) *out_flags = flags;
    return SQLITE_OK;
  };
  vfs.xDelete = [](sqlite3_vfs *, const char *path, int) {
    if (g_user->dead) return SQLITE_IOERR_DELETE;
    Disk::File &file = g_disk->file(path);
    file.content.clear();
    file.unsynced.clear();
    return SQLITE_OK;
  };
  vfs.xAccess = [](sqlite3_vfs *, const char *path, int, int *out) {
    *out = !g_disk->file(path).content.empty();
    return SQLITE_OK;
  };
  vfs.xFullPathname = [](sqlite3_vfs *, const char *path, int size, char *out) {
    sqlite3_snprintf(size, out, "%s", path);
    return SQLITE_OK;
  };
  vfs.xRandomness = [](sqlite3_vfs *, int size, char *out) {
    std::memset(out, 7, static_cast<std::size_t>(size));
    return size;
  };
  vfs.xSleep = [](sqlite3_vfs *, int microseconds) { return microseconds; };
  vfs.xCurrentTime = [](sqlite3_vfs *, double *out) {
    *out = 2461073.5;
    return SQLITE_OK;
  };
  vfs.xGetLastError = [](sqlite3_vfs *, int, char *) { return 0; };
  // One thread, and nobody asks how much memory is in use.
  sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  if (sqlite3_initialize() != SQLITE_OK || sqlite3_vfs_register(&vfs, 0) != SQLITE_OK)
    throw std::runtime_error("SQLite takes no file system");
}

}  // namespace cordon::simulation
