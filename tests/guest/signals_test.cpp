#include "guest/guest_process.hpp"

namespace cordon::test {
namespace {

class Signals : public GuestTest {};

TEST_F(Signals, DispositionsMaskAndAlternateStackStayTheHosts) {
  expect_good("signals_stay_as_they_are");
}

TEST_F(Signals, ALogThatNobodyReadsKillsNoHost) {
  for (const char *disposition : {"default", "handled"}) expect_good("log_to_a_closed_pipe", {disposition});
}

TEST_F(Signals, ALogThatIsFullStopsNoWork) {
  expect_good("log_to_a_full_pipe");
}

TEST_F(Signals, ThreadsOfTheLibraryBlockThem) {
  expect_good("threads_block_signals");
}

TEST_F(Signals, CallsThatAreInterruptedAllTheTimeSucceed) {
  for (const char *way : {"restart", "no_restart"}) expect_good("interrupted_all_the_time", {way});
}

TEST_F(Signals, AKeyHelperIsBelievedWhateverTheHostDoesWithChildren) {
  for (const char *way : {"default", "ignored", "no_wait", "reaped"})
    expect_good("children_of_a_host_of_its_own_mind", {way});
}

TEST_F(Signals, NoChildOfTheHostIsTakenAndNoneIsLeft) {
  expect_good("no_child_is_taken_or_left");
}

TEST_F(Signals, AFileThatMayNotGrowIsAnErrorAndNoSignal) {
  for (const char *disposition : {"default", "handled"}) expect_good("file_size_limit", {disposition});
}

}  // namespace
}  // namespace cordon::test
