#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <thread>

#include "e2e/host.hpp"
#include "faults/byte_proxy.hpp"

namespace cordon::test {
namespace {

using Deed = ByteProxy::Deed;
using Direction = ByteProxy::Direction;

int port_of(const std::string &origin) {
  return std::atoi(origin.c_str() + origin.rfind(':') + 1);
}

/// `CORDON_OFFSETS`: how many of them for each deed; tests/run.sh --load takes more.
std::size_t offsets_wanted() {
  const char *text = std::getenv("CORDON_OFFSETS");
  return text == nullptr ? 8 : static_cast<std::size_t>(std::atoi(text));
}

/// A connection that breaks at any byte of the request or the answer. Whatever the call says then is true, nothing is
/// applied twice, and the client that comes later knows what the service knows.
class ByteOffsets : public EmulatorTest {
 protected:
  ByteOffsets()
      : EmulatorTest(
            {"--speed", "60", "--machines", std::to_string(60 + 14 * offsets_wanted()), "--quota", "1000000/60s"}),
        proxy(port_of(emulator.url())) {
    config["quota"] = "1000000/60s";
    config["reconcile"]["settle_ms"] = 60;
    direct = config;
    config["tenant_defaults"]["cloud"]["api"] = "https://127.0.0.1:" + std::to_string(proxy.port());
    config["track"]["interval_ms"] = 3'600'000;  // no call but those under test
    host = open();
    act();  // earns the token
  }

  std::string next_machine() { return machine(used++); }

  /// Restricts the next device. What was said about it is checked against the service in the end.
  Reply act() {
    const std::string device = next_machine();
    Reply reply = host->restrict_device(device, "c", {{"call_id", "the call"}});
    said[device] = reply;
    return reply;
  }
  /// The same, on a connection that stalls: the host wakes the call, and then the connection goes on or is cut.
  Reply act_until_stalled(bool goes_on) {
    Reply reply;
    std::atomic<bool> returned{false};
    std::thread caller([&] {
      reply = act();
      returned = true;
    });
    while (!returned && !proxy.has_struck()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (!returned) host->interrupt("the call");
    caller.join();
    goes_on ? proxy.release() : proxy.cut_all();
    return reply;
  }

  /// An action on a connection that is sound.
  void act_undisturbed(bool on_new_connection) {
    if (on_new_connection) proxy.cut_all();
    proxy.disarm();
    EXPECT_EQ(act().status, CORDON_PENDING);
  }
  /// How many bytes one action takes each way, on a kept connection or on a new one: the least of several, for what is
  /// looked for after a loss goes the same way.
  ByteProxy::Traffic measure(bool on_new_connection) {
    ByteProxy::Traffic least{SIZE_MAX, SIZE_MAX};
    for (int i = 0; i < 4; ++i) {
      act_undisturbed(on_new_connection);
      const ByteProxy::Traffic once = proxy.traffic();
      least = {std::min(least.request, once.request), std::min(least.answer, once.answer)};
    }
    return least;
  }

  static std::size_t length(ByteProxy::Traffic traffic, Direction direction) {
    return direction == Direction::Request ? traffic.request : traffic.answer;
  }

  void sweep(bool on_new_connection, Direction direction, Deed deed) {
    const std::size_t whole = length(measure(on_new_connection), direction), wanted = offsets_wanted();
    int struck = 0;
    for (std::size_t i = 0; i < wanted; ++i) {
      // The first and the last byte are among them. One too many: nothing comes after the last.
      const std::size_t offset = i * (whole - 1) / (wanted - 1) + (i + 1 == wanted ? 1 : 0);
      if (on_new_connection)
        proxy.cut_all();
      else if (i > 0)
        act_undisturbed(false);
      proxy.arm({direction, offset, deed});
      const Reply reply = deed == Deed::Stall ? act_until_stalled(i % 2 == 0) : act();
      struck += proxy.has_struck() ? 1 : 0;
      proxy.disarm();
      SCOPED_TRACE("byte " + std::to_string(offset) + " of " + std::to_string(whole));
      expect_a_word_about_the_outcome(reply, deed);
    }
    EXPECT_GT(struck, static_cast<int>(wanted) / 2) << "the offsets are not those of the conversation";
  }

  /// It is held, or nobody knows, or nothing was sent.
  static void expect_a_word_about_the_outcome(const Reply &reply, Deed deed) {
    const bool held = reply.status == CORDON_PENDING || reply.status == CORDON_OK;
    const bool unknown = reply.status == CORDON_E_OUTCOME_UNKNOWN && reply.error["outcome_unknown"] == true;
    const bool unsent = deed == Deed::Stall &&
                        (reply.status == CORDON_E_INTERRUPTED || reply.status == CORDON_E_DEADLINE) &&
                        reply.error["outcome_unknown"] == false;
    EXPECT_TRUE(held || unknown || unsent) << ::testing::PrintToString(reply);
  }

  /// Another client, by an undisturbed way, follows every request to its end.
  void expect_the_truth_in_the_end() {
    host.reset();
    config = direct;
    const auto next = open();
    for (const auto &[device, reply] : said) {
      EXPECT_FALSE(reply.request_id().empty()) << ::testing::PrintToString(reply);
      next->poll(reply.request_id(), 30'000);
    }
    std::map<std::string, Json> ends;
    const Reply listed = next->call("list_requests", {{"filter", {{"top", 10'000}}}});
    for (const Json &request : listed.document["requests"]) ends[request["machine_id"]] = request;
    std::map<std::string, std::string> at_service;
    for (const Json &action : emulator.actions())
      EXPECT_TRUE(at_service.emplace(action["machineId"], action["id"]).second) << action["machineId"] << " twice";
    EXPECT_EQ(emulator.posts(), static_cast<long>(at_service.size())) << "every POST that came was applied once";
    for (const auto &[device, reply] : said) {
      SCOPED_TRACE(device + " " + ::testing::PrintToString(reply));
      const bool applied = at_service.count(device) == 1;
      const std::string state = text_or(ends[device], "state");
      if (reply.status < 0 && reply.status != CORDON_E_OUTCOME_UNKNOWN) {
        EXPECT_FALSE(applied) << "it was said that nothing was sent";
        EXPECT_TRUE(state == "withdrawn" || state == "expired") << state;
        continue;
      }
      // What was not applied is sent again while it is wanted: until its time is over or its client shuts down.
      EXPECT_TRUE(applied ? state == "succeeded" : state == "expired" || state == "withdrawn") << state;
      EXPECT_EQ(text_or(ends[device], "action_id"), applied ? at_service[device] : "");
    }
  }

  ByteProxy proxy;
  Json direct;
  std::unique_ptr<Host> host;
  std::size_t used = 0;
  std::map<std::string, Reply> said;
};

TEST_F(ByteOffsets, AKeptConnectionThatIsResetOrEndsAtAnyByteIsToldTruly) {
  for (const Direction direction : {Direction::Request, Direction::Answer})
    for (const Deed deed : {Deed::Reset, Deed::Truncate}) sweep(false, direction, deed);
  expect_the_truth_in_the_end();
}

TEST_F(ByteOffsets, ANewConnectionThatIsResetOrEndsAtAnyByteIsToldTruly) {
  for (const Direction direction : {Direction::Request, Direction::Answer})
    for (const Deed deed : {Deed::Reset, Deed::Truncate}) sweep(true, direction, deed);
  expect_the_truth_in_the_end();
}

TEST_F(ByteOffsets, AConnectionThatStallsAtAnyByteIsToldTrulyToWhomeverWakesTheCall) {
  for (const bool on_new_connection : {false, true})
    for (const Direction direction : {Direction::Request, Direction::Answer})
      sweep(on_new_connection, direction, Deed::Stall);
  expect_the_truth_in_the_end();
}

TEST_F(ByteOffsets, KeptConnectionsThatAllDieWhenTheyAreUsedAgainCarryNoPostTwice) {
  constexpr std::size_t kAtOnce = 8;
  for (int round = 0; round < 4; ++round) {
    std::vector<std::thread> callers;
    std::vector<Reply> replies(kAtOnce);
    std::vector<std::string> devices;
    for (std::size_t i = 0; i < kAtOnce; ++i) devices.push_back(next_machine());
    if (round > 0) proxy.doom_all();
    for (std::size_t i = 0; i < kAtOnce; ++i)
      callers.emplace_back([&, i] { replies[i] = host->restrict_device(devices[i]); });
    for (std::thread &caller : callers) caller.join();
    for (std::size_t i = 0; i < kAtOnce; ++i) {
      expect_a_word_about_the_outcome(replies[i], Deed::Reset);
      said[devices[i]] = replies[i];
    }
  }
  expect_the_truth_in_the_end();
}

}  // namespace
}  // namespace cordon::test
