// A host of Cordon in C++: restricts a device, quarantines a file, follows both to their end.
//
//   host CONFIG MACHINE SHA1
//
// CONFIG is a path, or - for the library's own choice. Exit: 0 both were done, 1 an error, 2 wrong use, 3 something
// ended otherwise or has not ended.
#include <poll.h>

#include <cordon/cordon.hpp>
#include <fstream>
#include <iostream>
#include <sstream>

namespace {

using cordon::json::Value;

enum Exit { kDone = 0, kError = 1, kUsage = 2, kOtherwise = 3 };

constexpr int kLookAgainMs = 1000;
constexpr auto kWait = std::chrono::hours(1);

std::optional<std::string> read_config(const std::string &path) {
  if (path == "-") return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string said(const cordon::Outcome &outcome) {
  return cordon::match(
      outcome, [](const cordon::Succeeded &) -> std::string { return "done on the device"; },
      [](const cordon::Pending &pending) { return "not done yet; poll " + pending.action.request_id.value_or("it"); },
      [](const auto &other) {
        return "not done: " + other.action.state.value_or("not asked for") + ", " +
               other.action.error_text.value_or("no reason given");
      });
}

class Host {
 public:
  explicit Host(cordon::Client &client) : client_(client), pump_(client) {}

  /// Submits the operation; its end is told, and counted if it is no success.
  void start(const std::string &operation, Value request) {
    Value options = Value::object();
    options.set("valid_for_ms", std::int64_t{cordon::milliseconds(kWait).count()});
    request.set("options", options);
    const std::string id = client_.submit(operation, request);
    ++otherwise_;
    pump_.when_ended(id, [this, operation](const cordon::Outcome *outcome, const std::exception_ptr &error) {
      if (error) std::rethrow_exception(error);
      std::cout << operation << ": " << said(*outcome) << std::endl;
      if (std::holds_alternative<cordon::Succeeded>(*outcome)) --otherwise_;
    });
  }

  /// Returns how many did not succeed, once all have ended or the time is over.
  int follow() {
    const auto deadline = std::chrono::steady_clock::now() + kWait;
    while (!pump_.idle() && std::chrono::steady_clock::now() < deadline) {
      pollfd readable{pump_.fd(), POLLIN, 0};
      (void)poll(&readable, 1, kLookAgainMs);
      pump_.dispatch();
    }
    return otherwise_;
  }

 private:
  cordon::Client &client_;
  cordon::Pump pump_;
  int otherwise_ = 0;
};

int contain(cordon::Client &client, const char *machine, const char *sha1) {
  Value restriction = Value::object();
  restriction.set("machine_id", machine);
  restriction.set("comment", "Contain the device");
  Value quarantine = restriction;
  quarantine.set("sha1", sha1);
  quarantine.set("comment", "Stop the file");

  Host host(client);
  host.start("restrict_code_execution", restriction);
  host.start("stop_and_quarantine", quarantine);
  return host.follow() == 0 ? kDone : kOtherwise;
}

}  // namespace

int main(int count, char **arguments) try {
  if (count != 4) {
    std::cerr << "usage: host CONFIG MACHINE SHA1\n";
    return kUsage;
  }
  cordon::Client client(read_config(arguments[1]));
  return contain(client, arguments[2], arguments[3]);
} catch (const std::exception &problem) {
  std::cerr << problem.what() << "\n";
  return kError;
}
