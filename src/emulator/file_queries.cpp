#include <algorithm>

#include "base/text.hpp"
#include "emulator/call.hpp"
#include "emulator/listing.hpp"

namespace cordon::emulator {
namespace {

bool is_hash(std::string_view text, std::initializer_list<std::size_t> sizes) {
  return std::find(sizes.begin(), sizes.end(), text.size()) != sizes.end() &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_hex_digit(static_cast<unsigned char>(c)); });
}

}  // namespace

Answer get_file(Call &call) {
  if (!is_hash(call.argument, {40, 64}))
    return refuse(400, "InvalidHashValue", "The file hash is neither a SHA-1 nor a SHA-256");
  const FileRecord *file = call.fleet.find_file(call.argument);
  if (file == nullptr) return refuse(404, "ResourceNotFound", "File " + call.argument + " was not found");
  return odata_reply(200, "Files/$entity", to_json(*file));
}

/// An unknown file gives an empty list (mde-api §8).
Answer list_file_machines(Call &call) {
  if (!is_hash(call.argument, {40})) return refuse(400, "InvalidHashValue", "The file hash is not a SHA-1");
  std::vector<const Machine *> machines;
  if (const FileRecord *file = call.fleet.find_file(call.argument))
    for (const Machine &machine : call.fleet.machines())
      if (machine.knows(file->sha1)) machines.push_back(&machine);
  return list_reply(call, machine_type(), std::move(machines), "Machines");
}

}  // namespace cordon::emulator
