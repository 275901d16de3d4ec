// vault_verdict: reads "<key|passphrase> <size of the credential> <size of the file>\n" and those bytes from standard
// input, again and again; answers each with a line, "malformed", "wrong-key", "corrupt", or "ok" and for each secret
// " name=<hex>". Aborts if Argon2id is run beyond the format's caps.
#include <dlfcn.h>
#include <sodium.h>

#include <cstdlib>
#include <iostream>

#include "vault/verdict.hpp"

namespace {

using namespace cordon;
using namespace cordon::vault;

std::string read_bytes(std::size_t size) {
  std::string out(size, '\0');
  std::cin.read(out.data(), static_cast<std::streamsize>(size));
  return out;
}

std::string hex(std::string_view bytes) {
  std::string out(2 * bytes.size() + 1, '\0');
  sodium_bin2hex(out.data(), out.size(), reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size());
  out.pop_back();
  return out;
}

}  // namespace

/// In place of libsodium's, which it calls: every pass and every KiB is counted.
extern "C" int crypto_pwhash(unsigned char *out, unsigned long long out_size, const char *password,
                             unsigned long long password_size, const unsigned char *salt, unsigned long long passes,
                             size_t memory, int algorithm) {
  if (passes < 1 || passes > kMaxPasses || memory > std::size_t{kMaxMemoryKib} * 1024) std::abort();
  static const auto real =
      reinterpret_cast<decltype(&crypto_pwhash)>(dlsym(RTLD_NEXT, "crypto_pwhash"));  // NOLINT: what dlsym is for
  return real(out, out_size, password, password_size, salt, passes, memory, algorithm);
}

int main() {
  std::ios::sync_with_stdio(false);
  std::string kind;
  std::size_t credential_size = 0, file_size = 0;
  while (std::cin >> kind >> credential_size >> file_size) {
    std::cin.get();
    const Credential credential{kind == "key" ? Credential::Kind::Key : Credential::Kind::Passphrase,
                                Secret(read_bytes(credential_size))};
    std::multimap<std::string, std::string> secrets;
    std::cout << verdict(read_bytes(file_size), credential, secrets);
    for (const auto &[name, value] : secrets) std::cout << ' ' << name << '=' << hex(value);
    std::cout << '\n' << std::flush;
  }
  return 0;
}
