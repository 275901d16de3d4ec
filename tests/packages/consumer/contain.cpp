// contain_cpp MACHINE: restricts a device. Exit: 0 the device did it, 3 not (yet), 1 an error.
#include <cordon/cordon.hpp>
#include <iostream>

int main(int argc, char **argv) try {
  if (argc != 2) return 2;
  cordon::Client client;
  cordon::Options options;
  options.until = "finished";
  const cordon::Outcome outcome =
      client.restrict_code_execution(argv[1], "contain the device", options, std::chrono::minutes(1));
  const bool done = std::holds_alternative<cordon::Succeeded>(outcome);
  std::cout << (done ? "done" : "not done") << "\n";
  return done ? 0 : 3;
} catch (const cordon::Error &error) {
  std::cerr << error.what() << "\n";
  return 1;
}
