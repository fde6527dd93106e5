#include "coordinator/catalog/reach_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gofarm::catalog {
namespace {

using ::testing::HasSubstr;

const absl::Time kNoon = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kSixHours = absl::Hours(6);
const Claimed kModule{.module_id = 7, .path = "example.com/m", .latest = "v1.0.0"};

ReachRow Found(std::string version = "v1.0.0") { return {.version = std::move(version)}; }

TEST(ReachDecideTest, AnAnswerMakesItAvailable) {
  const ReachVerdict verdict =
      Decide(kModule, std::nullopt, Found(), {.state = Reachability::kAvailable}, kSixHours, kNoon);
  EXPECT_EQ(verdict.row.module_id, 7);
  EXPECT_EQ(verdict.row.state, Reachability::kAvailable);
  EXPECT_EQ(verdict.row.checked_at, kNoon);
  EXPECT_EQ(verdict.work.due_at, kNoon + kAvailableAgain);
}

TEST(ReachDecideTest, OneAbsenceIsUnknownAndAskedAgain) {
  const ReachVerdict verdict = Decide(kModule, std::nullopt, Found(),
                                      {.state = Reachability::kAbsent, .detail = "answers 404"}, kSixHours, kNoon);
  EXPECT_EQ(verdict.row.state, Reachability::kUnknown);
  EXPECT_THAT(verdict.row.detail, HasSubstr("absent once"));
  EXPECT_EQ(verdict.row.absent_since, kNoon);
  EXPECT_EQ(verdict.work.due_at, kNoon + kSixHours);
}

TEST(ReachDecideTest, TwoAbsencesApartInTimeAreAbsent) {
  ReachRow before = Found();
  before.absent_since = kNoon - kSixHours;
  const ReachVerdict verdict =
      Decide(kModule, before, Found(), {.state = Reachability::kAbsent, .detail = "answers 410"}, kSixHours, kNoon);
  EXPECT_EQ(verdict.row.state, Reachability::kAbsent);
  EXPECT_EQ(verdict.row.detail, "answers 410");
  EXPECT_EQ(verdict.row.absent_since, kNoon - kSixHours);
  EXPECT_EQ(verdict.work.due_at, kNoon + kAbsentAgain);
}

TEST(ReachDecideTest, ASecondAbsenceThatComesEarlyStaysUnknown) {
  ReachRow before = Found();
  before.absent_since = kNoon - absl::Minutes(1);
  const ReachVerdict verdict = Decide(kModule, before, Found(), {.state = Reachability::kAbsent}, kSixHours, kNoon);
  EXPECT_EQ(verdict.row.state, Reachability::kUnknown);
  EXPECT_EQ(verdict.work.due_at, kNoon - absl::Minutes(1) + kSixHours);
}

TEST(ReachDecideTest, AbsencesOfTwoVersionsDoNotAddUp) {
  ReachRow before = Found("v0.9.0");
  before.absent_since = kNoon - absl::Hours(100);
  const ReachVerdict verdict = Decide(kModule, before, Found(), {.state = Reachability::kAbsent}, kSixHours, kNoon);
  EXPECT_EQ(verdict.row.state, Reachability::kUnknown);
  EXPECT_EQ(verdict.row.absent_since, kNoon);
}

TEST(ReachDecideTest, NoAnswerIsAskedForAgainLaterAndLater) {
  Claimed module = kModule;
  const ReachVerdict first = Decide(module, std::nullopt, Found(), {.state = Reachability::kUnknown}, kSixHours, kNoon);
  EXPECT_EQ(first.work.failures, 1);
  EXPECT_EQ(first.work.due_at, kNoon + kUnknownAgainFirst);
  module.failures = 3;
  const ReachVerdict fourth =
      Decide(module, std::nullopt, Found(), {.state = Reachability::kUnknown}, kSixHours, kNoon);
  EXPECT_EQ(fourth.work.due_at, kNoon + 8 * kUnknownAgainFirst);
  module.failures = 1000;
  EXPECT_EQ(Decide(module, std::nullopt, Found(), {.state = Reachability::kUnknown}, kSixHours, kNoon).work.due_at,
            kNoon + kUnknownAgainMax);
}

TEST(ReachDecideTest, NoAnswerForgetsNoAbsence) {
  ReachRow before = Found();
  before.absent_since = kNoon - absl::Hours(1);
  const ReachVerdict verdict = Decide(kModule, before, Found(), {.state = Reachability::kUnknown}, kSixHours, kNoon);
  EXPECT_EQ(verdict.row.absent_since, kNoon - absl::Hours(1));
}

TEST(ReachDecideTest, ARefusalIsOne) {
  const ReachVerdict verdict =
      Decide(kModule, std::nullopt, Found(), {.state = Reachability::kRefused}, kSixHours, kNoon);
  EXPECT_EQ(verdict.row.state, Reachability::kRefused);
  EXPECT_EQ(verdict.work.due_at, kNoon + kRefusedAgain);
}

TEST(LatestOfTest, ARetractedVersionIsPassedOver) {
  const std::vector<std::string> versions{"v1.0.0", "v1.0.1"};
  EXPECT_EQ(NewestOf("example.com/m", versions, "v1.0.1"), "v1.0.1");
  const LatestChoice choice = LatestOf("example.com/m", versions, {{"v1.0.1", "v1.0.1"}}, "v1.0.1");
  EXPECT_EQ(choice.version, "v1.0.0");
  EXPECT_FALSE(choice.all_retracted);
}

TEST(LatestOfTest, WhereAllAreRetractedTheNewestStandsAndSaysSo) {
  const LatestChoice choice = LatestOf("example.com/m", {"v1.0.0", "v1.0.1"}, {{"v0.0.0", "v9.0.0"}}, "v1.0.1");
  EXPECT_EQ(choice.version, "v1.0.1");
  EXPECT_TRUE(choice.all_retracted);
}

TEST(LatestOfTest, OfPseudoVersionsTheNewestCommit) {
  const std::vector<std::string> versions{"v0.0.0-20230101000000-aaaaaaaaaaaa", "v0.0.0-20240101000000-bbbbbbbbbbbb",
                                          "v0.0.0-20220101000000-cccccccccccc"};
  EXPECT_EQ(NewestOf("example.com/m", versions, versions[0]), versions[1]);
  EXPECT_EQ(LatestOf("example.com/m", versions, {}, versions[1]).version, versions[1]);
}

TEST(LatestOfTest, AReleaseComesBeforeANewerPseudoVersion) {
  EXPECT_EQ(NewestOf("example.com/m", {"v0.1.0", "v0.1.1-0.20260101000000-aaaaaaaaaaaa"}, ""), "v0.1.0");
}

TEST(LatestOfTest, WithoutUsableVersionsTheIndexDecides) {
  EXPECT_EQ(NewestOf("example.com/m", {}, "v1.2.3"), "v1.2.3");
}

TEST(LatestOfTest, IncompatibleVersionsCountWhereNoModuleIs) {
  const std::vector<std::string> versions = {"v1.0.0", "v2.0.0+incompatible"};
  EXPECT_EQ(LatestOf("example.com/m", versions, {}, "v1.0.0").version, "v1.0.0");
  EXPECT_EQ(LatestOf("example.com/m", versions, {}, "v1.0.0", /*has_go_mod=*/false).version, "v2.0.0+incompatible");
}

}  // namespace
}  // namespace gofarm::catalog
