#include "support/squid.hpp"

#include <crypt.h>
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace cordon::test {
namespace {

constexpr const char *kSquid = "/usr/sbin/squid";

std::string sign_in(const ServerProcess &process, const Squid::Setup &setup) {
  if (setup.auth == Squid::Auth::None) return "http_access allow all\n";
  const bool digest = setup.auth == Squid::Auth::Digest;
  crypt_data room{};
  const char *stored = digest ? setup.password.c_str() : crypt_r(setup.password.c_str(), "$5$rounds=1000$salt$", &room);
  const std::string users = process.write("users", fmt::format("{}:{}\n", setup.user, stored));
  return fmt::format(
      "auth_param {0} program /usr/lib/squid/{0}_{1} {2}\nauth_param {0} children 1 startup=1 idle=1\n"
      "auth_param {0} realm cordon test\nacl known proxy_auth REQUIRED\nhttp_access allow known\n"
      "http_access deny all\n",
      digest ? "digest" : "basic", digest ? "file_auth" : "ncsa_auth", users);
}

}  // namespace

bool Squid::is_installed() {
  return access(kSquid, X_OK) == 0 && access("/usr/lib/squid/security_file_certgen", X_OK) == 0;
}

Squid::Squid(const Identity &identity, const Setup &setup) : process_("squid") {
  const std::string certificate = process_.write("cert.pem", certificate_pem(identity));
  const std::string key = process_.write("key.pem", key_pem(identity));
  const std::string tls = fmt::format("tls-cert={} tls-key={}", certificate, key);
  const auto copy = [this](const char *name, const std::string &path) {  // its user can't read everywhere
    std::ifstream file(path);
    return process_.write(name, {std::istreambuf_iterator<char>(file), {}});
  };
  const std::string upstream = setup.upstream_ca.empty() ? std::string()
                                                         : fmt::format("tls_outgoing_options cafile={}\n",
                                                                       copy("upstream.pem", setup.upstream_ca));
  const std::string mutual =
      setup.client_ca.empty() ? std::string() : " clientca=" + copy("clients.pem", setup.client_ca);
  // A port that was free may be somebody else's the next moment.
  for (int attempt = 0; attempt < 5 && !is_up(); ++attempt) {
    port_ = free_port(), tls_port_ = free_port(), inspecting_port_ = free_port();
    const std::string config = process_.write(
        "squid.conf",
        fmt::format("{}http_port 127.0.0.1:{}\nhttps_port 127.0.0.1:{} {}{}\n"
                    "http_port 127.0.0.1:{} ssl-bump {} generate-host-certificates=off\n"
                    "acl inspected localport {}\nssl_bump bump inspected\nssl_bump none all\n{}"
                    "cache deny all\ncache_mem 8 MB\npid_filename none\ncoredump_dir none\nnetdb_filename none\n"
                    "access_log stdio:{}/access.log\ncache_log {}/cache.log\ncache_store_log none\npinger_enable off\n"
                    "logfile_rotate 0\nbuffered_logs off\nshutdown_lifetime 0 seconds\nvisible_hostname localhost\n"
                    "max_filedescriptors 512\n",
                    sign_in(process_, setup), port_, tls_port_, tls, mutual, inspecting_port_, tls, inspecting_port_,
                    upstream, process_.directory(), process_.directory()));
    process_.start({kSquid, "-N", "-f", config}, inspecting_port_);
  }
}

int Squid::count(const std::string &part) const {
  std::istringstream log(process_.read("access.log"));
  int found = 0;
  for (std::string line; std::getline(log, line);) found += line.find(part) != std::string::npos ? 1 : 0;
  return found;
}

void Squid::wait_for(const std::string &part) const {
  for (int i = 0; count(part) == 0; ++i) {
    if (i == 1'000) throw std::runtime_error("squid has not seen " + part + ":\n" + process_.read("cache.log"));
    usleep(20'000);
  }
}

}  // namespace cordon::test
