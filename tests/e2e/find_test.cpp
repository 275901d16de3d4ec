#include "e2e/host.hpp"

namespace cordon::test {
namespace {

/// Looking devices up where the service sends one row at a time, and a 404 when there is none.
class Find : public EmulatorTest {
 protected:
  Find() : EmulatorTest({"--speed", "60", "--scenario", scenario()}), host(open()) {}

  Reply find(const Json &filter) { return host->call("find_machines", {{"filter", filter}}); }
  /// How many rows came, and whether there are more.
  static std::pair<std::size_t, bool> rows_of(const Reply &reply) {
    EXPECT_EQ(reply.status, CORDON_OK) << ::testing::PrintToString(reply);
    if (!reply.document.is_object() || !reply.document.contains("value")) return {};
    return {reply.document["value"].size(), reply.document.value("more", false)};
  }

  std::unique_ptr<Host> host;

 private:
  static std::string scenario() {
    static TempDirectory directory;  // outlives the emulator; one test at a time
    const std::string path = (directory.path() / "scenario.json").string();
    Json machines = Json::array();
    for (const char *name : {"ws-1", "ws-2"}) machines.push_back({{"name", name}, {"tags", Json::array({"vip"})}});
    std::ofstream(path) << Json{{"machines", machines},
                                {"knobs", {{"page_size", 1}, {"empty_machine_list_status", 404}}}};
    return path;
  }
};

TEST_F(Find, AListThatTheServiceCutSaysSo) {
  EXPECT_EQ(rows_of(find({{"tag", "vip"}})), std::pair(std::size_t{1}, true));
  EXPECT_EQ(rows_of(find({{"sha1", file()}})), std::pair(std::size_t{1}, true));
  EXPECT_EQ(rows_of(find({{"tag", "vip"}, {"top", 2}})), std::pair(std::size_t{2}, false)) << "a page of our own size";
  EXPECT_EQ(rows_of(find({{"tag", "vip"}, {"top", 1}, {"skip", 1}})), std::pair(std::size_t{1}, false));
}

TEST_F(Find, NoDeviceIsAnEmptyListAndNoError) {
  EXPECT_EQ(rows_of(find({{"tag", "nobody"}})), std::pair(std::size_t{0}, false));
  EXPECT_EQ(rows_of(find({{"computer_name", "nobody.contoso.example"}})), std::pair(std::size_t{0}, false));
  EXPECT_EQ(host->call("get_machine", {{"machine_id", std::string(40, 'a')}}).status, CORDON_E_NOT_FOUND);
}

}  // namespace
}  // namespace cordon::test
