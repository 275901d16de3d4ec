#include <cstdlib>

#include "guest/guest_process.hpp"
#include "support/sanitized.hpp"

namespace cordon::test {
namespace {

class Surroundings : public GuestTest {};

/// Makes a locale of the system's sources, for few systems have it; false where there are no sources either.
bool make_locale(const std::filesystem::path &directory, const std::string &name) {
  const std::string source = name.substr(0, name.find('.'));
  const std::string command =
      "localedef -i " + source + " -f UTF-8 '" + (directory / name).string() + "' > /dev/null 2>&1";
  return std::system(command.c_str()) == 0;
}

TEST_F(Surroundings, NoLocaleOfTheHostMatters) {
  const auto directory = emulator.directory() / "locales";
  std::filesystem::create_directory(directory);
  for (const char *name : {"de_DE.UTF-8", "tr_TR.UTF-8"})
    if (!kSanitized && make_locale(directory, name))  // glibc leaks what it makes of LOCPATH
      expect_good("foreign_locale", {name}, {"LOCPATH=" + directory.string()});
  expect_good("foreign_locale", {"C.UTF-8"});
}

TEST_F(Surroundings, FilesAreTheOwnersAloneWhateverTheUmask) {
  for (const char *umask : {"0777", "0000", "0022"}) expect_good("umask_of_the_host", {umask});
}

TEST_F(Surroundings, ADirectoryThatCantBeWrittenToIsNamedWithTheRemedy) {
  expect_good("no_rights");
}

TEST_F(Surroundings, AHostMayChangeItsDirectory) {
  expect_good("moves_about");
}

TEST_F(Surroundings, AHostMayChangeItsTimeZoneAndEnvironment) {
  expect_good("environment_that_changes");
}

TEST_F(Surroundings, NoVariableIsNeeded) {
  expect_good("bare_environment");
}

}  // namespace
}  // namespace cordon::test
