#include "vault/format.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "vault/crypto.hpp"
#include "vault/key_file.hpp"
#include "vault/vault_fixture.hpp"
#include "vault/verdict.hpp"

namespace cordon::vault {
namespace {

/// One file of tests/vectors/vault; make.py there says what its lines mean.
struct Vector {
  std::multimap<std::string, std::string> lines;
  std::string file;

  std::string one(const std::string &name) const {
    const auto it = lines.find(name);
    return it == lines.end() ? "" : it->second;
  }
};

std::string unescape(const std::string &text) {
  static const std::map<char, char> kMeanings = {{'n', '\n'}, {'r', '\r'}, {'t', '\t'},
                                                 {'s', ' '},  {'0', '\0'}, {'h', '\xff'}};
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) out += text[i] == '\\' ? kMeanings.at(text[++i]) : text[i];
  return out;
}

void edit(Vector &v) {
  if (const std::string replace = v.one("replace"); !replace.empty()) {
    const auto arrow = replace.find(" =>");
    const std::string old_text = unescape(replace.substr(0, arrow));
    std::string new_text = replace.substr(arrow + 3);
    if (!new_text.empty()) new_text = unescape(new_text.substr(1));
    const auto at = v.file.find(old_text);
    ASSERT_NE(at, std::string::npos) << replace;
    v.file.replace(at, old_text.size(), new_text);
  }
  if (const std::string flip = v.one("flip"); !flip.empty()) {
    const long at = std::stol(flip);
    v.file[at < 0 ? v.file.size() - static_cast<std::size_t>(-at) : static_cast<std::size_t>(at)] ^= 1;
  }
  if (v.lines.contains("append")) v.file.push_back('\0');
  if (const std::string cut = v.one("truncate"); !cut.empty()) v.file.resize(v.file.size() - std::stoul(cut));
}

Vector load(const std::string &name) {
  Vector v;
  std::ifstream in(std::string(CORDON_VAULT_VECTORS) + "/" + name + ".txt");
  EXPECT_TRUE(in.good()) << name;
  std::string line, encoded;
  while (std::getline(in, line) && line != "file:") {
    const auto colon = line.find(": ");
    v.lines.emplace(line.substr(0, colon), line.substr(colon + 2));
  }
  while (std::getline(in, line)) encoded += line;
  encoded.erase(encoded.find_last_not_of('=') + 1);
  v.file = base64_decode(encoded).value();
  if (v.lines.contains("base")) {
    const Vector base = load(v.one("base"));
    v.file = base.file;
    if (!v.lines.contains("key") && !v.lines.contains("passphrase"))
      for (const char *kind : {"key", "passphrase"})
        if (base.lines.contains(kind)) v.lines.emplace(kind, base.one(kind));
    edit(v);
  }
  return v;
}

Credential credential(const Vector &v) {
  if (v.lines.contains("passphrase")) return {Credential::Kind::Passphrase, Secret(v.one("passphrase"))};
  return {Credential::Kind::Key, parse_key(v.one("key"), "vector").value_or(Secret::zeros(kKeySize))};
}

std::string outcome(const Vector &v, std::multimap<std::string, std::string> &secrets) {
  return verdict(v.file, credential(v), secrets);
}

class VaultVector : public testing::TestWithParam<std::string> {};

TEST_P(VaultVector, IsReadAsItSays) {
  const Vector v = load(GetParam());
  std::multimap<std::string, std::string> secrets, expected;
  EXPECT_EQ(outcome(v, secrets), v.one("expect")) << v.one("reason");
  for (const auto &[name, text] : v.lines)
    if (name == "secret") expected.emplace(text.substr(0, text.find('=')), text.substr(text.find('=') + 1));
  EXPECT_EQ(secrets, expected);
}

std::vector<std::string> vector_names() {
  std::vector<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(CORDON_VAULT_VECTORS))
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, VaultVector, testing::ValuesIn(vector_names()),
                         [](const auto &param_info) { return param_info.param; });

TEST(Format, NoSingleBitOfAFileCanChange) {
  Vector v = load("ok_key");
  std::multimap<std::string, std::string> secrets;
  for (std::size_t i = 0; i < v.file.size(); ++i)
    for (const int bit : {0, 5, 7}) {
      v.file[i] = static_cast<char>(v.file[i] ^ (1 << bit));
      ASSERT_NE(outcome(v, secrets), "ok") << "byte " << i << ", bit " << bit;
      v.file[i] = static_cast<char>(v.file[i] ^ (1 << bit));
    }
  ASSERT_EQ(outcome(v, secrets), "ok");
}

TEST(Format, NoByteOfTheHeadCanBecomeAnother) {
  Vector v = load("ok_key");
  std::multimap<std::string, std::string> secrets;
  const std::size_t head = v.file.size() - 4096 - kNonceSize - kTagSize;
  for (std::size_t i = 0; i < head; ++i) {
    const char old = v.file[i];
    for (int c = 0; c < 256; ++c) {
      if (static_cast<char>(c) == old) continue;
      v.file[i] = static_cast<char>(c);
      ASSERT_NE(outcome(v, secrets), "ok") << "byte " << i << " = " << c;
    }
    v.file[i] = old;
  }
}

TEST(Format, AFileCutAnywhereIsMalformed) {
  const std::string text = load("ok_key").file;
  for (std::size_t size = 0; size < text.size(); ++size)
    ASSERT_FALSE(parse_container(std::string_view(text).substr(0, size), "file")) << size;
}

TEST(Format, AnErrorNamesFileLineAndWhatWasExpected) {
  const auto container = parse_container("cordon-vault/v1\n-> keyfile a b\n", "/x/vault");
  ASSERT_FALSE(container);
  EXPECT_EQ(container.error().message,
            "the vault /x/vault is damaged at line 2: expected \"-> keyfile id salt\"; restore it from a backup");
}

TEST(Format, PaddingIsAPowerOfTwoAndThenWholeMebibytes) {
  const std::pair<std::size_t, std::size_t> cases[] = {{1, 4096},          {4096, 4096},       {4097, 8192},
                                                       {600'000, 1 << 20}, {1 << 20, 1 << 20}, {(1 << 20) + 1, 2 << 20},
                                                       {5 << 20, 5 << 20}};
  for (const auto &[size, expected] : cases) EXPECT_EQ(padded_size(size), expected) << size;
}

}  // namespace
}  // namespace cordon::vault
