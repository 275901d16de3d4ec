#include "response/match.hpp"

#include <gtest/gtest.h>

#include "support/fake_clock.hpp"

namespace cordon::response {
namespace {

using defender::MachineAction;

constexpr const char *kSha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
constexpr const char *kOtherSha1 = "1111111111111111111111111111111111111111";

class Matching : public ::testing::Test {
 protected:
  Matching() {
    ledger::RequestRow row;
    row.id = RequestId::trusted("6a1f2c3d-0b4e-4f00-8000-000000000001");
    row.machine = MachineId::trusted(std::string(40, 'a'));
    row.parameters = Json{{"sha1", kSha1}};
    row.deadline = clock.now() + std::chrono::seconds(60);
    live.emplace(scheduler, nullptr, *defender::Catalogue::instance().find("stop_and_quarantine"), row);
  }
  MachineAction action() const {
    MachineAction made;
    made.id = "00000000-0000-4000-8000-000000000009";
    made.type = "StopAndQuarantineFile";
    made.machine_id = std::string(40, 'a');
    made.status = defender::ActionStatus::Pending;
    made.file_identifier = kSha1;
    made.created_at = now;
    return made;
  }

  test::FakeClock clock;
  loop::Scheduler scheduler{clock};
  const UtcTicks now = clock.utc();
  std::optional<Live> live;
};

TEST_F(Matching, AnAnswerWithOurExternalIdOrMarkerIsOurs) {
  MachineAction by_id = action();
  by_id.external_id = live->row.id.str();
  EXPECT_EQ(match_answer(*live, by_id, std::nullopt), Match::Ours);
  MachineAction by_marker = action();
  by_marker.requestor_comment = "INC-7 [cordon:6a1f2c3d0b4e]";
  EXPECT_EQ(match_answer(*live, by_marker, std::nullopt), Match::Ours);
}

TEST_F(Matching, AnAnswerWithSomebodyElsesCommentIsAdoptable) {
  MachineAction theirs = action();
  theirs.requestor_comment = "by hand";
  EXPECT_EQ(match_answer(*live, theirs, std::nullopt), Match::Adoptable);
  theirs.file_identifier.clear();
  EXPECT_EQ(match_answer(*live, theirs, std::nullopt), Match::Other) << "it may be about another file";
}

TEST_F(Matching, AnAnswerThatTellsNothingIsOursUnlessItIsOlderThanThePost) {
  EXPECT_EQ(match_answer(*live, action(), std::nullopt), Match::Ours);
  EXPECT_EQ(match_answer(*live, action(), now), Match::Ours);
  EXPECT_EQ(match_answer(*live, action(), now + std::chrono::seconds(1)), Match::Adoptable);
  MachineAction timeless = action();
  timeless.created_at = UtcTicks();
  EXPECT_EQ(match_answer(*live, timeless, now), Match::Ours);
}

TEST_F(Matching, AnAnswerAboutAnotherFileIsNeverOursWhateverItCarries) {
  MachineAction other = action();
  other.file_identifier = kOtherSha1;
  EXPECT_EQ(match_answer(*live, other, std::nullopt), Match::Other);
  other.external_id = live->row.id.str();
  EXPECT_EQ(match_answer(*live, other, std::nullopt), Match::Other);
}

TEST_F(Matching, AnEqualMarkerOnAnotherFileIsNotTakenForOurs) {
  // Ids that a host makes from the time of day begin alike.
  MachineAction twin = action();
  twin.id = "00000000-0000-4000-8000-000000000008";
  twin.file_identifier = kOtherSha1;
  twin.requestor_comment = "INC-7 [cordon:6a1f2c3d0b4e]";
  MachineAction ours = action();
  ours.requestor_comment = twin.requestor_comment;
  const std::vector<MachineAction> listed = {twin, ours};
  const MachineAction *found = find_ours(*live, listed);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->id, ours.id);
  const std::vector<MachineAction> only_twin = {twin};
  EXPECT_EQ(find_ours(*live, only_twin), nullptr);
}

TEST_F(Matching, AnEqualMarkerOfAnotherRequestIsNotTakenForOurs) {
  // A host may make its ids by counting: then all of its markers are equal.
  MachineAction earlier = action();
  earlier.status = defender::ActionStatus::Succeeded;
  earlier.requestor_comment = "INC-7 [cordon:6a1f2c3d0b4e]";
  earlier.external_id = "6a1f2c3d-0b4e-4f00-8000-000000000002";
  const std::vector<MachineAction> listed = {earlier};
  EXPECT_EQ(find_ours(*live, listed), nullptr);
  earlier.external_id = "INC-7";
  const std::vector<MachineAction> of_no_request = {earlier};
  EXPECT_NE(find_ours(*live, of_no_request), nullptr) << "an id that is none of ours says nothing";
  earlier.external_id = "0d5f2a77-91c3-4c1e-8a4e-5b1f0e6d2c3b";
  const std::vector<MachineAction> named_by_the_service = {earlier};
  EXPECT_NE(find_ours(*live, named_by_the_service), nullptr) << "nor does one that the service has made up";
  EXPECT_EQ(match_answer(*live, earlier, std::nullopt), Match::Ours);
}

TEST_F(Matching, AnActionThatNamesTheFileByAnotherHashDoesNotContradict) {
  MachineAction by_sha256 = action();
  by_sha256.file_identifier = std::string(64, 'f');
  by_sha256.file_identifier_type = "Sha256";
  const std::vector<MachineAction> listed = {by_sha256};
  EXPECT_EQ(find_adoptable(*live, listed), nullptr) << "nor does it show that it is the same";
  by_sha256.external_id = live->row.id.str();
  EXPECT_EQ(match_answer(*live, by_sha256, std::nullopt), Match::Ours);
}

TEST_F(Matching, OnlyAnOpenActionThatDoesTheSameIsAdopted) {
  MachineAction ended = action();
  ended.status = defender::ActionStatus::Succeeded;
  MachineAction other_file = action();
  other_file.file_identifier = kOtherSha1;
  MachineAction says_nothing = action();
  says_nothing.file_identifier.clear();
  MachineAction elsewhere = action();
  elsewhere.machine_id = std::string(40, 'b');
  MachineAction other_kind = action();
  other_kind.type = "Isolate";
  const std::vector<MachineAction> none = {ended, other_file, says_nothing, elsewhere, other_kind};
  EXPECT_EQ(find_adoptable(*live, none), nullptr);
  const std::vector<MachineAction> one = {ended, action()};
  EXPECT_EQ(find_adoptable(*live, one), &one[1]);
}

}  // namespace
}  // namespace cordon::response
