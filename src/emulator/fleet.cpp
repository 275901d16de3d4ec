#include "emulator/fleet.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace cordon::emulator {

using namespace std::chrono_literals;

void Fleet::add(Machine machine) {
  const auto [entry, is_new] = by_id_.try_emplace(machine.id, machines_.size());
  by_name_[to_lower(machine.name)] = entry->second;
  if (is_new)
    machines_.push_back(std::move(machine));
  else
    machines_[entry->second] = std::move(machine);
}

void Fleet::add(FileRecord file) {
  const auto [entry, is_new] = by_hash_.try_emplace(file.sha1, files_.size());
  if (!file.sha256.empty()) by_hash_[file.sha256] = entry->second;
  if (is_new)
    files_.push_back(std::move(file));
  else
    files_[entry->second] = std::move(file);
}

Machine *Fleet::find(std::string_view id) {
  const auto found = by_id_.find(to_lower(id));
  return found == by_id_.end() ? nullptr : &machines_[found->second];
}

const Machine *Fleet::find(std::string_view id) const {
  return const_cast<Fleet *>(this)->find(id);
}

const Machine *Fleet::find_by_name(std::string_view name) const {
  const auto found = by_name_.find(to_lower(name));
  return found == by_name_.end() ? nullptr : &machines_[found->second];
}

const FileRecord *Fleet::find_file(std::string_view sha1_or_sha256) const {
  const auto found = by_hash_.find(to_lower(sha1_or_sha256));
  return found == by_hash_.end() ? nullptr : &files_[found->second];
}

Machine make_client(std::string name, SeededRandom &random, UtcTicks now) {
  Machine machine;
  machine.id = random.hex(40);
  machine.name = std::move(name);
  machine.ip = fmt::format("10.{}.{}.{}", random.below(256), random.below(256), 1 + random.below(254));
  machine.aad_device_id = random.uuid();
  machine.first_seen = now - random.between(24h * 100, 24h * 400);
  machine.last_seen = now - random.between(1min, 20h);
  return machine;
}

MadeFleet make_fleet(std::size_t machines, std::string_view domain, SeededRandom &random, UtcTicks now) {
  MadeFleet made;
  for (int i = 0; i < 5; ++i) {
    FileRecord file;
    file.sha1 = random.hex(40);
    file.sha256 = random.hex(64);
    file.name = fmt::format("payload{}.exe", i + 1);
    made.files.push_back(file.sha1);
    made.fleet.add(std::move(file));
  }
  FileRecord system_file;
  system_file.sha1 = made.microsoft_signed_file = random.hex(40);
  system_file.sha256 = random.hex(64);
  system_file.name = "svchost.exe";
  system_file.publisher = "Microsoft Windows";
  system_file.prevalence = 900'000'000;
  system_file.microsoft_signed = true;
  made.fleet.add(std::move(system_file));

  for (std::size_t i = 0; i < machines; ++i) {
    Machine machine = make_client(fmt::format("ws-{:03}.{}", i + 1, domain), random, now);
    made.machines.push_back(machine.id);
    made.fleet.add(std::move(machine));
  }

  const auto play = [&](std::string_view name, const auto &dress) {
    Machine machine = make_client(fmt::format("{}.{}", name, domain), random, now);
    dress(machine);
    std::string id = machine.id;
    made.fleet.add(std::move(machine));
    return id;
  };
  made.cast.online = play("cast-online", [](Machine &) {});
  made.cast.offline = play("cast-offline", [&](Machine &machine) {
    machine.behaviour = Behaviour::Offline;
    machine.health = "Inactive";
    machine.last_seen = now - 24h * 9;
  });
  made.cast.fails = play("cast-fails", [](Machine &machine) { machine.behaviour = Behaviour::Fails; });
  made.cast.linux_host = play("cast-linux", [](Machine &machine) {
    machine.os_platform = "Ubuntu";
    machine.version = "22.4";
    machine.os_build = 0;
    machine.aad_device_id.clear();
  });
  made.cast.server = play("cast-server", [](Machine &machine) {
    machine.os_platform = "WindowsServer2022";
    machine.version = "21H2";
    machine.os_build = 20348;
    machine.group_id = 12;
    machine.group_name = "Servers";
    machine.tags = {"tier0"};
  });
  made.cast.slow = play("cast-slow", [](Machine &machine) { machine.behaviour = Behaviour::Slow; });
  made.cast.merged = play("cast-merged", [&](Machine &machine) {
    machine.behaviour = Behaviour::Offline;
    machine.health = "Inactive";
    machine.merged_into = made.cast.online;
  });
  return made;
}

}  // namespace cordon::emulator
