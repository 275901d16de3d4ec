#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "emulator/certificates.hpp"
#include "emulator/control_plane.hpp"
#include "emulator/http_front.hpp"
#include "emulator/output_file.hpp"
#include "emulator/program/options.hpp"
#include "emulator/program/ready_file.hpp"
#include "emulator/scenario.hpp"
#include "emulator/service.hpp"

namespace {

using namespace cordon;
using namespace cordon::emulator;

/// A directory of our own that is removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cordon-emulator-tls-XXXXXX").string();
    if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory &) = delete;
  TemporaryDirectory &operator=(const TemporaryDirectory &) = delete;
  const std::filesystem::path &path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Hundreds of connections are held open, and a shell's limit is often low.
void allow_many_connections() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

Result<Scenario> load_scenario(const Options &options) {
  if (options.scenario_file.empty()) return Scenario::usual(options.seed);
  std::ifstream file(options.scenario_file, std::ios::binary);
  if (!file) return fail(Status::InvalidArgument, "the scenario file " + options.scenario_file + " can't be read");
  std::ostringstream text;
  text << file.rdbuf();
  auto json = parse_json(text.str(), "scenario", {.bytes = 64u << 20});
  if (!json) return fail(json.error());
  return Scenario::read(*json, options.seed);
}

std::filesystem::path certificate_directory(const Options &options, std::optional<TemporaryDirectory> &temporary) {
  if (!options.tls_dir.empty()) return std::filesystem::absolute(options.tls_dir);
  if (!options.ready_file.empty()) return std::filesystem::absolute(options.ready_file).parent_path() / "tls";
  return temporary.emplace().path();
}

std::vector<std::string> server_names(const Options &options) {
  std::vector<std::string> names = {"localhost", "127.0.0.1", "::1"};
  if (!options.tls_name.empty()) names.push_back(options.tls_name);
  if (!options.listen.is_loopback() && !options.listen.is_any()) names.push_back(options.listen.host);
  return names;
}

std::string url_of(const ListenAddress &address, std::uint16_t port) {
  return fmt::format("https://{}:{}", address.url_host(), port);
}

Result<void> serve(const Options &options) {
  auto scenario = load_scenario(options);
  if (!scenario) return fail(scenario.error());
  if (options.quota) scenario->quota.usual = *options.quota;
  std::optional<TemporaryDirectory> temporary;
  const auto files = provide_certificates(certificate_directory(options, temporary), server_names(options));
  if (!files) return fail(files.error());
  auto front = HttpFront::make(*files);
  if (!front) return fail(front.error());

  const SystemClock clock;
  SystemRandom random;
  std::optional<CredentialFiles> credentials;
  const std::filesystem::path credential_dir =
      options.credential_dir.empty() ? "" : std::filesystem::absolute(options.credential_dir);
  if (!credential_dir.empty()) {
    auto provided = provide_credentials(credential_dir, scenario->directory.apps.front(), clock.utc());
    if (!provided) return fail(provided.error());
    credentials = std::move(*provided);
  }
  Service service(std::move(*scenario), clock, random,
                  {.seed = options.seed, .machines = options.machines, .speed = options.speed});
  ControlPlane control(service);
  const bool shared = !options.control;
  const auto port = (*front)->listen(options.listen.host, options.listen.port, [&](const Request &request) {
    std::optional<Reply> reply = shared ? control.handle(request) : std::nullopt;
    return reply ? std::move(*reply) : service.handle(request);
  });
  if (!port) return fail(port.error());
  ReadyState state{.url = url_of(options.listen, *port),
                   .control_url = url_of(options.listen, *port),
                   .ca_file = files->ca,
                   .ready_file = options.ready_file,
                   .speed = options.speed};
  if (options.control) {
    const auto control_port = (*front)->listen(
        options.control->host, options.control->port,
        [&](const Request &request) { return control.handle(request).value_or(Reply{.status = 404}); });
    if (!control_port) return fail(control_port.error());
    state.control_url = url_of(*options.control, *control_port);
  }
  if (options.identity) {
    const auto identity_port =
        (*front)->listen_plain(options.identity->host, options.identity->port,
                               [&](const Request &request) { return service.handle_identity(request); });
    if (!identity_port) return fail(identity_port.error());
    state.identity_url = fmt::format("http://{}:{}", options.identity->url_host(), *identity_port);
    if (!credential_dir.empty()) {
      state.arc_key_dir = credential_dir / "arc";
      if (auto made = make_private_directory(state.arc_key_dir); !made) return fail(made.error());
      service.identity_endpoints().set_arc_key_dir(state.arc_key_dir);
    }
  }
  state.credentials = std::move(credentials);
  service.set_origin(state.url);
  if (!options.ready_file.empty())
    if (auto written = write_ready_file(service, state); !written) return written;
  fmt::print("cordon-emulator serves {} (CA: {})\n", state.url, state.ca_file.string());
  std::fflush(stdout);
  (*front)->run();
  return {};
}

}  // namespace

int main(int argc, char **argv) {
  const auto options = parse_options(argc, argv);
  if (!options) return options.error();
  if (options->print_scenario_schema) {
    fmt::print("{}", scenario_schema_text());
    return 0;
  }
  allow_many_connections();
  try {
    const auto served = serve(*options);
    if (served) return 0;
    fmt::print(stderr, "cordon-emulator: {}\n", served.error().message);
  } catch (const std::exception &error) {
    fmt::print(stderr, "cordon-emulator: {}\n", error.what());
  }
  return 1;
}
