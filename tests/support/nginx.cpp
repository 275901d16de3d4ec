#include "support/nginx.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

namespace cordon::test {
namespace {

constexpr const char *kNginx = "/usr/sbin/nginx";

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  bind(fd, reinterpret_cast<sockaddr *>(&address), size);
  getsockname(fd, reinterpret_cast<sockaddr *>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

void write_pem(const std::string &file, const std::function<void(FILE *)> &write) {
  FILE *out = fopen(file.c_str(), "w");
  write(out);
  fclose(out);
}

}  // namespace

bool Nginx::is_installed() {
  return access(kNginx, X_OK) == 0;
}

Nginx::Nginx(const Identity &identity, const std::string &backend, int keepalive_requests, int port)
    : port_(port == 0 ? free_port() : port) {
  char path[] = "/tmp/cordon-nginx-XXXXXX";
  directory_ = mkdtemp(path);
  write_pem(directory_ + "/cert.pem", [&](FILE *f) { PEM_write_X509(f, identity.certificate.get()); });
  write_pem(directory_ + "/key.pem",
            [&](FILE *f) { PEM_write_PrivateKey(f, identity.key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  std::ofstream(directory_ + "/nginx.conf") << fmt::format(
      "daemon off; master_process off; pid {0}/pid; error_log {0}/error.log; events {{}}\n"
      "http {{ access_log off; client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f;\n"
      "uwsgi_temp_path {0}/u; scgi_temp_path {0}/s; keepalive_requests {3}; large_client_header_buffers 4 64k;\n"
      "server {{ listen 127.0.0.1:{1} ssl http2; ssl_certificate {0}/cert.pem; ssl_certificate_key {0}/key.pem;\n"
      "location / {{ proxy_pass {2}; proxy_http_version 1.1; proxy_next_upstream off;\n"
      "proxy_set_header X-Front \"$server_protocol $connection\"; }} }} }}\n",
      directory_, port_, backend, keepalive_requests);
  const std::string config = directory_ + "/nginx.conf";
  const char *arguments[] = {kNginx, "-p", directory_.c_str(), "-e", "stderr", "-c", config.c_str(), nullptr};
  posix_spawn(&pid_, kNginx, nullptr, nullptr, const_cast<char **>(arguments), environ);
  while (!is_up() && !has_died()) usleep(5000);
}

Nginx::~Nginx() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  std::filesystem::remove_all(directory_);
}

bool Nginx::is_up() const {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port_);
  const bool up = connect(fd, reinterpret_cast<const sockaddr *>(&address), sizeof address) == 0;
  close(fd);
  return up;
}

bool Nginx::has_died() const {
  siginfo_t facts{};
  return pid_ <= 0 ||
         (waitid(P_PID, static_cast<id_t>(pid_), &facts, WEXITED | WNOHANG | WNOWAIT) == 0 && facts.si_pid != 0);
}

}  // namespace cordon::test
