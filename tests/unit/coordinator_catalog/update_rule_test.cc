#include "coordinator/catalog/update_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"

namespace gofarm::catalog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const absl::Time kNoon = absl::FromCivil(absl::CivilHour(2026, 11, 30, 12), absl::UTCTimeZone());
constexpr char kPath[] = "example.com/m/cmd/tool";

UpdateCandidate Candidate() {
  return {.module_id = 1,
          .module = "example.com/m",
          .published = {"v1.0.0", "v1.2.0"},
          .programs = {{.import_path = kPath, .targets = 0b0011}},
          .version = "v1.3.0",
          .reach = Reachability::kAvailable,
          .detected = "v1.3.0",
          .undecided = "",
          .buildable = 0b1111,
          .document = "{}",
          .indexed_at = kNoon - absl::Hours(2)};
}
ProgramView Program(const std::string& path, std::vector<Target> targets = {kAllTargets.begin(), kAllTargets.end()}) {
  return {.import_path = path, .declared_path = path, .name = "tool", .targets = std::move(targets), .kind = "program"};
}
UpdateDecision Decide(const UpdateCandidate& candidate, const UpdateRules& rules = {},
                      const std::vector<ProgramView>& found = {Program(kPath)},
                      const std::map<std::string, std::string>& deny = {}) {
  return DecideUpdate(candidate, found, rules, deny, kNoon);
}

TEST(UpdateRuleTest, ANewVersionIsBuiltForTheTargetsThatItsProgramsArePublishedFor) {
  const UpdateDecision decision = Decide(Candidate());
  EXPECT_EQ(decision.verdict, UpdateVerdict::kQueue);
  EXPECT_EQ(decision.targets, 0b0011) << "and not for those that it never was published for";
}

TEST(UpdateRuleTest, AProgramThatIsNewlyThereIsBuiltWhereItIsForecastAsBuildable) {
  UpdateCandidate candidate = Candidate();
  candidate.buildable = 0b0111;
  const ProgramView extra = Program("example.com/m/cmd/extra", {Target::kRiscv64, Target::kLoongarch64});
  const UpdateDecision decision = Decide(candidate, {}, {Program(kPath), extra});
  int bits = 0b0011;
  for (const Target target : extra.targets) bits |= (1 << (static_cast<int>(target) - 1)) & candidate.buildable;
  EXPECT_EQ(decision.targets, bits);
  ProgramView example = extra;
  example.kind = "example";
  EXPECT_EQ(Decide(candidate, {}, {Program(kPath), example}).targets, 0b0011) << "examples are no programs";
}

TEST(UpdateRuleTest, AProgramIsKnownByThePathThatItsGoModDeclares) {
  ProgramView found = Program("example.com/fork/cmd/tool");
  found.declared_path = kPath;
  EXPECT_EQ(Decide(Candidate(), {}, {found}).targets, 0b0011);
}

TEST(UpdateRuleTest, AVersionWithoutThePublishedProgramsIsNotBuilt) {
  const UpdateDecision decision = Decide(Candidate(), {}, {});
  EXPECT_EQ(decision.verdict, UpdateVerdict::kSkipped);
  EXPECT_THAT(decision.reason, HasSubstr("none of the published programs"));
}

TEST(UpdateRuleTest, WhatIsNotNewerIsNothing) {
  UpdateCandidate candidate = Candidate();
  for (const char* version : {"v1.2.0", "v1.1.9", "v1.2.0-rc.1"}) {
    candidate.version = candidate.detected = version;
    EXPECT_EQ(Decide(candidate).verdict, UpdateVerdict::kNothing) << version;
  }
  candidate.published = {};
  EXPECT_EQ(Decide(candidate, {.prereleases = true}).verdict, UpdateVerdict::kQueue)
      << "its author took back all that is published";
}

TEST(UpdateRuleTest, TheDelayRunsFromTheIndexLine) {
  UpdateCandidate candidate = Candidate();
  candidate.indexed_at = kNoon - absl::Minutes(59);
  const UpdateDecision decision = Decide(candidate);
  EXPECT_EQ(decision.verdict, UpdateVerdict::kWaits);
  EXPECT_EQ(decision.until, kNoon + absl::Minutes(1));
  EXPECT_EQ(Decide(candidate, {.delay = absl::ZeroDuration()}).verdict, UpdateVerdict::kQueue);
  candidate.indexed_at = kNoon - absl::Hours(1);
  EXPECT_EQ(Decide(candidate).verdict, UpdateVerdict::kQueue) << "exactly over";
}

TEST(UpdateRuleTest, PreReleasesAndPseudoVersionsAreTakenOnlyOnRequest) {
  UpdateCandidate candidate = Candidate();
  for (const char* version : {"v1.3.0-rc.1", "v1.3.1-0.20261101000000-0123456789ab"}) {
    candidate.version = candidate.detected = version;
    EXPECT_EQ(Decide(candidate).verdict, UpdateVerdict::kSkipped) << version;
    EXPECT_EQ(Decide(candidate).reason, "a pre-release");
    EXPECT_EQ(Decide(candidate, {.prereleases = true}).verdict, UpdateVerdict::kQueue) << version;
  }
}

TEST(UpdateRuleTest, WhatAPersonOrTheAuthorForbidsIsSkipped) {
  UpdateCandidate candidate = Candidate();
  EXPECT_EQ(Decide(candidate, {}, {Program(kPath)}, {{"example.com/", "spam"}}).reason, "on the deny list: spam");
  candidate.withdrawn = "malware";
  EXPECT_EQ(Decide(candidate).verdict, UpdateVerdict::kSkipped);
  EXPECT_EQ(Decide(candidate).reason, "withdrawn: malware");
  candidate = Candidate();
  candidate.retracted = true;
  EXPECT_EQ(Decide(candidate).verdict, UpdateVerdict::kSkipped);
}

TEST(UpdateRuleTest, OtherStagesAreWaitedFor) {
  UpdateCandidate candidate = Candidate();
  candidate.detected = "v1.2.0";
  EXPECT_EQ(Decide(candidate).verdict, UpdateVerdict::kWaits);
  EXPECT_EQ(Decide(candidate).until, absl::InfiniteFuture());
  candidate = Candidate();
  candidate.undecided = "the zip is broken";
  EXPECT_EQ(Decide(candidate).reason, "undecided: the zip is broken");
  candidate = Candidate();
  candidate.reach = Reachability::kAbsent;
  EXPECT_EQ(Decide(candidate).verdict, UpdateVerdict::kWaits);
}

TEST(UpdateRuleTest, WhatHasAJobIsNotQueuedAgainWhateverCameOfIt) {
  UpdateCandidate candidate = Candidate();
  candidate.jobs = 0b0001;
  EXPECT_EQ(Decide(candidate).targets, 0b0010);
  candidate.jobs = 0b0111;
  EXPECT_EQ(Decide(candidate).verdict, UpdateVerdict::kSkipped);
}

TEST(UpdateRuleTest, BeyondTheBudgetTheYoungestWaitForTheNextDay) {
  std::vector<UpdateCandidate> candidates(3, Candidate());
  candidates[0].indexed_at = kNoon - absl::Hours(2);
  candidates[1].indexed_at = kNoon - absl::Hours(5);
  candidates[2].indexed_at = kNoon - absl::Hours(3);
  const auto decided = [&](int left) {
    std::vector<UpdateDecision> decisions;
    for (const UpdateCandidate& candidate : candidates) decisions.push_back(Decide(candidate));
    WithinBudget(candidates, left, kNoon, decisions);
    std::vector<UpdateVerdict> verdicts;
    for (const UpdateDecision& decision : decisions) {
      verdicts.push_back(decision.verdict);
      if (decision.verdict != UpdateVerdict::kWaits) continue;
      EXPECT_EQ(decision.until, kNoon + absl::Hours(12)) << "midnight UTC";
      EXPECT_EQ(decision.reason, kBudgetUsed);
    }
    return verdicts;
  };
  using V = UpdateVerdict;
  EXPECT_THAT(decided(3), ElementsAre(V::kQueue, V::kQueue, V::kQueue));
  EXPECT_THAT(decided(2), ElementsAre(V::kWaits, V::kQueue, V::kQueue));
  EXPECT_THAT(decided(1), ElementsAre(V::kWaits, V::kQueue, V::kWaits));
  EXPECT_THAT(decided(-4), ElementsAre(V::kWaits, V::kWaits, V::kWaits)) << "the budget was made smaller";
}

TEST(RetractionTest, BothEndsOfARangeBelongToIt) {
  const std::vector<RetractedRange> ranges = {{"v1.0.0", "v1.1.0", "leaks keys"}, {"v1.5.0", "v1.5.0", ""}};
  EXPECT_EQ(WhyRetracted(ranges, "v1.0.0"), "leaks keys");
  EXPECT_EQ(WhyRetracted(ranges, "v1.1.0"), "leaks keys");
  EXPECT_EQ(WhyRetracted(ranges, "v1.1.1"), "");
  EXPECT_EQ(WhyRetracted(ranges, "v1.5.0"), kNoRetractionReason);
}

TEST(RetractionTest, MarksAreForWhatSaysOtherThanGoModSays) {
  const std::vector<RetractedRange> ranges = {{"v1.0.0", "v1.0.0", "bad"}};
  const std::vector<RetractionMark> marks =
      MarksOf(std::vector<Retractable>{{"example.com/a", "v1.0.0", "", "", ranges},        // retracted now
                                       {"example.com/b", "v1.0.0", "bad", "bad", ranges},  // as it says
                                       {"example.com/c", "v1.0.0", "", "bad", ranges},  // a target that was built later
                                       {"example.com/d", "v1.0.1", "bad", "bad", ranges},  // it is taken back no more
                                       {"example.com/e", "v1.0.1", "", "", ranges}});
  ASSERT_THAT(marks, SizeIs(3));
  EXPECT_EQ(marks[0].module, "example.com/a");
  EXPECT_EQ(marks[0].why, "bad");
  EXPECT_EQ(marks[1].module, "example.com/c");
  EXPECT_EQ(marks[2].module, "example.com/d");
  EXPECT_EQ(marks[2].why, "");
}

TEST(RetractionTest, WhatIsKeptOfAGoModIsBoundedAndFitToBePrinted) {
  gomod::GoModFile file;
  file.retractions.push_back({{"v1.0.0", "v1.0.0"}, Cat("\x1b[2J", std::string(500, 'x'))});
  file.retractions.push_back({{"not a version", "v1.0.0"}, ""});
  file.retractions.push_back({{"v1.0.0", Cat("v1.0.0-", std::string(gomod::kVersionMax, 'a'))}, ""});
  const std::vector<RetractedRange> kept = RetractedRanges(file);
  ASSERT_THAT(kept, SizeIs(1));
  EXPECT_LE(kept[0].why.size(), kRetractionWhyMax);
  EXPECT_THAT(kept[0].why, HasSubstr("\\x1b"));
  file.retractions.assign(kRetractionsMax + 1, {{"v1.0.0", "v1.0.0"}, ""});
  EXPECT_THAT(RetractedRanges(file), SizeIs(kRetractionsMax));
  EXPECT_THAT(RetractedRanges({}), IsEmpty());
}

}  // namespace
}  // namespace gofarm::catalog
