// What surrounds a host: locale, umask, working directory, time zone, environment, user.
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <locale>
#include <thread>

#include "guest/hosts/host.hpp"

namespace cordon::test {
namespace {

/// What a client does that has to do with numbers, names, times and messages.
void use(const Library &library, const World &world, const nlohmann::json &config, std::size_t machine) {
  const Client client(library, world, config);
  expect_acts(client, world.machines.at(machine));
  const Said listed = client.call("list_requests");
  CHECK_SAID(listed.status == CORDON_OK, listed.text);
  CHECK_SAID(client.call("audit_verify").status == CORDON_OK, "audit");
  const Said health = client.call("health");
  CHECK_SAID(health.status == CORDON_OK, health.text);
  CHECK(!nlohmann::json::parse(health.text, nullptr, false).is_discarded());
  const Said wrong = client.call("get_machine", R"({"machine_id":"I"})");
  CHECK_SAID(wrong.status == CORDON_E_INVALID_ARGUMENT, wrong.text);
}

/// ARGUMENTS: the locale's name. C's and C++'s are set for the process, as some hosts do.
SCENARIO(foreign_locale) {
  const char *name = world.arguments.at(0).c_str();
  if (std::setlocale(LC_ALL, name) == nullptr) std::exit(77);
  std::locale::global(std::locale(name));
  const std::string before = std::setlocale(LC_ALL, nullptr);
  const std::string point = std::localeconv()->decimal_point;
  const Library library(world.library);
  use(library, world, world.config, 0);
  nlohmann::json wrong = world.config;
  wrong["state_dir"] = "/proc/nowhere";
  const Said refused = Client(library, world, wrong).opened();
  CHECK_SAID(refused.text.find("No such file or directory") != std::string::npos, refused.text);
  CHECK(std::setlocale(LC_ALL, nullptr) == before && std::localeconv()->decimal_point == point);
  CHECK(std::locale().name() == std::locale(name).name());
}

mode_t mode_of(const std::filesystem::path &path) {
  struct stat found {};
  return lstat(path.c_str(), &found) == 0 ? found.st_mode & 07777 : 0;
}

bool become_nobody() {
  const passwd *nobody = getpwnam("nobody");
  return nobody != nullptr && setgroups(0, nullptr) == 0 && setgid(nobody->pw_gid) == 0 && setuid(nobody->pw_uid) == 0;
}

/// A directory that nobody owns, with a copy of the emulator's CA, for the world's is root's alone. Exits with 77 when
/// this process may not become nobody.
std::filesystem::path home_of_nobody(nlohmann::json &config) {
  const passwd *nobody = getpwnam("nobody");
  if (geteuid() != 0 || nobody == nullptr) std::exit(77);
  std::string pattern = (std::filesystem::temp_directory_path() / "cordon-nobody-XXXXXX").string();
  CHECK(mkdtemp(pattern.data()) != nullptr);
  const std::filesystem::path home = pattern;
  std::filesystem::copy_file(config["http"]["ca_file"].get<std::string>(), home / "ca.pem");
  config["http"]["ca_file"] = (home / "ca.pem").string();
  config["state_dir"] = (home / "state").string();
  chmod((home / "ca.pem").c_str(), 0644);
  CHECK(chown(home.c_str(), nobody->pw_uid, nobody->pw_gid) == 0);
  return home;
}

/// ARGUMENTS: the umask in octal. What Cordon makes is its owner's alone, and can be used by it.
SCENARIO(umask_of_the_host) {
  const auto mask = static_cast<mode_t>(std::stoul(world.arguments.at(0), nullptr, 8));
  const Library library(world.library);
  nlohmann::json config = world.config;
  const auto home = home_of_nobody(config);
  CHECK(in_fork([&] {
    CHECK(become_nobody());
    umask(mask);
    config["log"] = {{"file", (home / "log").string()}, {"level", "debug"}};
    config["vault"] = {{"file", (home / "vault").string()}, {"unlock", {{{"key_file", (home / "key").string()}}}}};
    const int key = open((home / "key").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0400);
    CHECK(write(key, std::string(64, 'e').data(), 64) == 64 && fchmod(key, 0400) == 0);
    close(key);
    for (std::size_t i = 0; i < 2; ++i) use(library, world, config, i);
    for (const auto &entry : std::filesystem::recursive_directory_iterator(home)) {
      const std::string name = entry.path().filename();
      if (name == "ca.pem" || name == "key") continue;
      const mode_t wanted = entry.is_directory() ? 0700 : 0600;
      CHECK_SAID(mode_of(entry.path()) == wanted, entry.path().string() + " " + std::to_string(mode_of(entry.path())));
    }
    CHECK(umask(0) == mask);
  }));
  std::filesystem::remove_all(home);
}

/// A directory that this user may not write to, in its various ways: the message says what to do.
SCENARIO(no_rights) {
  const Library library(world.library);
  nlohmann::json config = world.config;
  const auto home = home_of_nobody(config);
  CHECK(in_fork([&] {
    CHECK(become_nobody());
    const auto refused = [&](const std::string &state_dir, const char *says) {
      config["state_dir"] = state_dir;
      const Said opened = Client(library, world, config).opened();
      CHECK_SAID(opened.status == CORDON_E_LEDGER, opened.text);
      CHECK_SAID(opened.text.find(says) != std::string::npos, opened.text);
    };
    refused("/cordon-state", "can't be made");
    refused("/etc", "change its owner");
    mkdir((home / "read-only").c_str(), 0500);
    refused(home / "read-only", "Permission denied");
    // One that has become so.
    config["state_dir"] = (home / "was").string();
    use(library, world, config, 0);
    chmod((home / "was").c_str(), 0500);
    chmod((home / "was" / "ledger.db").c_str(), 0400);
    refused(home / "was", "give its user write access");
    chmod((home / "was").c_str(), 0700);
    chmod((home / "was" / "ledger.db").c_str(), 0600);
    use(library, world, config, 1);
  }));
  std::filesystem::remove_all(home);
}

SCENARIO(moves_about) {
  const Library library(world.library);
  const auto gone = world.directory / "gone";
  std::filesystem::create_directory(gone);
  CHECK(chdir(gone.c_str()) == 0);
  nlohmann::json config = world.config;
  config["log"] = {{"file", "log"}, {"level", "debug"}};  // the one path that may be relative: it is opened once
  {
    const Client client(library, world, config);
    CHECK(chdir("/") == 0);
    expect_acts(client, world.machines.at(0));
    CHECK(chdir(gone.c_str()) == 0);
    std::filesystem::remove_all(gone);
    expect_acts(client, world.machines.at(1));
    CHECK(library->reload(client.handle(), config.dump().c_str(), nullptr) == CORDON_OK);
    expect_acts(client, world.machines.at(2));
    CHECK(client.call("ledger_check").status == CORDON_OK);
  }
  nlohmann::json relative = world.config;
  relative["state_dir"] = "state";
  const Said refused = Client(library, world, relative).opened();
  CHECK_SAID(refused.status == CORDON_E_INVALID_ARGUMENT, refused.text);
  CHECK_SAID(refused.text.find("/state_dir") != std::string::npos, refused.text);
}

/// The time zone and a proxy change all the time while clients come, act and go. Variables that are there change in
/// place: what libraries look up once at their first use would crash in getenv() beside a setenv() that makes room.
SCENARIO(environment_that_changes) {
  const Library library(world.library);
  setenv("TZ", "UTC", 1);
  setenv("HTTPS_PROXY", "", 1);
  nlohmann::json config = world.config;
  config["http"]["proxy"] = "";
  use(library, world, config, 0);
  std::atomic<bool> over{false};
  std::thread changing([&] {
    const char *zones[] = {"Pacific/Kiritimati", "America/St_Johns", "UTC", ":/nonexistent"};
    for (int i = 0; !over; ++i) {
      setenv("TZ", zones[i % 4], 1);
      tzset();
      setenv("HTTPS_PROXY", i % 2 == 0 ? "http://127.0.0.1:1" : "http://127.0.0.1:2", 1);
    }
  });
  for (std::size_t i = 1; i < 4; ++i) use(library, world, config, i);
  over = true;
  changing.join();
}

SCENARIO(bare_environment) {
  clearenv();
  CHECK(chdir("/") == 0);
  const Library library(world.library);
  use(library, world, world.config, 0);
}

}  // namespace
}  // namespace cordon::test
