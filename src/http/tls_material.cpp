#include "http/tls_material.hpp"

#include <curl/curl.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>

#include "base/descriptor.hpp"
#include "base/open_file.hpp"
#include "base/secret_file.hpp"
#include "base/system_reason.hpp"
#include "base/text.hpp"

namespace cordon::http {
namespace {

constexpr std::size_t kLongestCaFile = 16u << 20;
constexpr std::size_t kLongestClientFile = 256 * 1024;
/// How soon a rotated file is noticed without a reload.
constexpr std::chrono::seconds kLookInterval(10);

tl::unexpected<Error> refuse_tls(const char *member, const std::string &problem) {
  return fail(Error(Status::Tls, fmt::format("http.{} {}", member, problem)).at(fmt::format("/http/{}", member)));
}

/// nullopt with errno when it can't be read as a whole.
std::optional<std::string> read_regular_file(const std::string &path) {
  const Descriptor file(open_file(path, O_RDONLY | O_NONBLOCK));
  if (!file) return std::nullopt;
  struct stat found {};
  if (fstat(file.get(), &found) != 0) return std::nullopt;
  errno = S_ISDIR(found.st_mode) ? EISDIR : EFBIG;
  if (!S_ISREG(found.st_mode) || static_cast<std::size_t>(found.st_size) > kLongestCaFile) return std::nullopt;
  std::string text(static_cast<std::size_t>(found.st_size), '\0');
  const auto size = read_up_to(file, text.data(), text.size());
  if (!size) return std::nullopt;
  text.resize(*size);
  return text;
}

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; at += part.size()) ++count;
  return count;
}

void trust(TlsMaterial &material, const std::vector<CertificatePtr> &certificates) {
  for (const CertificatePtr &one : certificates) X509_STORE_add_cert(material.trusted.get(), one.get());
}

void note_authorities(TlsMaterial &material, const std::vector<CertificatePtr> &certificates) {
  for (const CertificatePtr &one : certificates)
    material.authorities.push_back({text_of(X509_get_subject_name(one.get())), not_after_of(one.get())});
}

Result<void> trust_file(TlsMaterial &material, const std::string &path) {
  const auto text = read_regular_file(path);
  if (!text)
    return refuse_tls("ca_file", fmt::format("can't be read: {}; check the path and the rights of this process's user",
                                             system_reason(errno)));
  const auto certificates = read_certificates(*text);
  if (certificates.empty()) return refuse_tls("ca_file", "holds no PEM certificate; give a PEM file of the CA");
  // OpenSSL stops at the first damaged one: those behind it would be missing without a word.
  if (certificates.size() < count_of(*text, "-----BEGIN CERTIFICATE-----"))
    return refuse_tls("ca_file",
                      fmt::format("is damaged behind its certificate {}; export it again", certificates.size()));
  trust(material, certificates);
  note_authorities(material, certificates);
  return {};
}

/// Every PEM file in it, whatever its name: a mounted volume has no hashed links.
Result<void> trust_directory(TlsMaterial &material, const std::string &path) {
  std::error_code problem;
  std::filesystem::directory_iterator entry(path, problem);
  const std::filesystem::directory_iterator end;
  for (; !problem && entry != end; entry.increment(problem)) {
    const std::string name = entry->path().filename().string();
    std::error_code ignored;
    if (name.starts_with('.') || !entry->is_regular_file(ignored)) continue;
    const auto text = read_regular_file(entry->path().string());
    const auto certificates = text ? read_certificates(*text) : std::vector<CertificatePtr>();
    if (certificates.empty()) material.passed_over.push_back(printable(name, 80));
    trust(material, certificates);
    note_authorities(material, certificates);
  }
  if (problem)
    return refuse_tls("ca_dir", fmt::format("can't be read: {}; check the path and the rights of this process's user",
                                            problem.message()));
  if (material.authorities.empty())
    return refuse_tls("ca_dir", "holds no PEM certificate; put the CA's PEM file there");
  return {};
}

/// Where this system keeps its CAs: as libcurl was built, else where other distributions have them, for a library that
/// was built for none.
const char *system_ca_file() {
  const char *by_curl = curl_version_info(CURLVERSION_NOW)->cainfo;
  for (const char *path : {by_curl, "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                           "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"})
    if (path != nullptr && access(path, R_OK) == 0) return path;
  return by_curl != nullptr ? by_curl : "/etc/ssl/certs/ca-certificates.crt";
}

Result<void> trust_system(TlsMaterial &material) {
  material.trusts_system = true;
  const char *path = system_ca_file();
  const auto text = read_regular_file(path);
  const auto certificates = text ? read_certificates(*text) : std::vector<CertificatePtr>();
  if (certificates.empty())
    return fail(
        Status::Tls,
        fmt::format("this system has no CA certificates in {}; install ca-certificates, or set http.ca_file", path));
  trust(material, certificates);
  return {};
}

Result<void> load_trust(TlsMaterial &material, const Settings &settings) {
  material.trusted.reset(X509_STORE_new());
  if (!material.trusted) throw std::bad_alloc();
  // A trusted certificate need not be self-signed, as libcurl has it too.
  X509_STORE_set_flags(material.trusted.get(), X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
  if (!settings.ca_dir.empty())
    if (auto done = trust_directory(material, settings.ca_dir); !done) return done;
  if (!settings.ca_file.empty())
    if (auto done = trust_file(material, settings.ca_file); !done) return done;
  if (settings.system_ca || (settings.ca_file.empty() && settings.ca_dir.empty())) return trust_system(material);
  return {};
}

std::string next_match_key() {
  static std::atomic<std::uint64_t> made{0};
  return fmt::format("/nonexistent/cordon/{}", ++made);
}

void add_file_state(Secret &to, const std::string &path) {
  struct stat found {};
  if (path.empty() || stat(path.c_str(), &found) != 0) return to.append("absent\n");
  to.append(fmt::format("{} {} {} {}.{} {}.{}\n", found.st_dev, found.st_ino, found.st_size, found.st_mtim.tv_sec,
                        found.st_mtim.tv_nsec, found.st_ctim.tv_sec, found.st_ctim.tv_nsec));
}

void add_directory_state(Secret &to, const std::string &path) {
  if (path.empty()) return;
  add_file_state(to, path);
  std::error_code problem;
  for (std::filesystem::directory_iterator entry(path, problem), end; !problem && entry != end;
       entry.increment(problem))
    add_file_state(to, entry->path().string());
}

void add_secret_state(Secret &to, const std::string &name, const SecretReader &read_secret) {
  if (name.empty()) return;
  const Result<Secret> value = read_secret(name);
  to.append(value ? value->reveal() : "none");
  to.append("\n");
}

}  // namespace

bool has_client_certificate(const Settings &settings) {
  return !settings.client_certificate_file.empty() || !settings.client_certificate_secret_name.empty();
}

Result<KeyPair> load_client_certificate(const Settings &settings, const SecretReader &read_secret) {
  const bool from_file = !settings.client_certificate_file.empty();
  const std::string place = from_file ? "/http/client_certificate_file" : "/http/client_certificate_secret_name";
  // A certificate alone is no secret; with its key it is.
  const FileGuard guard = settings.client_key_file.empty() ? FileGuard::Private : FileGuard::None;
  Result<Secret> bytes = from_file
                             ? read_secret_file(settings.client_certificate_file, kLongestClientFile, guard, place)
                             : read_secret(settings.client_certificate_secret_name);
  if (!bytes) return fail(std::move(bytes.error()));
  KeyPair::Source source(*bytes);
  source.key_member = "client_key_file";
  source.password_member = "client_key_password_secret_name";
  Result<Secret> key, password;
  if (!settings.client_key_file.empty()) {
    key = read_secret_file(settings.client_key_file, kLongestClientFile, FileGuard::Private, "/http/client_key_file");
    if (!key) return fail(std::move(key.error()));
    source.key = &*key;
  }
  if (!settings.client_key_password_secret_name.empty()) {
    password = read_secret(settings.client_key_password_secret_name);
    if (!password) return fail(std::move(password.error()));
    source.password = &*password;
  }
  Result<KeyPair> pair = KeyPair::load(source);
  if (!pair)
    return fail(
        Error(Status::Tls, fmt::format("the certificate named at {}: {}", place, pair.error().message)).at(place));
  return pair;
}

Result<std::shared_ptr<const TlsMaterial>> TlsMaterial::load(const Settings &settings,
                                                             const SecretReader &read_secret) {
  const QuietErrors quiet;
  auto material = std::make_shared<TlsMaterial>();
  if (auto loaded = load_trust(*material, settings); !loaded) return fail(std::move(loaded.error()));
  if (has_client_certificate(settings)) {
    Result<KeyPair> client = load_client_certificate(settings, read_secret);
    if (!client) return fail(std::move(client.error()));
    material->client = std::move(*client);
  }
  material->match_key = next_match_key();
  return material;
}

TlsSource::TlsSource(Settings settings, SecretReader read_secret)
    : settings_(std::move(settings)), read_secret_(std::move(read_secret)) {}

/// Of everything it is made of; in guarded memory, for secrets are among it.
Secret TlsSource::fingerprint() const {
  Secret state;
  for (const std::string *path : {&settings_.ca_file, &settings_.client_certificate_file, &settings_.client_key_file})
    add_file_state(state, *path);
  add_directory_state(state, settings_.ca_dir);
  add_file_state(state, system_ca_file());
  for (const std::string *name :
       {&settings_.client_certificate_secret_name, &settings_.client_key_password_secret_name})
    add_secret_state(state, *name, read_secret_);
  Secret digest = Secret::zeros(crypto_generichash_BYTES);
  crypto_generichash(digest.bytes(), digest.size(), state.bytes(), state.size(), nullptr, 0);
  return digest;
}

Result<void> TlsSource::renew() {
  Secret found = fingerprint();
  if (material_ && found.equals(loaded_from_)) return {};
  auto loaded = TlsMaterial::load(settings_, read_secret_);
  if (!loaded) return fail(std::move(loaded.error()));
  material_ = std::move(*loaded);
  loaded_from_ = std::move(found);
  return {};
}

Result<std::shared_ptr<const TlsMaterial>> TlsSource::current(BootTime now) {
  if (auto able = check_openssl(); !able) return fail(std::move(able.error()));
  if (material_ && now < look_again_) return material_;
  if (auto renewed = renew(); !renewed && !material_) return fail(std::move(renewed.error()));
  look_again_ = now + kLookInterval;
  return material_;
}

}  // namespace cordon::http
