// A host that uses the same SQLite.
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>

#include "guest/hosts/host.hpp"

namespace cordon::test {
namespace {

std::string ledger_file(const World &world) {
  return world.config["state_dir"].get<std::string>() + "/ledger.db";
}

void use_own(const std::string &file = ":memory:") {
  sqlite3 *own = nullptr;
  CHECK(sqlite3_open(file.c_str(), &own) == SQLITE_OK);
  CHECK(sqlite3_exec(own, "CREATE TABLE t (x); INSERT INTO t VALUES (1)", nullptr, nullptr, nullptr) == SQLITE_OK);
  CHECK(sqlite3_close(own) == SQLITE_OK);
}

/// Argument: "single", "multi" or "serialized", which the host has set before.
SCENARIO(sqlite_threading) {
  const std::string mode = world.arguments.at(0);
  CHECK(sqlite3_config(mode == "single"  ? SQLITE_CONFIG_SINGLETHREAD
                       : mode == "multi" ? SQLITE_CONFIG_MULTITHREAD
                                         : SQLITE_CONFIG_SERIALIZED) == SQLITE_OK);
  const Library library(world.library);
  const Client client(library, world);
  if (mode == "single") {
    CHECK_SAID(client.opened().status == CORDON_E_LEDGER, client.opened().text);
    CHECK_SAID(client.opened().text.find("SQLITE_CONFIG_MULTITHREAD") != std::string::npos, client.opened().text);
  } else {
    std::thread beside([] {
      for (int i = 0; i < 50; ++i) use_own();
    });
    expect_acts(client, world.machines.at(0));
    beside.join();
  }
}

std::atomic<int> g_opened_by_default{0};

int refuse_to_open(sqlite3_vfs *, const char *, sqlite3_file *file, int, int *) {
  ++g_opened_by_default;
  file->pMethods = nullptr;
  return SQLITE_CANTOPEN;
}

/// The ledger's locks are those of the system, whatever file system the host's own databases are on.
SCENARIO(sqlite_own_default_vfs) {
  static sqlite3_vfs own = *sqlite3_vfs_find("unix");
  own.zName = "the host's";
  own.pNext = nullptr;
  own.xOpen = refuse_to_open;
  CHECK(sqlite3_vfs_register(&own, 1) == SQLITE_OK);
  const Library library(world.library);
  const Client client(library, world);
  expect_acts(client, world.machines.at(0));
  CHECK(g_opened_by_default == 0);
}

std::atomic<long> g_sqlite_blocks{0};
sqlite3_mem_methods g_system;

SCENARIO(sqlite_own_settings) {
  CHECK(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &g_system) == SQLITE_OK);
  sqlite3_mem_methods own = g_system;
  own.xMalloc = [](int size) { return ++g_sqlite_blocks, g_system.xMalloc(size); };
  own.xFree = [](void *block) { --g_sqlite_blocks, g_system.xFree(block); };
  CHECK(sqlite3_config(SQLITE_CONFIG_MALLOC, &own) == SQLITE_OK);
  CHECK(sqlite3_config(SQLITE_CONFIG_URI, 1) == SQLITE_OK);
  CHECK(sqlite3_config(SQLITE_CONFIG_MMAP_SIZE, sqlite3_int64{1} << 30, sqlite3_int64{1} << 30) == SQLITE_OK);
  CHECK(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) == SQLITE_OK);
  CHECK(sqlite3_enable_shared_cache(1) == SQLITE_OK);
  sqlite3_soft_heap_limit64(64 * 1024);
  const Library library(world.library);
  const auto round = [&](std::size_t machine) {
    use_own();
    const Client client(library, world);
    expect_acts(client, world.machines.at(machine));
    // Mapped pages would end the process by SIGBUS once another program cuts the file.
    CHECK(read_file("/proc/self/maps").find("/ledger.db\n") == std::string::npos);
  };
  round(0);
  const long after_one = g_sqlite_blocks;
  round(1);
  CHECK_SAID(g_sqlite_blocks == after_one,
             std::to_string(after_one) + " blocks became " + std::to_string(g_sqlite_blocks));
}

/// What does not fit is told, and nothing is lost by it.
SCENARIO(sqlite_hard_heap_limit) {
  const Library library(world.library);
  const Client client(library, world);
  expect_acts(client, world.machines.at(0));
  sqlite3_hard_heap_limit64(1024);
  const Said told = client.act(world.machines.at(1));
  CHECK_SAID(told.status == CORDON_E_OUT_OF_MEMORY, told.text);
  sqlite3_hard_heap_limit64(0);
  expect_acts(client, world.machines.at(1));
}

/// The host ends SQLite before the first client and behind the last.
SCENARIO(sqlite_shutdown_between) {
  const Library library(world.library);
  for (std::size_t i = 0; i < 3; ++i) {
    use_own();
    CHECK(sqlite3_shutdown() == SQLITE_OK);
    const Client client(library, world);
    expect_acts(client, world.machines.at(i));
  }
  CHECK(sqlite3_shutdown() == SQLITE_OK);
  use_own();
}

int g_extended = 0;

/// An extension that watches and hampers every connection of the process.
int hamper(sqlite3 *db, char **, const void *) {
  ++g_extended;
  sqlite3_set_authorizer(
      db, [](void *, int, const char *, const char *, const char *, const char *) { return SQLITE_DENY; }, nullptr);
  sqlite3_progress_handler(
      db, 1, [](void *) { return 1; }, nullptr);
  sqlite3_commit_hook(
      db, [](void *) { return 1; }, nullptr);
  sqlite3_trace_v2(
      db, SQLITE_TRACE_STMT,
      [](unsigned, void *, void *, void *) {
        check(false, "a statement of the ledger's is shown to a trace of the host's");
        return 0;
      },
      nullptr);
  sqlite3_busy_timeout(db, 1);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  return SQLITE_OK;
}

int fail_to_load(sqlite3 *, char **message, const void *) {
  *message = sqlite3_mprintf("the host's extension can't be loaded");
  return SQLITE_ERROR;
}

using EntryPoint = void (*)();

SCENARIO(sqlite_auto_extension) {
  CHECK(sqlite3_auto_extension(reinterpret_cast<EntryPoint>(hamper)) == SQLITE_OK);
  const Library library(world.library);
  const Client client(library, world);
  expect_acts(client, world.machines.at(0));
  CHECK(g_extended > 0);
  CHECK(sqlite3_auto_extension(reinterpret_cast<EntryPoint>(fail_to_load)) == SQLITE_OK);
  nlohmann::json elsewhere = world.config;
  elsewhere["state_dir"] = (world.directory / "elsewhere").string();
  const Client refused(library, world, elsewhere);
  CHECK_SAID(refused.opened().status == CORDON_E_LEDGER, refused.opened().text);
  CHECK_SAID(refused.opened().text.find("sqlite3_auto_extension") != std::string::npos, refused.opened().text);
}

/// Another process with a client on the same ledger, to be had in a moment. Forked before the library is loaded.
class Neighbour {
 public:
  Neighbour(const World &world, std::size_t machine) {
    if (pipe2(turn_, O_CLOEXEC) != 0) std::abort();
    child_ = fork();
    if (child_ != 0) return;
    char stroke = 0;
    close(turn_[1]);
    const bool wanted = read(turn_[0], &stroke, 1) == 1;
    if (wanted) {
      const Library library(world.library);
      const Client client(library, world);
      expect_acts(client, world.machines.at(machine));
    }
    _exit(broken() == 0 ? 0 : 1);
  }
  ~Neighbour() {
    if (child_ > 0) acts();
  }
  Neighbour(const Neighbour &) = delete;
  Neighbour &operator=(const Neighbour &) = delete;
  /// Opens its client, acts, and ends.
  void acts() {
    (void)!write(turn_[1], ".", 1);
    close(turn_[0]);
    close(turn_[1]);
    int status = 0;
    CHECK(waitpid(std::exchange(child_, -1), &status, 0) > 0 && status == 0);
  }

 private:
  int turn_[2] = {-1, -1};
  pid_t child_ = -1;
};

/// Everything that was accepted is in the ledger, and it is whole.
void expect_all_there(const World &world, const Library &library, std::size_t accepted) {
  const Client client(library, world);
  CHECK_SAID(client.opened().status == CORDON_OK, client.opened().text);
  const auto listed = nlohmann::json::parse(client.call("list_requests").text);
  CHECK_SAID(listed["requests"].size() == accepted, listed.dump());
  for (const char *check : {"audit_verify", "ledger_check"}) {
    const Said said = client.call(check);
    CHECK_SAID(said.status == CORDON_OK, said.text);
  }
}

/// The host reads the ledger by SQLite, or copies its files as a backup does, while a client is at work here and others
/// come and go in other processes. Argument: "sqlite" or "files".
SCENARIO(sqlite_same_file) {
  Neighbour first(world, 0);
  Neighbour second(world, 1);
  const Library library(world.library);
  {
    const Client client(library, world);
    expect_acts(client, world.machines.at(2));
    const auto reads = [&] {
      if (world.arguments.at(0) == "sqlite") {
        sqlite3 *own = nullptr;
        CHECK(sqlite3_open_v2(ledger_file(world).c_str(), &own, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK);
        CHECK(sqlite3_exec(own, "SELECT * FROM requests", nullptr, nullptr, nullptr) == SQLITE_OK);
        CHECK(sqlite3_close(own) == SQLITE_OK);
      } else {
        std::filesystem::remove_all(world.directory / "copy");
        std::filesystem::copy(world.config["state_dir"].get<std::string>(), world.directory / "copy");
      }
    };
    reads();
    first.acts();
    expect_acts(client, world.machines.at(3));
    reads();
    second.acts();
    expect_acts(client, world.machines.at(4));
  }
  expect_all_there(world, library, 5);
}

/// In a process of its own: a fork would inherit what SQLite knows of the file.
void other_program_reads(const std::string &file) {
  const std::string command = "exec /usr/bin/python3 -c 'import sqlite3; c = sqlite3.connect(\"" + file +
                              "\"); print(len(c.execute(\"SELECT * FROM requests\").fetchall())); c.close()'";
  CHECK(std::system(command.c_str()) == 0);
}

/// The files' own locks are gone, and a program that knows nothing of Cordon opens and closes the ledger: it removes
/// what this process goes on writing into. Nothing may be told as recorded, or be sent, that nobody would find again.
SCENARIO(sqlite_log_removed_by_another_program) {
  const Library library(world.library);
  {
    const Client client(library, world);
    expect_acts(client, world.machines.at(0));
    std::filesystem::copy(world.config["state_dir"].get<std::string>(), world.directory / "copy");
    other_program_reads(ledger_file(world));
    CHECK(!std::filesystem::exists(ledger_file(world) + "-wal"));
    const Said refused = client.act(world.machines.at(1));
    CHECK_SAID(refused.status == CORDON_E_LEDGER, refused.text);
    CHECK_SAID(refused.text.find("write-ahead log") != std::string::npos, refused.text);
  }
  expect_all_there(world, library, 1);
  const Client client(library, world);
  expect_acts(client, world.machines.at(1));
}

}  // namespace
}  // namespace cordon::test
