#include "support/nginx.hpp"

#include <fmt/format.h>
#include <unistd.h>

namespace cordon::test {
namespace {

constexpr const char *kNginx = "/usr/sbin/nginx";

}  // namespace

bool Nginx::is_installed() {
  return access(kNginx, X_OK) == 0;
}

Nginx::Nginx(const Identity &identity, const std::string &backend, int keepalive_requests, int port,
             const std::string &more)
    : process_("nginx"), port_(port == 0 ? free_port() : port) {
  process_.write("cert.pem", certificate_pem(identity));
  process_.write("key.pem", key_pem(identity));
  const std::string config = process_.write(
      "nginx.conf",
      fmt::format(
          "daemon off; master_process off; pid {0}/pid; error_log {0}/error.log; events {{}}\n"
          "http {{ access_log off; client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f;\n"
          "uwsgi_temp_path {0}/u; scgi_temp_path {0}/s; keepalive_requests {3}; large_client_header_buffers 4 64k;\n"
          "server {{ listen 127.0.0.1:{1} ssl http2; ssl_certificate {0}/cert.pem; ssl_certificate_key {0}/key.pem;\n"
          "{4}\nlocation / {{ proxy_pass {2}; proxy_http_version 1.1; proxy_next_upstream off;\n"
          "proxy_set_header X-Front \"$server_protocol $connection\"; }} }} }}\n",
          process_.directory(), port_, backend, keepalive_requests, more));
  process_.start({kNginx, "-p", process_.directory(), "-e", "stderr", "-c", config}, port_);
}

}  // namespace cordon::test
