#include "guest/guest_process.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>

namespace cordon::test {

GuestTest::GuestTest(std::vector<std::string> args) : EmulatorTest(std::move(args)) {}

std::string GuestTest::write_world() {
  const auto directory = emulator.directory() / ("world-" + std::to_string(worlds_++));
  std::filesystem::create_directory(directory);
  config["state_dir"] = (directory / "state").string();
  const Json world = {{"library", library},
                      {"config", config},
                      {"secret_name", config["tenants"]["contoso"]["credential"]["secret_name"]},
                      {"secret", emulator.ready()["client_secret"]},
                      {"machines", emulator.ready()["machines"]},
                      {"offline", cast("offline")}};
  const auto file = directory / "world.json";
  std::ofstream(file) << world.dump();
  return file.string();
}

Ended GuestTest::run(const std::string &scenario, const std::vector<std::string> &arguments,
                     const std::vector<std::string> &environment, const std::vector<std::string> &program) {
  std::vector<std::string> words = program;
  words.insert(words.end(), {host_program, write_world(), scenario});
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char *> argv;
  for (std::string &word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const auto output = emulator.directory() / ("world-" + std::to_string(worlds_ - 1)) / "output";
  const pid_t child = fork();
  if (child == 0) {
    const int fd = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    close(fd);
    for (const std::string &variable : environment) putenv(const_cast<char *>(variable.c_str()));
    execvp(argv[0], argv.data());
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  std::ifstream file(output);
  Ended ended;
  ended.said.assign(std::istreambuf_iterator<char>(file), {});
  if (WIFEXITED(status)) ended.exit_status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) ended.signal = WTERMSIG(status);
  return ended;
}

void GuestTest::expect_good(const std::string &scenario, const std::vector<std::string> &arguments,
                            const std::vector<std::string> &environment, const std::vector<std::string> &program) {
  const Ended ended = run(scenario, arguments, environment, program);
  if (ended.exit_status == 77) GTEST_SKIP() << ended.said;
  EXPECT_EQ(ended.exit_status, 0) << scenario << " (signal " << ended.signal << "): " << ended.said;
}

void GuestTest::expect_nothing_twice() {
  std::map<std::string, int> of_device;
  for (const Json &action : emulator.actions()) ++of_device[action["machineId"].get<std::string>()];
  for (const auto &[device, count] : of_device) EXPECT_EQ(count, 1) << device;
}

}  // namespace cordon::test
