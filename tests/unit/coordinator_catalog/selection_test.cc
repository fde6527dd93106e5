#include "coordinator/catalog/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gofarm::catalog {
namespace {

using ::testing::HasSubstr;

Candidate Wanted(std::string path = "example.com/m", int32_t id = 1) {
  return {.module_id = id,
          .path = std::move(path),
          .version = "v1.0.0",
          .programs = 1,
          .targets = 1,
          .reach = Reachability::kAvailable,
          .eligible = true,
          .stars = 10};
}

std::string ReasonOf(const Candidate& candidate, const SelectionRules& rules = {}) {
  const DecisionRow row = Judge(candidate, rules);
  return row.selected ? "selected: " + row.reason : row.reason;
}

TEST(JudgeTest, AStarredProgramIsSelected) {
  const DecisionRow row = Judge(Wanted(), {});
  EXPECT_TRUE(row.selected);
  EXPECT_EQ(row.version, "v1.0.0");
  EXPECT_THAT(row.reason, HasSubstr("10"));
}

TEST(JudgeTest, WhatNoBatchTookIsNotSelectedUntilItIsLookedAtAgain) {
  Candidate c = Wanted();
  c.left_out = "left out of the batch: gone";
  EXPECT_EQ(ReasonOf(c), "left out of the batch: gone");
  EXPECT_EQ(ReasonOf(c, {.allow = {{"example.com/m", "because"}}}), "left out of the batch: gone");
  c.archived = true;
  EXPECT_THAT(ReasonOf(c), HasSubstr("archived")) << "what keeps it out anyhow is told";
}

TEST(TargetsOfTest, EachBitIsATarget) {
  EXPECT_THAT(TargetsOf(0), ::testing::IsEmpty());
  EXPECT_THAT(TargetsOf(0b1001), ::testing::ElementsAre(Target::kX86_64, Target::kLoongarch64));
  EXPECT_THAT(TargetsOf(15), ::testing::SizeIs(4));
}

TEST(JudgeTest, StarsImportersOrDemandSuffice) {
  Candidate c = Wanted();
  c.stars = 2;
  EXPECT_THAT(ReasonOf(c), HasSubstr("nobody asks for it"));
  c.importers = 1;
  EXPECT_THAT(ReasonOf(c), HasSubstr("selected: imported by 1"));
  c.importers = std::nullopt;
  c.demand = 2;
  EXPECT_THAT(ReasonOf(c), HasSubstr("nobody asks for it"));
  c.demand = 3;
  EXPECT_THAT(ReasonOf(c), HasSubstr("selected: wanted by 3"));
}

TEST(JudgeTest, WhatNobodyKnowsIsNotSelectedButHasAReason) {
  Candidate c = Wanted();
  c.stars = std::nullopt;
  EXPECT_THAT(ReasonOf(c), HasSubstr("nobody asks for it: 0 stars"));
}

struct Fault {
  const char* reason;
  void (*make)(Candidate&);
};
class FaultTest : public testing::TestWithParam<Fault> {};
TEST_P(FaultTest, KeepsItOut) {
  Candidate c = Wanted();
  GetParam().make(c);
  const DecisionRow row = Judge(c, {});
  EXPECT_FALSE(row.selected);
  EXPECT_THAT(row.reason, HasSubstr(GetParam().reason));
}
INSTANTIATE_TEST_SUITE_P(All, FaultTest,
                         testing::Values(Fault{"absent", [](Candidate& c) { c.reach = Reachability::kAbsent; }},
                                         Fault{"not checked", [](Candidate& c) { c.reach = Reachability::kNone; }},
                                         Fault{"examples or test helpers only",
                                               [](Candidate& c) {
                                                 c.programs = 0;
                                                 c.other_programs = 3;
                                               }},
                                         Fault{"no target", [](Candidate& c) { c.targets = 0; }},
                                         Fault{"a fork: its go.mod",
                                               [](Candidate& c) { c.declared_is_other_module = true; }},
                                         Fault{"repository is a fork", [](Candidate& c) { c.fork = true; }},
                                         Fault{"archived", [](Candidate& c) { c.archived = true; }},
                                         Fault{"deprecated", [](Candidate& c) { c.deprecated = true; }},
                                         Fault{"retracted", [](Candidate& c) { c.retracted = true; }},
                                         Fault{"eligible_since", [](Candidate& c) { c.eligible = false; }}));

TEST(JudgeTest, RulesMayLetThemIn) {
  Candidate c = Wanted();
  c.archived = c.deprecated = c.fork = true;
  SelectionRules rules;
  rules.archived = rules.deprecated = rules.forks = true;
  EXPECT_TRUE(Judge(c, rules).selected);
  c.programs = 0;
  c.other_programs = 1;
  EXPECT_FALSE(Judge(c, rules).selected);
  rules.kinds = {"program", "example"};
  EXPECT_TRUE(Judge(c, rules).selected);
}

TEST(JudgeTest, ALicenceListLetsOnlyThoseIn) {
  SelectionRules rules;
  rules.licenses = {"MIT"};
  Candidate c = Wanted();
  EXPECT_EQ(ReasonOf(c, rules), "no known licence");
  c.license = "GPL-3.0";
  EXPECT_THAT(ReasonOf(c, rules), HasSubstr("GPL-3.0"));
  c.license = "MIT";
  EXPECT_TRUE(Judge(c, rules).selected);
}

TEST(JudgeTest, TheDenyListNamesModulesAndPrefixes) {
  SelectionRules rules;
  rules.deny = {{"example.com/m", "asked for by its author"}, {"bad.example/", "malware"}};
  EXPECT_THAT(ReasonOf(Wanted(), rules), HasSubstr("asked for by its author"));
  EXPECT_THAT(ReasonOf(Wanted("bad.example/a/b"), rules), HasSubstr("malware"));
  EXPECT_TRUE(Judge(Wanted("example.com/mm"), rules).selected);
}

TEST(JudgeTest, TheAllowListNeedsNoStarsButASource) {
  SelectionRules rules;
  rules.allow = {{"example.com/m", "a favourite"}};
  Candidate c = Wanted();
  c.stars = 0;
  EXPECT_THAT(ReasonOf(c, rules), HasSubstr("selected: on the allow list: a favourite"));
  c.reach = Reachability::kRefused;
  EXPECT_FALSE(Judge(c, rules).selected);
  rules.deny = rules.allow;
  c.reach = Reachability::kAvailable;
  EXPECT_THAT(ReasonOf(c, rules), HasSubstr("deny list"));
}

TEST(SelectTest, OfSeveralMajorsTheHighest) {
  const std::vector<DecisionRow> rows =
      Select({Wanted("example.com/m", 1), Wanted("example.com/m/v10", 2), Wanted("example.com/m/v9", 3)}, {});
  EXPECT_FALSE(rows[0].selected);
  EXPECT_EQ(rows[0].reason, "the same program as example.com/m/v10");
  EXPECT_TRUE(rows[1].selected);
  EXPECT_FALSE(rows[2].selected);
}

TEST(SelectTest, AMajorThatIsKeptOutKeepsNobodyElseOut) {
  Candidate v2 = Wanted("example.com/m/v2", 2);
  v2.reach = Reachability::kAbsent;
  const std::vector<DecisionRow> rows = Select({Wanted("example.com/m", 1), v2}, {});
  EXPECT_TRUE(rows[0].selected);
}

TEST(SelectTest, PathsThatDifferInCaseOnlyAreOneProgram) {
  Candidate upper = Wanted("github.com/O/R", 1), lower = Wanted("github.com/o/r", 2);
  lower.importers = 5;
  const std::vector<DecisionRow> rows = Select({upper, lower}, {});
  EXPECT_FALSE(rows[0].selected);
  EXPECT_TRUE(rows[1].selected);
}

TEST(SelectTest, ARenamedRepositoryIsOneProgram) {
  Candidate old_name = Wanted("github.com/old/r", 1), new_name = Wanted("github.com/new/r", 2);
  old_name.repository = new_name.repository = "github.com/new/r";
  new_name.demand = 1;
  const std::vector<DecisionRow> rows = Select({old_name, new_name}, {});
  EXPECT_FALSE(rows[0].selected);
  EXPECT_TRUE(rows[1].selected);
}

TEST(SelectTest, TwoModulesOfOneRepositoryAreTwoPrograms) {
  Candidate root = Wanted("github.com/o/r", 1), tool = Wanted("github.com/o/r/tool", 2);
  root.repository = tool.repository = "github.com/o/r";
  const std::vector<DecisionRow> rows = Select({root, tool}, {});
  EXPECT_TRUE(rows[0].selected);
  EXPECT_TRUE(rows[1].selected);
}

TEST(WhyNoCandidateTest, TellsHowFarItCame) {
  EXPECT_THAT(WhyNoCandidate(std::nullopt, std::nullopt, false), HasSubstr("eligible_since"));
  EXPECT_THAT(WhyNoCandidate(std::nullopt, std::nullopt, true), HasSubstr("not checked"));
  EXPECT_THAT(WhyNoCandidate(ReachRow{.state = Reachability::kUnknown, .detail = "absent once"}, std::nullopt, true),
              HasSubstr("absent once"));
  const ReachRow there{.state = Reachability::kAvailable};
  EXPECT_THAT(WhyNoCandidate(there, std::nullopt, true), HasSubstr("not looked into"));
  EXPECT_THAT(WhyNoCandidate(there, DetectionRow{.undecided = "the parser crashed"}, true), HasSubstr("crashed"));
  EXPECT_THAT(WhyNoCandidate(there, DetectionRow{}, true), HasSubstr("no program"));
}

}  // namespace
}  // namespace gofarm::catalog
