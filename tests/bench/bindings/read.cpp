// Warm reads through the C++ binding: see bindings.py.
//
// read LIBRARY CONFIG MACHINE
#include <algorithm>
#include <cordon/cordon.hpp>
#include <fstream>
#include <iostream>
#include <sstream>

namespace {

double median_of(cordon::Client &client, const cordon::json::Value &request, std::size_t count) {
  std::vector<double> took;
  for (std::size_t i = 0; i < count; ++i) {
    const auto start = std::chrono::steady_clock::now();
    (void)client.call("get_machine", request);
    took.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(took.begin(), took.end());
  return took.at(count / 2);
}

}  // namespace

int main(int, char **arguments) {
  std::ostringstream config;
  config << std::ifstream(arguments[2]).rdbuf();
  cordon::Client client(config.str(), cordon::load(arguments[1]));
  cordon::json::Value request = cordon::json::Value::object();
  request.set("machine_id", arguments[3]);
  std::cout << "ready" << std::endl;
  for (std::size_t count = 0; std::cin >> count;) std::cout << median_of(client, request, count) << std::endl;
}
