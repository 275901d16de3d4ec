#include "vault/vault_state.hpp"

namespace cordon::vault {
namespace {

constexpr std::chrono::hours kExpiryNotice{30 * 24};

Json slots_json(const std::vector<Slot> &slots) {
  Json out = Json::array();
  for (const Slot &slot : slots) out.push_back({{"kind", slot.kind()}, {"id", slot.id()}});
  return out;
}

const char *state_name(const Result<void> &fresh, bool missing, bool rolled_back) {
  if (fresh) return "unlocked";
  if (missing) return "missing";
  if (rolled_back) return "rolled_back";
  return fresh.error().status == Status::VaultLocked ? "locked" : "unusable";
}

}  // namespace

Json Vault::status() {
  State &s = *state_;
  const std::lock_guard guard(s.mutex);
  Json out = {{"file", s.settings.file ? Json(*s.settings.file) : Json(nullptr)},
              {"state", s.settings.absent ? "absent" : "memory"},
              {"vault_id", nullptr},
              {"generation", nullptr},
              {"slots", Json::array()},
              {"secrets", Json::array()},
              {"sources", Json::array()},
              {"memory_locked", SecureMemory::instance().locked()},
              {"warnings", Json::array()},
              {"problem", nullptr}};
  for (const KeySource &source : s.settings.unlock) out["sources"].push_back(source.describe());
  if (s.settings.absent) return out;
  if (s.settings.file) {
    const auto fresh = s.refresh();
    const auto content = s.file.read();
    const auto container = content && *content ? parse_container((*content)->text, s.file.path()) : Container();
    out["state"] = state_name(fresh, content && !*content, s.rolled_back);
    if (!fresh) out["problem"] = {{"name", status_name(fresh.error().status)}, {"message", fresh.error().message}};
    if (container && !container->vault_id.empty()) {
      out["vault_id"] = container->vault_id;
      out["generation"] = container->generation;
      out["slots"] = slots_json(container->slots);
    }
  }
  out["secrets"] = s.kept.list();
  out["warnings"] = s.kept.warnings(s.clock.utc(), kExpiryNotice);
  for (const KeySource &source : s.settings.unlock)
    if (const std::string weakness = source.weakness(); !weakness.empty())
      out["warnings"].push_back({{"kind", "weak_key_source"}, {"message", weakness}});
  if (!SecureMemory::instance().locked())
    out["warnings"].push_back({{"kind", "memory_not_locked"},
                               {"message",
                                "secrets could be written to swap: RLIMIT_MEMLOCK of this process is too "
                                "low; raise it (ulimit -l, systemd: LimitMEMLOCK)"}});
  return out;
}

}  // namespace cordon::vault
