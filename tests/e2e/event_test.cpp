#include <poll.h>

#include <algorithm>
#include <ctime>
#include <map>

#include "e2e/host.hpp"
#include "support/sanitized.hpp"

namespace cordon::test {
namespace {

/// Events as hosts read them: by cursor, consumed by nobody.
class Events : public EmulatorTest {
 protected:
  static std::vector<Json> read_all(Host &host, std::int64_t after, const char *scope = "all") {
    std::vector<Json> events;
    for (;;) {
      const Reply reply = host.next_event(0, {{"after", after}, {"scope", scope}});
      if (reply.status != CORDON_OK) {
        EXPECT_EQ(reply.status, CORDON_NO_EVENT) << reply.message();
        return events;
      }
      after = reply.document["cursor"];
      events.push_back(reply.document);
    }
  }
  static bool is_readable(int fd, int wait_ms) {
    pollfd wish{fd, POLLIN, 0};
    return poll(&wish, 1, wait_ms) == 1;
  }
};

TEST_F(Events, ComeInOrderPerRequestAndOnceEach) {
  const auto host = open();
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < 5; ++i)
    ids.push_back(host->submit("restrict_code_execution", {{"machine_id", machine(i)}, {"comment", "c"}}).text);
  for (const std::string &id : ids) ASSERT_EQ(host->poll(id, 60'000).status, CORDON_OK);
  std::map<std::string, std::vector<std::string>> states;
  std::int64_t last = 0;
  for (const Json &event : read_all(*host, 0)) {
    EXPECT_GT(event["cursor"].get<std::int64_t>(), last);
    last = event["cursor"];
    if (event["request_id"].is_string()) states[event["request_id"]].push_back(event["state"]);
  }
  const std::vector<std::string> order = {"queued", "sending", "pending", "in_progress", "succeeded"};
  for (const std::string &id : ids) {
    ASSERT_FALSE(states[id].empty());
    EXPECT_EQ(states[id].front(), "queued");
    EXPECT_EQ(states[id].back(), "succeeded");
    std::size_t place = 0;
    for (const std::string &state : states[id]) {
      const auto found = std::find(order.begin() + static_cast<std::ptrdiff_t>(place), order.end(), state);
      ASSERT_NE(found, order.end()) << state << " came too late for " << id;
      place = static_cast<std::size_t>(found - order.begin());
    }
  }
}

TEST_F(Events, ACursorHoldsAcrossRestarts) {
  std::int64_t middle = 0;
  std::vector<Json> before;
  {
    const auto host = open();
    ASSERT_EQ(host->restrict_device(machine(), "c", {{"until", "finished"}}).status, CORDON_OK);
    before = read_all(*host, 0);
    ASSERT_GE(before.size(), 3u);
    middle = before[1]["cursor"];
  }
  const auto host = open();
  std::vector<Json> after = read_all(*host, middle);
  ASSERT_GE(after.size(), before.size() - 2);
  for (std::size_t i = 2; i < before.size(); ++i) EXPECT_EQ(after[i - 2], before[i]);
  EXPECT_EQ(host->next_event(0, {{"after", 0}, {"scope", "client"}}).status, CORDON_OK) << "its own secret_set";
}

TEST_F(Events, AnotherClientReadsThemAllAndItsOwnCursorsStayApart) {
  const auto actor = open();
  Host other(config);
  ASSERT_EQ(other.opened().status, CORDON_OK) << other.opened().message();
  ASSERT_EQ(actor->restrict_device(machine(), "c", {{"until", "finished"}}).status, CORDON_OK);

  const Reply first = other.next_event(20'000, {{"scope", "all"}});
  ASSERT_EQ(first.status, CORDON_OK) << first.message();
  EXPECT_EQ(other.next_event(0).status, CORDON_NO_EVENT) << "it did nothing itself";
  const Reply second = other.next_event(20'000, {{"scope", "all"}});
  ASSERT_EQ(second.status, CORDON_OK) << "what the other scope has passed over was not read";
  EXPECT_GT(second.document["cursor"], first.document["cursor"]);
  EXPECT_EQ(other.next_event(0, {{"after", 999'999}, {"scope", "all"}}).status, CORDON_NO_EVENT);
  const Reply third = other.next_event(20'000, {{"scope", "all"}});
  ASSERT_EQ(third.status, CORDON_OK) << "a look ahead has read nothing";
  EXPECT_EQ(read_all(other, 0).size(), read_all(*actor, 0).size());
}

TEST_F(Events, OfARequestThatWasJoinedComeToWhoeverJoined) {
  const auto actor = open();
  Host other(config);
  const Json wish = {{"machine_id", machine()}, {"comment", "c"}};
  const std::string id = actor->submit("restrict_code_execution", wish).text;
  ASSERT_EQ(actor->submit("restrict_code_execution", {{"machine_id", machine(1)}, {"comment", "c"}}).status, CORDON_OK);
  ASSERT_EQ(other.submit("restrict_code_execution", wish).text, id);
  std::string state;
  while (state != "succeeded") {
    const Reply reply = other.next_event(60'000);
    ASSERT_EQ(reply.status, CORDON_OK) << "after " << state;
    ASSERT_EQ(reply.document["request_id"], id) << "only what it has joined";
    state = reply.document["state"];
  }
}

TEST_F(Events, TheDescriptorIsReadableWhileEventsOfAnotherClientAreUnread) {
  const auto actor = open();
  Host reader(config);
  while (reader.next_event(0, {{"scope", "all"}}).status == CORDON_OK) {
  }
  std::int32_t fd = -1;
  cordon_error *error = nullptr;
  ASSERT_EQ(cordon_event_fd(reader.client(), &fd, &error), CORDON_OK);
  EXPECT_FALSE(is_readable(fd, 0));
  ASSERT_EQ(actor->submit("restrict_code_execution", {{"machine_id", machine()}, {"comment", "c"}}).status, CORDON_OK);
  EXPECT_TRUE(is_readable(fd, 60'000));
  EXPECT_EQ(reader.next_event(0, {{"scope", "all"}}).status, CORDON_OK);
  close(fd);
}

TEST_F(Events, TheDescriptorRestsWhenAReaderWithACursorOfItsOwnHasSeenTheNewest) {
  const auto host = open();
  ASSERT_EQ(host->restrict_device(machine(), "c", {{"until", "finished"}}).status, CORDON_OK);
  std::int32_t fd = -1;
  cordon_error *error = nullptr;
  ASSERT_EQ(cordon_event_fd(host->client(), &fd, &error), CORDON_OK);
  EXPECT_TRUE(is_readable(fd, 0)) << "nothing was read yet";
  const std::int64_t newest = read_all(*host, 0).back()["cursor"];
  ASSERT_EQ(host->next_event(0, {{"after", 0}}).status, CORDON_OK);
  EXPECT_TRUE(is_readable(fd, 0)) << "there is more behind the first";
  EXPECT_EQ(host->next_event(0, {{"after", newest}}).status, CORDON_NO_EVENT);
  EXPECT_FALSE(is_readable(fd, 0)) << "whoever waits for what comes next must not spin over what he passed";
  ASSERT_EQ(host->submit("restrict_code_execution", {{"machine_id", machine(1)}, {"comment", "c"}}).status, CORDON_OK);
  EXPECT_TRUE(is_readable(fd, 60'000));
  EXPECT_EQ(host->next_event(0, {{"after", newest}}).status, CORDON_OK);
  close(fd);
}

/// A host that never reads.
class UnreadEvents : public EmulatorTest {
 protected:
  static long resident_kib() {
    long pages = 0;
    std::ifstream file("/proc/self/statm");
    file >> pages >> pages;
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
  }
  static double cpu_seconds() {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
  }
};

TEST_F(UnreadEvents, CostNeitherMemoryNorSpeed) {
  constexpr int kPart = 2'500;
  Host host(config);
  ASSERT_EQ(host.opened().status, CORDON_OK);
  const auto record_events = [&] {
    const double begin = cpu_seconds();
    for (int i = 0; i < kPart; ++i) EXPECT_EQ(host.set_secret("s", "v").status, CORDON_OK);
    return cpu_seconds() - begin;
  };
  const double first = record_events();
  const long before = resident_kib();
  double last = 0;
  for (int part = 1; part < 4; ++part) last = record_events();
  if (!kSanitized) {
    EXPECT_LT(resident_kib() - before, 4 * 1024) << "of 7,500 events nobody has read";
  }
  EXPECT_LT(last, 4 * first) << "seconds of CPU for as many events";
  EXPECT_EQ(host.next_event(0).document["cursor"], 1) << "nothing was dropped";
}

}  // namespace
}  // namespace cordon::test
