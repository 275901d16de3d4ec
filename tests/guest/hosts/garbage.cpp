// Garbage in every argument of every function that abi/symbols.json names, one at a time among good ones.
#include <unistd.h>

#include <climits>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "guest/hosts/host.hpp"

namespace cordon::test {
namespace {

using Word = std::uint64_t;

/// Told by no error, wherever it came from.
constexpr const char *kCanary = "c4n4ry-of-the-garbage";

Word word(const void *pointer) {
  return reinterpret_cast<Word>(pointer);
}

/// One value that does not belong there, and what it may be answered with.
struct Garbage {
  std::string name;
  Word value = 0;
  std::set<std::int32_t> answers;
  std::string named;  ///< what the error's message names
};

/// The good value of a parameter, and what is no good one.
struct Rule {
  Word good = 0;
  std::vector<Garbage> garbage;
};

/// The last error of a call, copied.
struct Answer {
  std::int32_t status = 0;
  std::string message;
  std::string json;
};

/// Texts live as long as the process.
const char *kept(std::string text) {
  static std::vector<std::unique_ptr<std::string>> all;
  all.push_back(std::make_unique<std::string>(std::move(text)));
  return all.back()->c_str();
}

using Statuses = std::set<std::int32_t>;
const Statuses kRefused = {CORDON_E_INVALID_ARGUMENT};

std::vector<Garbage> bad_texts(const std::string &named, const Statuses &of_null, const Statuses &of_text) {
  return {{"NULL", 0, of_null, named},
          {"an empty text", word(kept("")), of_text, named},
          {"1 MiB", word(kept(std::string(1 << 20, 'x') + kCanary)), of_text, named},
          {"no UTF-8", word(kept(std::string("\xff\xfe") + kCanary)), kRefused, named},
          {"a cut sequence", word(kept(std::string(kCanary) + "\xe2\x82")), kRefused, named},
          {"control characters", word(kept(std::string("a\n\x01\x1b[31m\x7f") + kCanary)), of_text, named},
          {"conversions", word(kept(std::string("%s%n%x{}{0}") + kCanary)), of_text, named}};
}

std::vector<Garbage> bad_documents(const std::string &named, const Statuses &of_null) {
  auto all = bad_texts(named, of_null, kRefused);
  const std::string canary = std::string("\"") + kCanary + "\"";
  const std::string deep(100'000, '[');
  const std::pair<const char *, std::string> documents[] = {
      {"an array", "[" + canary + "]"},
      {"a text", canary},
      {"a number", "7"},
      {"a huge number", "1e999"},
      {"huge members", R"({"timeout_ms":1e999,"valid_for_ms":99999999999999999999999999})"},
      {"deep nesting", deep},
      {"deep objects", "{\"a\":" + deep},
      {"the same key twice", "{\"tenant\":" + canary + ",\"tenant\":" + canary + "}"},
      {"an unknown key", "{\"colour\":" + canary + "}"},
      {"a cut document", "{\"tenant\":" + canary},
      {"more behind it", "{} {}"},
      {"a NUL", R"({"tenant":"a\u0000b"})"},
      {"half a surrogate", R"({"tenant":"\ud800"})"}};
  for (const auto &[name, text] : documents) all.push_back({name, word(kept(text)), kRefused, named});
  return all;
}

std::vector<Garbage> bad_times(const std::string &named, bool zero_is_good) {
  std::vector<Garbage> all;
  for (const std::int32_t bad : {-2, -1000, INT32_MIN})
    all.push_back({std::to_string(bad), static_cast<Word>(static_cast<std::uint32_t>(bad)), kRefused, named});
  if (!zero_is_good) all.push_back({"0", 0, kRefused, named});
  return all;
}

class Sweep {
 public:
  Sweep(const Library &library, const World &world)
      : library_(library), world_(world), config_(kept(world.config.dump())) {}

  void run(const nlohmann::json &symbols) {
    for (const auto &symbol : symbols.at("symbols")) run_function(symbol);
    std::printf("%d pieces of garbage in %d functions\n", pieces_, functions_);
  }

 private:
  void open() {
    client_ = std::make_unique<Client>(library_, world_);
    CHECK_SAID(client_->opened().status == CORDON_OK, client_->opened().text);
  }

  void run_function(const nlohmann::json &symbol) {
    const std::string name = symbol.at("name");
    void *const function = dlsym(RTLD_DEFAULT, name.c_str());
    CHECK_SAID(function != nullptr, name);
    if (function == nullptr) return;
    ++functions_;
    open();
    const bool has_status = symbol.at("returns") == "int32_t";
    const auto &params = symbol.at("params");
    for (const auto &param : params) {
      const bool known = !rule_of(name, param).garbage.empty();
      CHECK_SAID(known, "no rule for the parameter " + param.at("name").get<std::string>() + " of " + name);
      if (!known) return;
    }
    for (std::size_t i = 0; i < params.size(); ++i)
      for (std::size_t piece = 0; piece < rule_of(name, params[i]).garbage.size(); ++piece) {
        if (name == "cordon_shutdown" || name == "cordon_client_free") open();
        try_one(name, function, has_status, params, i, piece);
      }
  }

  void try_one(const std::string &name, void *function, bool has_status, const nlohmann::json &params, std::size_t at,
               std::size_t piece) {
    // Whatever a call leaves in an output that is not written shows.
    out_text_ = reinterpret_cast<char *>(Word{1});
    out_error_ = reinterpret_cast<cordon_error *>(Word{1});
    out_client_ = reinterpret_cast<cordon_client *>(Word{1});
    out_fd_ = -2;
    std::vector<Word> words(8);
    Garbage garbage;
    bool gives_error = false;
    bool gives_text = false;
    for (std::size_t i = 0; i < params.size(); ++i) {
      Rule rule = rule_of(name, params[i]);
      words.at(i) = rule.good;
      if (i == at) words.at(i) = (garbage = rule.garbage.at(piece)).value;
      if (words[i] == word(&out_error_)) gives_error = true;
      if (words[i] == word(&out_text_)) gives_text = true;
    }
    ++pieces_;
    const std::string what = name + ", " + params[at].at("name").get<std::string>() + ": " + garbage.name;
    // Every parameter is an integer or a pointer, and each of those has a whole word or slot on 64-bit Linux.
    const Word returned = reinterpret_cast<Word (*)(Word, Word, Word, Word, Word, Word, Word, Word)>(function)(
        words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7]);
    Answer answer;
    answer.status = static_cast<std::int32_t>(returned);
    if (gives_error) {
      CHECK_SAID(out_error_ != reinterpret_cast<cordon_error *>(Word{1}), what);
      if (has_status) CHECK_SAID((answer.status < 0) == (out_error_ != nullptr), what);
      if (out_error_ != nullptr) {
        answer.message = library_->error_message(out_error_);
        answer.json = library_->error_json(out_error_);
        library_->error_free(out_error_);
      }
    }
    if (gives_text) {
      CHECK_SAID(out_text_ != reinterpret_cast<char *>(Word{1}), what);
      CHECK_SAID(answer.status >= 0 || out_text_ == nullptr, what);
      library_->string_free(out_text_);
    }
    if (out_client_ != reinterpret_cast<cordon_client *>(Word{1})) library_->client_free(out_client_);
    if (out_fd_ >= 0) ::close(out_fd_);
    judge(what, garbage, answer, has_status && gives_error);
    expect_usable(what);
  }

  void judge(const std::string &what, const Garbage &garbage, const Answer &answer, bool tells) {
    const std::string said = what + " -> " + std::to_string(answer.status) + " " + answer.json.substr(0, 600);
    if (!garbage.answers.empty()) CHECK_SAID(garbage.answers.contains(answer.status), said);
    CHECK_SAID(answer.json.find(kCanary) == std::string::npos, said);
    CHECK_SAID(answer.json.find(world_.secret) == std::string::npos, said);
    CHECK_SAID(answer.message.find('\n') == std::string::npos, said);
    CHECK_SAID(answer.message.size() < 1'000, said);
    if (tells && answer.status == CORDON_E_INVALID_ARGUMENT)
      CHECK_SAID(answer.message.find(garbage.named) != std::string::npos, said + " does not name " + garbage.named);
    if (tells && answer.status < 0) CHECK_SAID(nlohmann::json::accept(answer.json), said);
  }

  void expect_usable(const std::string &what) {
    if (what.starts_with("cordon_shutdown")) return;  // it may have been shut down
    const Said health = client_->call("health");
    CHECK_SAID(health.status == CORDON_OK, what + " left " + health.text);
  }

  std::vector<Garbage> bad_handles() {
    static int here = 0;
    static const Word freed_memory = [] {
      const auto gone = std::make_unique<int>(0);
      return word(gone.get());
    }();
    if (freed_handle_ == 0) {
      Client gone(library_, world_);
      freed_handle_ = word(gone.handle());
    }
    const Word live = word(client_->handle());
    const Statuses refused = {CORDON_E_INVALID_HANDLE};
    return {{"NULL", 0, refused, "client"},
            {"1", 1, refused, "client"},
            {"all bits", ~Word{0}, refused, "client"},
            {"a neighbour", live + 2, refused, "client"},
            {"another bit", live ^ 4, refused, "client"},
            {"without its mark", live & ~Word{1}, refused, "client"},
            {"an address", word(&here), refused, "client"},
            {"an odd address", word(&here) + 1, refused, "client"},
            {"the stack", word(&refused), refused, "client"},
            {"freed memory", freed_memory, refused, "client"},
            {"a freed handle", freed_handle_, refused, "client"},
            {"a function", word(dlsym(RTLD_DEFAULT, "cordon_init")), refused, "client"},
            {"a text", word(config_), refused, "client"}};
  }

  /// By type where that says enough, else by name. Without garbage: nobody has thought of it yet.
  Rule rule_of(const std::string &function, const nlohmann::json &param) {
    const std::string type = param.at("type");
    const std::string name = param.at("name");
    // An output that is not wanted changes nothing; what the call answers does not depend on it.
    if (type == "cordon_error **") return {word(&out_error_), {{"NULL", 0, {}, ""}}};
    if (type == "cordon_client **") return {word(&out_client_), {{"NULL", 0, {CORDON_OK}, ""}}};
    if (type == "char **") return {word(&out_text_), {{"NULL", 0, {}, ""}}};
    if (type == "int32_t *") return {word(&out_fd_), {{"NULL", 0, {CORDON_OK}, ""}}};
    // What is no error or text of Cordon's is the host's own mistake; NULL is none.
    if (type == "const cordon_error *" && name == "error")
      return {0, {{"NULL", 0, function == "cordon_error_status" ? kRefused : Statuses(), ""}}};
    if (type == "cordon_error *" || type == "char *") return {0, {{"NULL", 0, {}, ""}}};
    if (type == "cordon_client *") {
      Rule rule{word(client_->handle()), bad_handles()};
      if (function == "cordon_client_free")
        for (Garbage &garbage : rule.garbage) garbage.answers.clear();
      return rule;
    }
    if (type == "const char *") return rule_of_text(function, name);
    return rule_of_number(function, type, name);
  }

  Rule rule_of_text(const std::string &function, const std::string &name) {
    const bool acts = function == "cordon_restrict_code_execution" || function == "cordon_stop_and_quarantine";
    if (name == "machine_id") return {word(world_.machines.at(0).c_str()), bad_texts(name, kRefused, kRefused)};
    if (name == "sha1") return {word(kept(std::string(40, 'a'))), bad_texts(name, kRefused, kRefused)};
    if (name == "comment") {
      Rule rule{word(kept("garbage")), bad_texts(name, kRefused, kRefused)};
      for (Garbage &garbage : rule.garbage)  // characters of any kind may be why
        if (garbage.name == "control characters" || garbage.name == "conversions")
          garbage.answers = {CORDON_E_INVALID_ARGUMENT, CORDON_DRY_RUN};
      return rule;
    }
    if (name == "options_json") {
      const char *good = acts                               ? R"({"dry_run":true})"
                         : function == "cordon_vault_rekey" ? R"({"action":"add_slot","kind":"key"})"
                                                            : nullptr;
      return {word(good == nullptr ? nullptr : kept(good)), bad_documents("options", {})};
    }
    if (name == "config_json") return {word(config_), bad_documents("config", kRefused)};
    if (name == "request_json") {
      const bool submits = function == "cordon_submit";
      const std::string request =
          submits ? R"({"machine_id":")" + world_.machines.at(1) + R"(","comment":"garbage"})" : "{}";
      return {word(kept(request)), bad_documents("request", submits ? kRefused : Statuses{CORDON_OK})};
    }
    const Statuses unknown = {CORDON_E_NOT_SUPPORTED, CORDON_E_INVALID_ARGUMENT};
    if (name == "operation")
      return {word(kept(function == "cordon_submit" ? "restrict_code_execution" : "health")),
              bad_texts(name, kRefused, unknown)};
    const char *const id = kept("6a1f2c3d-0b4e-4f5a-9c6d-7e8f90a1b2c3");
    if (name == "action_or_request_id" || name == "request_id") return {word(id), bad_texts("id", kRefused, kRefused)};
    if (name == "call_id")
      return {word(kept("nobody")), bad_texts(name, kRefused, {CORDON_E_NOT_FOUND, CORDON_E_INVALID_ARGUMENT})};
    if (name == "kind") return {word(kept("key")), bad_texts(name, kRefused, kRefused)};
    if (name == "name")
      return {word(kept("garbage")), bad_texts(name, kRefused, {CORDON_E_NOT_FOUND, CORDON_E_INVALID_ARGUMENT})};
    return {};
  }

  Rule rule_of_number(const std::string &function, const std::string &type, const std::string &name) {
    if (type == "const void *") {
      static const std::string secret = std::string(kCanary) + "-32-bytes--";
      return {word(secret.data()), {{"NULL with a length", 0, kRefused, name}}};
    }
    // As many bytes as no secret has; none of them is read.
    if (type == "size_t") {
      const std::string bytes = function == "cordon_vault_unlock"  ? "secret"
                                : function == "cordon_vault_rekey" ? "new_secret"
                                                                   : "value";
      return {32,
              {{"all bits", ~Word{0}, kRefused, bytes},
               {"half of them", Word{1} << 63, kRefused, bytes},
               {"a TiB", Word{1} << 40, kRefused, bytes}}};
    }
    if (type == "int32_t" && name == "timeout_ms") return {20'000, bad_times(name, false)};
    if (type == "int32_t" && name == "wait_ms") return {0, bad_times(name, true)};
    if (type == "int32_t" && name == "status")
      return {0, {{"INT32_MIN", Word{1} << 31, {}, ""}, {"INT32_MAX", INT32_MAX, {}, ""}, {"12345", 12'345, {}, ""}}};
    const Statuses unsupported = {CORDON_E_UNSUPPORTED_ABI};
    if (type == "uint32_t" && name == "host_abi")
      return {CORDON_ABI_VERSION,
              {{"0", 0, unsupported, ""},
               {"all bits", UINT32_MAX, unsupported, ""},
               {"the next major", CORDON_ABI_VERSION + 1'000'000, unsupported, ""},
               {"a newer minor", CORDON_ABI_VERSION + 999'000, unsupported, ""}}};
    if (type == "uint32_t" && name == "major")
      return {1, {{"0", 0, {0}, ""}, {"2", 2, {0}, ""}, {"all bits", UINT32_MAX, {0}, ""}}};
    return {};
  }

  const Library &library_;
  const World &world_;
  const char *config_;
  std::unique_ptr<Client> client_;
  Word freed_handle_ = 0;
  char *out_text_ = nullptr;
  cordon_error *out_error_ = nullptr;
  cordon_client *out_client_ = nullptr;
  std::int32_t out_fd_ = -1;
  int pieces_ = 0;
  int functions_ = 0;
};

/// SYMBOLS: the file that names every function.
SCENARIO(garbage_in_every_argument) {
  const Library library(world.library, RTLD_NOW | RTLD_GLOBAL);
  Sweep(library, world).run(nlohmann::json::parse(read_file(world.arguments.at(0))));
}

}  // namespace
}  // namespace cordon::test
