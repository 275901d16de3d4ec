#include <cstdlib>
#include <fstream>

#include "guest/guest_process.hpp"
#include "support/sanitized.hpp"

namespace cordon::test {
namespace {

/// Hosts that use libcurl, OpenSSL, libsodium and SQLite themselves.
class Libraries : public GuestTest {
 protected:
  Libraries() { host_program = GUEST_LIBRARY_HOST_BINARY; }
  std::string openssl_conf(const std::string &text) {
    const auto file = emulator.directory() / "openssl.cnf";
    std::ofstream(file) << text;
    return "OPENSSL_CONF=" + file.string();
  }
};

TEST_F(Libraries, CurlMayBeSetUpAndTakenDownInAnyOrder) {
  expect_good("curl_in_order", {"init", "use", "open", "act", "use", "cleanup", "act", "use", "end"});
  expect_good("curl_in_order", {"open", "act", "init", "use", "cleanup", "act", "end", "init", "use", "cleanup"});
  expect_good("curl_in_order", {"open", "use", "act", "end", "use", "open", "act", "end"});
  expect_good("curl_in_order", {"init", "use", "cleanup", "open", "act", "use", "end"});
}

TEST_F(Libraries, CurlOfTheHostKeepsItsConnectionsBesideOurs) {
  expect_good("curl_beside");
  expect_nothing_twice();
}

TEST_F(Libraries, CurlWithTheHostsAllocator) {
  expect_good("curl_own_allocator");
}

TEST_F(Libraries, CurlOfAnotherTlsLibraryIsNotMistakenForOurs) {
  expect_good("curl_of_gnutls");
}

TEST_F(Libraries, OpenSslErrorsOfTheCallersThreadStayAsTheyWere) {
  for (const char *own : {"0", "1", "3", "8"}) expect_good("openssl_error_queue", {own});
}

TEST_F(Libraries, OpenSslWithoutTheAlgorithmsOfTlsIsNamed) {
  expect_good("openssl_without_algorithms");
  expect_good("openssl_providers", {"legacy"});
  expect_good("openssl_providers", {"legacy", "default"});
}

TEST_F(Libraries, OpenSslConfiguredOddly) {
  const std::string begin = "openssl_conf = init\n[init]\n";
  const std::string legacy = begin + "providers = list\n[list]\nlegacy = active\n";
  const std::string fips = begin + "alg_section = properties\n[properties]\ndefault_properties = fips=yes\n";
  expect_good("openssl_configured", {"works"}, {"OPENSSL_CONF=/nonexistent/openssl.cnf"});
  expect_good("openssl_configured", {"works"}, {openssl_conf("openssl_conf = no such\n]]]\n")});
  expect_good("openssl_configured", {"works"},
              {openssl_conf(begin + "ssl_conf = tls\n[tls]\nsystem_default = all\n[all]\nMinProtocol = TLSv1.3\n"
                                    "Options = -SessionTicket\n")});
  expect_good("openssl_configured", {"refuses"}, {openssl_conf(legacy + "[active]\nactivate = 1\n")});
  expect_good("openssl_configured", {"refuses"}, {openssl_conf(fips)});
}

TEST_F(Libraries, OpenSslTakenDownByTheHost) {
  expect_good("openssl_cleanup_at_exit");
  expect_good("openssl_cleanup_behind_the_last_client");
}

TEST_F(Libraries, SodiumInitialisedByTheHost) {
  expect_good("sodium_initialised_before");
}

TEST_F(Libraries, SodiumWithRandomBytesThatRepeatMakesNothingOfOursRepeat) {
  expect_good("sodium_with_random_bytes_that_repeat");
}

TEST_F(Libraries, SqliteWithoutMutexesIsRefused) {
  for (const char *mode : {"single", "multi", "serialized"}) expect_good("sqlite_threading", {mode});
}

TEST_F(Libraries, SqliteWithAnotherFileSystemAsDefault) {
  expect_good("sqlite_own_default_vfs");
}

TEST_F(Libraries, SqliteWithSettingsOfTheHost) {
  expect_good("sqlite_own_settings");
  expect_good("sqlite_hard_heap_limit");
  expect_good("sqlite_shutdown_between");
}

TEST_F(Libraries, SqliteWithExtensionsInEveryConnection) {
  expect_good("sqlite_auto_extension");
}

TEST_F(Libraries, SqliteMayReadTheSameLedgerInTheSameProcess) {
  expect_good("sqlite_same_file", {"sqlite"});
}

TEST_F(Libraries, FilesOfTheLedgerMayBeCopiedInTheSameProcess) {
  expect_good("sqlite_same_file", {"files"});
}

TEST_F(Libraries, ALogThatAnotherProgramRemovesIsNoticedAndNothingIsSent) {
  expect_good("sqlite_log_removed_by_another_program");
  expect_nothing_twice();
}

/// The library that CORDON_PORTABLE_LIBRARY names has copies of its own, which nobody else's names reach.
TEST_F(Libraries, AHostThatExportsTheirNames) {
  host_program = GUEST_EXPORTING_HOST_BINARY;
  expect_good("exporting_host", {"found"});
  const char *portable = std::getenv("CORDON_PORTABLE_LIBRARY");
  if (portable == nullptr) return;
  library = portable;
  expect_good("exporting_host", {"unaffected"});
}

}  // namespace
}  // namespace cordon::test
