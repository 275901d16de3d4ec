#include "vault/key_helper.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>

#include "vault/vault_fixture.hpp"

namespace cordon::vault {
namespace {

using testing::HasSubstr;

/// Helpers are shell scripts here; Cordon itself starts no shell.
class KeyHelper : public VaultTest {
 protected:
  std::string script(const std::string &body, mode_t mode = 0700) {
    const std::string path = directory_ + "/helper";
    write_all(path, "#!/bin/sh\n" + body + "\n", mode);
    return path;
  }
  Result<Secret> run(const std::string &body, milliseconds limit = milliseconds(60'000)) {
    return key_from_helper({script(body)}, limit);
  }
  std::string path_of(const char *name) const { return directory_ + "/" + name; }
};

TEST_F(KeyHelper, WhatItPrintsIsTheKey) {
  const auto raw = run("printf %s 0123456789abcdefghijklmnopqrstuv");
  ASSERT_TRUE(raw) << raw.error().message;
  EXPECT_EQ(raw->reveal(), kKey);
  EXPECT_EQ(run("echo 303132333435363738396162636465666768696a6b6c6d6e6f70717273747576")->reveal(), kKey);
}

TEST_F(KeyHelper, ItGetsItsArgumentsAndNothingElse) {
  ASSERT_EQ(setenv("CORDON_TEST_LEAK", "secret", 1), 0);
  const int leaked = ::open("/dev/null", O_RDONLY);  // not close-on-exec, as a careless host has them
  const auto key = key_from_helper({script("cat /proc/$$/environ > " + path_of("environ") + "; printf '%s|' \"$@\" > " +
                                           path_of("arguments") + "; pwd > " + path_of("pwd") + "; ls /proc/$$/fd > " +
                                           path_of("fds") + "; cat; printf %s " + std::string(kKey)),
                                    "one", "two words", "$(three)"},
                                   milliseconds(60'000));
  close(leaked);
  unsetenv("CORDON_TEST_LEAK");
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(read_all(path_of("environ")), "");
  EXPECT_EQ(read_all(path_of("arguments")), "one|two words|$(three)|");
  EXPECT_EQ(read_all(path_of("pwd")), "/\n");
  const std::string fds = read_all(path_of("fds"));
  EXPECT_EQ(fds.find('\n' + std::to_string(leaked) + '\n'), std::string::npos) << fds;
}

TEST_F(KeyHelper, ItsFailureIsToldWithoutItsOutput) {
  for (const char *body : {"echo tell-nobody; exit 3", "echo tell-nobody; kill -9 $$"}) {
    const auto key = run(body);
    ASSERT_EQ(status_of(key), Status::VaultLocked) << body;
    EXPECT_EQ(key.error().message.find("tell-nobody"), std::string::npos) << key.error().message;
  }
  EXPECT_THAT(run("exit 3").error().message, HasSubstr("exit code 3"));
  const auto none = key_from_helper({directory_ + "/none"}, milliseconds(1000));
  ASSERT_EQ(status_of(none), Status::VaultLocked);
  EXPECT_THAT(none.error().message, HasSubstr("No such file"));
}

TEST_F(KeyHelper, WhatIsNoKeyIsRefusedHoweverLongItIs) {
  EXPECT_EQ(status_of(run(":")), Status::VaultWrongKey);
  EXPECT_EQ(status_of(run("echo short")), Status::VaultWrongKey);
  EXPECT_EQ(status_of(run("head -c 3000000 /dev/zero")), Status::VaultWrongKey);
}

TEST_F(KeyHelper, OneThatHangsIsKilledWithItsChildren) {
  const auto key = run("sleep 1000 & echo $! > " + path_of("pid") + "; wait", milliseconds(1500));
  ASSERT_EQ(status_of(key), Status::VaultLocked);
  EXPECT_THAT(key.error().message, HasSubstr("within 1500 ms"));
  const std::string pid = read_all(path_of("pid"));
  ASSERT_NE(pid, "");
  const pid_t sleeper = std::stoi(pid);
  for (int i = 0; i < 500 && kill(sleeper, 0) == 0; ++i) {
    std::ifstream stat("/proc/" + std::to_string(sleeper) + "/stat");
    std::string id, name, state;
    if (stat >> id >> name >> state && state == "Z") break;  // nobody reaps orphans in some containers
    usleep(10'000);
  }
  std::ifstream stat("/proc/" + std::to_string(sleeper) + "/stat");
  std::string id, name, state = "gone";
  stat >> id >> name >> state;
  EXPECT_TRUE(state == "gone" || state == "Z") << state;
}

TEST_F(KeyHelper, AChildLeftBehindDoesNotHoldTheKeyBack) {
  const auto key = run("sleep 5 & printf %s " + std::string(kKey));
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(key->reveal(), kKey);
}

TEST_F(KeyHelper, AHostThatReapsEveryChildLosesNothing) {
  struct sigaction ignore {
  }, before{};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGCHLD, &ignore, &before);
  const auto key = run("printf %s " + std::string(kKey));
  sigaction(SIGCHLD, &before, nullptr);
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(key->reveal(), kKey);
}

TEST_F(KeyHelper, AProgramThatOthersCanChangeIsRefused) {
  for (const mode_t mode : {0722U, 0702U, 0720U})
    EXPECT_EQ(status_of(key_from_helper({script(":", mode)}, milliseconds(1000))), Status::VaultPermissions) << mode;
}

TEST_F(KeyHelper, OpensAVaultInItsTurn) {
  make_vault();
  Settings with = without_sources();
  for (const char *name : {"one", "two"}) {
    write_all(path_of(name), "#!/bin/sh\necho x >> " + path_of(name) + ".ran\nprintf %s " + std::string(kKey), 0700);
    with.unlock.push_back(*KeySource::from_json({{"exec", {path_of(name)}}, {"timeout_ms", 60'000}}, ""));
  }
  auto vault = open(with);
  EXPECT_TRUE(vault->unlocked());
  EXPECT_EQ(read_all(path_of("one.ran")), "x\n");
  EXPECT_FALSE(std::filesystem::exists(path_of("two.ran"))) << "the first one opened it";
  EXPECT_EQ(vault->get("app")->reveal(), "s3cret");
  ASSERT_TRUE(open()->set("app", Secret("rotated")));
  EXPECT_EQ(vault->get("app")->reveal(), "rotated");
  EXPECT_EQ(read_all(path_of("one.ran")), "x\n") << "a known store key needs no helper";
  EXPECT_EQ(vault->status()["sources"][0], (Json{{"kind", "exec"}, {"path", path_of("one")}}));
}

TEST_F(KeyHelper, MakesAVaultWithASlotForItsKey) {
  Settings with = without_sources();
  with.unlock.push_back(*KeySource::from_json({{"exec", {script("printf %s " + std::string(kKey))}}}, ""));
  ASSERT_TRUE(open(with)->set("app", Secret("s3cret")));
  EXPECT_EQ(open()->get("app")->reveal(), "s3cret");
}

}  // namespace
}  // namespace cordon::vault
