#include "ledger/slot_book.hpp"

#include <gtest/gtest.h>

#include <random>

namespace cordon::ledger {
namespace {

using std::chrono::seconds;

constexpr BootTime at(int second) {
  return BootTime(seconds(second));
}

TEST(SlotBook, ACallUnderWayOccupiesItsSlotHoweverLongItTakes) {
  SlotBook book;
  const QuotaWindows windows = {QuotaWindow(1, seconds(10))};
  book.add_open(1);
  EXPECT_EQ(book.wait(windows, true, at(1000)), at(1010));
  EXPECT_EQ(book.wait(windows, true, at(5000)), at(5010));
}

TEST(SlotBook, AnEndedCallOccupiesItsSlotForOneWindowFromItsEnd) {
  SlotBook book;
  const QuotaWindows windows = {QuotaWindow(1, seconds(10))};
  book.add_open(1);
  book.put_ended(1, at(100));
  EXPECT_EQ(book.wait(windows, true, at(109)), at(110));
  EXPECT_FALSE(book.wait(windows, true, at(110)));
}

TEST(SlotBook, TheLongestWaitOfAllWindowsCounts) {
  SlotBook book;
  const QuotaWindows windows = {QuotaWindow(2, seconds(10)), QuotaWindow(3, seconds(100))};
  for (int i = 0; i < 3; ++i) book.put_ended(i, at(100 + i));
  EXPECT_EQ(book.wait(windows, true, at(105)), at(200));
  EXPECT_EQ(book.used(windows[0], at(111)), 1);
  EXPECT_EQ(book.used(windows[1], at(111)), 3);
}

TEST(SlotBook, NothingIsGrantedWhileCoolingAndHalfTheBudgetForOneWindowAfterIt) {
  SlotBook book;
  const QuotaWindows windows = {QuotaWindow(4, seconds(10))};
  book.cool(at(100));
  EXPECT_EQ(book.wait(windows, true, at(50)), at(100));
  EXPECT_FALSE(book.wait(windows, true, at(100)));
  book.put_ended(1, at(100));
  EXPECT_FALSE(book.wait(windows, true, at(101)));
  book.put_ended(2, at(101));
  EXPECT_EQ(book.wait(windows, true, at(102)), at(110)) << "two of four: half the budget is used up";
  EXPECT_FALSE(book.wait(windows, true, at(110)));
}

TEST(SlotBook, ForgetsOnlyWhatEndedBefore) {
  SlotBook book;
  book.add_open(1);
  book.put_ended(3, at(30));
  book.put_ended(2, at(20));
  EXPECT_EQ(book.forget_one(at(25)), 2);
  EXPECT_FALSE(book.forget_one(at(25)));
  EXPECT_EQ(book.forget_one(at(30)), 3);
  EXPECT_FALSE(book.forget_one(at(99)));
}

// The service counts a call somewhere between grant and end: whatever it picks, no window may hold more than its limit.
TEST(SlotBook, NoWindowEverHoldsMoreThanItsLimitWhereverTheServiceCountsACall) {
  struct Call {
    BootTime granted, ended;
  };
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 chance(seed);
    const QuotaWindows windows = {QuotaWindow(5, seconds(10)), QuotaWindow(12, seconds(60))};
    SlotBook book;
    std::vector<Call> calls;
    std::vector<std::size_t> open;
    BootTime now = at(1000);
    for (int step = 0; step < 600; ++step) {
      now += std::chrono::milliseconds(chance() % 1500);
      if (!open.empty() && chance() % 2 == 0) {
        const std::size_t which = chance() % open.size();
        calls[open[which]].ended = now;
        book.put_ended(static_cast<std::int64_t>(open[which]), now);
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(which));
      }
      const auto again = book.wait(windows, true, now);
      if (again) {
        ASSERT_GT(*again, now);
        continue;
      }
      open.push_back(calls.size());
      book.add_open(static_cast<std::int64_t>(calls.size()));
      calls.push_back({now, BootTime::max()});
    }
    for (const QuotaWindow &window : windows)
      for (const Call &first : calls) {
        // Counted as late as possible at the window's begin, as early as possible behind it.
        const BootTime begin = first.granted;
        const auto inside = std::count_if(calls.begin(), calls.end(), [&](const Call &call) {
          return call.granted <= begin && call.ended > begin - window.length;
        });
        ASSERT_LE(inside, window.limit) << "seed " << seed;
      }
  }
}

TEST(SlotBook, TheLastTenthOfAWindowIsForThePrivileged) {
  SlotBook book;
  const QuotaWindows windows{{20, std::chrono::seconds(10)}};
  for (int i = 0; i < 18; ++i) book.put_ended(i, at(100));
  EXPECT_EQ(book.wait(windows, false, at(101)), at(110));
  EXPECT_FALSE(book.wait(windows, true, at(101)));
  book.add_open(18);
  book.add_open(19);
  EXPECT_TRUE(book.wait(windows, true, at(101))) << "theirs is used up too";
}

}  // namespace
}  // namespace cordon::ledger
