#include "base/secure.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <sstream>
#include <thread>

#include "support/sanitized.hpp"

namespace cordon {
namespace {

constexpr std::string_view kValue = "0123456789abcdef0123456789abcdef";

/// Runs `check` in a forked child; true when it returned true there.
template <class Check>
bool in_child(Check check) {
  const pid_t child = fork();
  if (child == 0) _exit(check() ? 0 : 1);
  int how = -1;
  waitpid(child, &how, 0);
  return how == 0;
}

/// The flags ("VmFlags:" of smaps) of the mapping that holds `address`.
std::string mapping_flags(const void *address) {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream smaps("/proc/self/smaps");
  std::string line;
  bool inside = false;
  while (std::getline(smaps, line)) {
    std::uintptr_t begin = 0, end = 0;
    char dash = 0;
    std::istringstream range(line);
    if (range >> std::hex >> begin >> dash >> end && dash == '-') inside = begin <= wanted && wanted < end;
    if (inside && line.starts_with("VmFlags:")) return line + " ";
  }
  return "";
}

TEST(SecureMemory, IsWipedInAForkedChild) {
  Secret secret{kValue};
  Secret large(std::string(100'000, 'x'));
  const auto is_zero = [](std::string_view bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
  };
  EXPECT_TRUE(in_child([&] { return is_zero(secret.reveal()) && is_zero(large.reveal()); }));
  EXPECT_EQ(secret.reveal(), kValue);
}

TEST(SecureMemory, WorksInAForkedChild) {
  std::vector<Secret> kept;
  for (std::size_t size = 1; size < 9000; size = size * 3 / 2 + 1) kept.emplace_back(std::string(size, 'x'));
  for (std::size_t i = 0; i < kept.size(); i += 2) kept[i] = Secret();
  EXPECT_TRUE(in_child([&] {
    kept.clear();  // destructors of secrets made before the fork
    std::vector<Secret> fresh;
    for (int round = 0; round < 3; ++round)
      for (std::size_t size = 1; size < 9000; size += 7) fresh.emplace_back(std::string(size, 'y'));
    return std::all_of(fresh.begin(), fresh.end(),
                       [](const Secret &s) { return s.reveal().find_first_not_of('y') == std::string_view::npos; });
  }));
}

TEST(SecureMemory, AForkWhileOtherThreadsUseItLeavesTheChildFree) {
  std::atomic<bool> stop = false;
  std::vector<std::thread> busy;
  for (int i = 0; i < 2; ++i)
    busy.emplace_back([&] {
      while (!stop) Secret(std::string(50, 'x'));
    });
  for (int i = 0; i < 50; ++i)
    EXPECT_TRUE(in_child([] {
      alarm(20);
      return Secret(kValue).reveal() == kValue;
    }));
  stop = true;
  for (std::thread &thread : busy) thread.join();
}

TEST(SecureMemory, IsLockedAndLeftOutOfCoreDumps) {
  const Secret secret{kValue};
  const std::string flags = mapping_flags(secret.bytes());
  ASSERT_NE(flags, "");
  if (SecureMemory::instance().locked() && !test::kSanitized) {  // a sanitizer makes mlock do nothing
    EXPECT_NE(flags.find(" lo "), std::string::npos) << flags;
  }
  EXPECT_NE(flags.find(" dd "), std::string::npos) << flags;
  EXPECT_NE(flags.find(" wf "), std::string::npos) << flags;
}

/// A process that may lock nothing: without the limit and without root's right to pass over it.
bool give_up_locking() {
  const rlimit none{0, 0};
  return setrlimit(RLIMIT_MEMLOCK, &none) == 0 && (geteuid() != 0 || setresuid(65534, 65534, 65534) == 0);
}

TEST(SecureMemory, ThatCantBeLockedIsReported) {
  if (test::kSanitized) GTEST_SKIP() << "a sanitizer makes mlock do nothing";
  EXPECT_TRUE(in_child([] {
    if (!give_up_locking()) return false;
    const Secret works(std::string(100'000, 'x'));
    return works.size() == 100'000 && !SecureMemory::instance().locked();
  }));
}

TEST(SecureMemory, ThatCantBeLockedIsRefusedWhereLockingIsRequired) {
  if (test::kSanitized) GTEST_SKIP() << "a sanitizer makes mlock do nothing";
  EXPECT_TRUE(in_child([] {
    SecureMemory::instance().require_lock();
    const Secret fine(std::string(10'000, 'x'));
    if (!give_up_locking()) return false;
    try {
      const Secret refused(std::string(100'000, 'x'));
    } catch (const std::bad_alloc &) {
      return true;
    }
    return false;
  }));
}

TEST(SecureMemory, IsWipedWhenGivenBack) {
  auto &memory = SecureMemory::instance();
  char *first = static_cast<char *>(memory.allocate(256, 16));
  std::fill_n(first, 256, 's');
  memory.deallocate(first, 256, 16);
  char *second = static_cast<char *>(memory.allocate(256, 16));
  ASSERT_EQ(first, second) << "the block given back last is used next";
  EXPECT_EQ(std::count(second, second + 256, 0), 256);
  memory.deallocate(second, 256, 16);
}

TEST(SecureMemory, BlocksAreAlignedAndApart) {
  auto &memory = SecureMemory::instance();
  std::vector<std::pair<char *, std::size_t>> blocks;
  for (std::size_t size = 1; size < 6000; size += 13) {
    char *p = static_cast<char *>(memory.allocate(size, alignof(std::max_align_t)));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p) % alignof(std::max_align_t), 0u);
    std::fill_n(p, size, static_cast<char>(size));
    blocks.emplace_back(p, size);
  }
  for (const auto &[p, size] : blocks) {
    EXPECT_EQ(std::count(p, p + size, static_cast<char>(size)), static_cast<std::ptrdiff_t>(size));
    memory.deallocate(p, size, alignof(std::max_align_t));
  }
}

TEST(SecureMemory, ManyThreadsShareIt) {
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < 2000; ++i) {
        const std::string text(i % 300 + 1, static_cast<char>('a' + t));
        const Secret secret(text);
        if (secret.reveal() != text) ++wrong;
      }
    });
  for (std::thread &thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Secret, ComparesBytes) {
  EXPECT_TRUE(Secret("abc").equals(Secret("abc")));
  EXPECT_FALSE(Secret("abc").equals(Secret("abd")));
  EXPECT_FALSE(Secret("abc").equals(Secret("abcd")));
  EXPECT_TRUE(Secret().equals(Secret()));
}

TEST(Secret, MovesAndClones) {
  Secret a("value");
  const Secret b = a.clone();
  const Secret c = std::move(a);
  EXPECT_EQ(b.reveal(), "value");
  EXPECT_EQ(c.reveal(), "value");
}

static_assert(!std::is_copy_constructible_v<Secret>);
static_assert(!std::is_copy_assignable_v<Secret>);

}  // namespace
}  // namespace cordon
