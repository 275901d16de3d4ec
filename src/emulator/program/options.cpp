#include "emulator/program/options.hpp"

#include <CLI/CLI.hpp>

#include <iostream>

#include "base/text.hpp"

namespace cordon::emulator {
namespace {

/// A check and conversion for CLI11, which wants the complaint as text and an empty one for success.
template <class Out, class Parse>
CLI::callback_t convert(Out &out, Parse parse) {
  return [&out, parse](const CLI::results_t &texts) {
    auto value = parse(texts.at(0));
    if (!value) throw CLI::ValidationError(value.error().message);
    out = std::move(*value);
    return true;
  };
}

}  // namespace

bool ListenAddress::is_loopback() const {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

std::string ListenAddress::url_host() const {
  if (host == "0.0.0.0") return "127.0.0.1";
  if (host == "::") return "[::1]";
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

Result<ListenAddress> parse_address(const std::string &text) {
  const std::size_t colon = text.rfind(':');
  std::string host = text.substr(0, std::min(colon, text.size()));
  const std::int64_t port =
      colon == std::string::npos ? -1 : parse_int(std::string_view(text).substr(colon + 1)).value_or(-1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host.empty() || port < 0 || port > 65'535)
    return fail(Status::InvalidArgument, "an address reads like 127.0.0.1:8443; port 0 picks a free one");
  return ListenAddress{host, static_cast<std::uint16_t>(port)};
}

tl::expected<Options, int> parse_options(int argc, char **argv) {
  Options options;
  CLI::App app("Serves the Microsoft Defender for Endpoint API and its token endpoints, made up, over TLS.",
               "cordon-emulator");
  app.add_option("--listen", convert(options.listen, &parse_address), "Address of the API [127.0.0.1:0]")
      ->type_name("HOST:PORT");
  app.add_option("--control", convert(options.control, &parse_address),
                 "Address of the control plane, when it shall not share the API's; required off loopback")
      ->type_name("HOST:PORT");
  app.add_option("--identity", convert(options.identity, &parse_address),
                 "Loopback address of the managed identity services, which are asked by plain HTTP: IMDS, App Service "
                 "(/msi/token) and Azure Arc (/arc)")
      ->type_name("HOST:PORT");
  app.add_option("--credential-dir", options.credential_dir,
                 "Directory of a certificate and a federated token for the first application, and of Azure Arc's keys; "
                 "made when absent");
  app.add_option("--tls-dir", options.tls_dir, "Directory of CA and server certificate, made when absent");
  app.add_option("--tls-name", options.tls_name, "A further name of the server in its certificate");
  app.add_option("--ready-file", options.ready_file, "Written once the emulator serves: where, and what for");
  app.add_option("--machines", options.machines, "Size of the made-up fleet")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Randomness of everything made up")->capture_default_str();
  app.add_option("--scenario", options.scenario_file, "JSON file: apps, machines, files, timings, knobs, faults");
  app.add_option("--speed", options.speed, "Service seconds per real second")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--quota", convert(options.quota, &parse_quota),
                 "Calls per application, tenant and endpoint [100/60s,1500/3600s]");
  app.add_flag("--print-scenario-schema", options.print_scenario_schema, "Print the schema of scenario files and end");
  try {
    app.parse(argc, argv);
    if (!options.listen.is_loopback() && !options.control)
      throw CLI::ValidationError(
          "--listen is not a loopback address: give the control plane, which asks for no token, an address of its own "
          "with --control, e.g. --control 127.0.0.1:0");
    if (options.identity && !options.identity->is_loopback())
      throw CLI::ValidationError("--identity must be a loopback address: it gives tokens to whoever asks");
  } catch (const CLI::ParseError &error) {
    return tl::unexpected(app.exit(error));
  }
  return options;
}

}  // namespace cordon::emulator
