#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "e2e/host.hpp"
#include "support/child.hpp"

namespace cordon::test {
namespace {

namespace fs = std::filesystem;

/// Without a ledger that takes the intent, nothing is sent.
class Ledger : public EmulatorTest {
 protected:
  void expect_refused(const std::string &state_dir, const std::string &word) {
    config["state_dir"] = state_dir;
    const Host host(config);
    EXPECT_EQ(host.opened().status, CORDON_E_LEDGER) << host.opened().message();
    for (const std::string &part : {state_dir, word})
      EXPECT_NE(host.opened().message().find(part), std::string::npos) << part << " in: " << host.opened().message();
  }
  void TearDown() override { EXPECT_EQ(emulator.posts(), posts_expected); }

  /// In a mount namespace of its own: an empty disk of this size at `where`.
  static bool mount_disk(const fs::path &where, const char *options) {
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           mount("small", where.c_str(), "tmpfs", 0, options) == 0;
  }

  /// Contains a device while the ledger can't write, then once it can again. Says what came of both.
  std::string contain_in_want(const std::function<void()> &take_room, const std::function<void()> &give_room) {
    Host host(config);
    if (host.set_secret("emulator-app", emulator.ready()["client_secret"]).status != CORDON_OK) return "no secret";
    take_room();
    const Reply refused = host.restrict_device(machine(), "c", nullptr, 5'000);
    const std::string sent = std::to_string(emulator.posts());
    give_room();
    const Reply done = host.restrict_device(machine(), "c", {{"until", "finished"}});
    return std::string(cordon_status_name(refused.status)) + ", sent " + sent + ", then " +
           cordon_status_name(done.status) + "; " + refused.message() + done.message();
  }
  void expect_refused_then_done(const std::string &said) {
    EXPECT_TRUE(said.starts_with("CORDON_E_LEDGER, sent 0, then CORDON_OK; ")) << said;
    EXPECT_NE(said.find("space"), std::string::npos) << said;
    posts_expected = 1;
  }

  TempDirectory directory;
  long posts_expected = 0;
};

TEST_F(Ledger, AStateDirectoryThatCannotBeMadeIsRefused) {
  expect_refused((directory.path() / "missing" / "state").string(), "can't be made");
  std::ofstream(directory.path() / "file") << "x";
  expect_refused((directory.path() / "file" / "state").string(), "can't be made");
  expect_refused((directory.path() / "file").string(), "not a directory");
}

TEST_F(Ledger, AStateDirectoryOfAnotherUserIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "giving a directory away needs root";
  const fs::path state = directory.path() / "state";
  fs::create_directory(state);
  ASSERT_EQ(chown(state.c_str(), 65534, 65534), 0);
  expect_refused(state.string(), "65534");
}

TEST_F(Ledger, AReadOnlyDiskIsRefused) {
  const std::string said = in_child([&]() -> std::string {
    if (!mount_disk(directory.path(), "size=4m,mode=0700")) return "no mount";
    config["state_dir"] = (directory.path() / "state").string();
    if (const Host host(config); host.opened().status != CORDON_OK) return host.opened().message();
    if (mount("small", directory.path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0) return "no remount";
    const Host host(config);
    return std::string(cordon_status_name(host.opened().status)) + " " + host.opened().message();
  });
  if (said == "no mount") GTEST_SKIP() << "mounting a disk needs root";
  EXPECT_TRUE(said.starts_with("CORDON_E_LEDGER ")) << said;
  EXPECT_NE(said.find((directory.path() / "state").string()), std::string::npos) << said;
  EXPECT_NE(said.find("ead-only"), std::string::npos) << said;
}

TEST_F(Ledger, AFullDiskStopsTheCallBeforeAnythingIsSentAndIsRecoveredFrom) {
  const std::string said = in_child([&]() -> std::string {
    if (!mount_disk(directory.path(), "size=4m,mode=0700")) return "no mount";
    config["state_dir"] = (directory.path() / "state").string();
    const fs::path ballast = directory.path() / "ballast";
    return contain_in_want(
        [&] {
          std::ofstream out(ballast, std::ios::binary);
          for (const std::string block(512, 'b'); out.write(block.data(), 512).flush();) {
          }
        },
        [&] { fs::remove(ballast); });
  });
  if (said == "no mount") GTEST_SKIP() << "mounting a disk needs root";
  expect_refused_then_done(said);
}

TEST_F(Ledger, AReachedFileSizeLimitStopsTheCallBeforeAnythingIsSent) {
  expect_refused_then_done(in_child([&] {
    config["state_dir"] = (directory.path() / "state").string();
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    const rlimit nothing{0, before.rlim_max};
    return contain_in_want([&] { setrlimit(RLIMIT_FSIZE, &nothing); }, [&] { setrlimit(RLIMIT_FSIZE, &before); });
  }));
}

}  // namespace
}  // namespace cordon::test
