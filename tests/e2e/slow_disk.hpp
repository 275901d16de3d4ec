#pragma once

#include <sqlite3.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <stdexcept>

namespace cordon::test {

/// Holds up every sync of the process's SQLite files while its gate is closed. The library and the test share SQLite,
/// whose own file system is what is slowed down. One at a time; it must outlive the clients.
class SlowDisk {
 public:
  SlowDisk() : vfs_(sqlite3_vfs_find("unix")), open_(vfs_->xOpen) {
    if (one_ != nullptr) throw std::logic_error("one slow disk at a time");
    one_ = this;
    vfs_->xOpen = open;
  }
  ~SlowDisk() {
    open_gate();
    vfs_->xOpen = open_;
    one_ = nullptr;
  }
  SlowDisk(const SlowDisk &) = delete;
  SlowDisk &operator=(const SlowDisk &) = delete;

  void close_gate() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  void open_gate() {
    const std::lock_guard lock(mutex_);
    closed_ = false;
    changed_.notify_all();
  }
  /// Returns when some sync waits at the gate.
  void wait_for_sync() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_ > 0; });
  }
  bool is_closed() {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

 private:
  static int open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags) {
    const int result = one_->open_(vfs, name, file, flags, out_flags);
    if (result == SQLITE_OK && file->pMethods != nullptr) one_->slow_down(file);
    return result;
  }
  void slow_down(sqlite3_file *file) {
    const std::lock_guard lock(mutex_);
    const auto known = slow_.find(file->pMethods);
    if (known == slow_.end()) {
      auto &methods = slow_[file->pMethods];
      methods = *file->pMethods;
      sync_ = methods.xSync;
      methods.xSync = sync;
      file->pMethods = &methods;
    } else {
      file->pMethods = &known->second;
    }
  }
  static int sync(sqlite3_file *file, int flags) {
    one_->pass_gate();
    return sync_(file, flags);
  }
  void pass_gate() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !closed_; });
    --waiting_;
  }

  inline static SlowDisk *one_ = nullptr;
  inline static int (*sync_)(sqlite3_file *, int) = nullptr;  // the same for all kinds of files of "unix"
  sqlite3_vfs *vfs_;
  int (*open_)(sqlite3_vfs *, const char *, sqlite3_file *, int, int *);
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
  int waiting_ = 0;
  std::map<const sqlite3_io_methods *, sqlite3_io_methods> slow_;
};

}  // namespace cordon::test
