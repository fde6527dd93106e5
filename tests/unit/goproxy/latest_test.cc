#include "common/goproxy/latest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace gofarm::goproxy {
namespace {

using ::testing::ElementsAre;

constexpr char kModule[] = "example.com/m";

// The choice when these versions have these go.mod files; what has none here has one that says nothing.
std::string Latest(const std::vector<std::string>& versions, std::map<std::string, std::string> go_mods = {},
                   std::vector<std::string>* asked = nullptr) {
  LatestRule rule(kModule, versions);
  for (int i = 0; i < 3 && !rule.wants().empty(); ++i) {
    if (asked != nullptr) asked->push_back(rule.wants());
    rule.TakeGoMod(go_mods.try_emplace(rule.wants(), "module example.com/m\n\ngo 1.21\n").first->second);
  }
  EXPECT_EQ(rule.wants(), "") << "it asks for two at most";
  return rule.FromList();
}
constexpr char kMadeUp[] = "module example.com/m\n";

TEST(LatestRuleTest, TheNewestVersionSaysWhatIsRetracted) {
  std::vector<std::string> asked;
  EXPECT_EQ(
      Latest({"v1.0.0", "v1.2.0", "v1.1.0"}, {{"v1.2.0", "module example.com/m\nretract [v1.1.0, v1.2.0]\n"}}, &asked),
      "v1.0.0");
  EXPECT_THAT(asked, ElementsAre("v1.2.0"));
  EXPECT_EQ(Latest({"v1.0.0"}, {{"v1.0.0", "module example.com/m\nretract v1.0.0\n"}}), "");
  EXPECT_EQ(Latest({"v1.0.0", "v1.1.0-rc.1"}, {{"v1.0.0", "module example.com/m\nretract v1.0.0\n"}}), "v1.1.0-rc.1");
  EXPECT_EQ(Latest({"v1.0.0"}, {{"v1.0.0", "what is this"}}), "v1.0.0");
}

TEST(LatestRuleTest, IncompatibleVersionsCountWhereNoModuleIs) {
  const std::vector<std::string> versions = {"v1.0.0", "v2.0.0+incompatible", "v3.0.0+incompatible"};
  EXPECT_EQ(Latest(versions), "v1.0.0");
  EXPECT_EQ(Latest(versions, {{"v1.0.0", kMadeUp}}), "v3.0.0+incompatible");
  EXPECT_EQ(Latest({"v2.0.0+incompatible"}, {{"v2.0.0+incompatible", kMadeUp}}), "v2.0.0+incompatible");
}

TEST(LatestRuleTest, TheHighestVersionThatIsNotRetractedDecidesWhetherTheyCount) {
  const std::vector<std::string> versions = {"v1.0.0", "v1.1.0", "v2.0.0+incompatible"};
  const std::string retracts = "module example.com/m\nretract v1.1.0\n";
  std::vector<std::string> asked;
  EXPECT_EQ(Latest(versions, {{"v1.1.0", retracts}}, &asked), "v1.0.0");
  EXPECT_THAT(asked, ElementsAre("v1.1.0", "v1.0.0"));
  EXPECT_EQ(Latest(versions, {{"v1.1.0", retracts}, {"v1.0.0", kMadeUp}}), "v2.0.0+incompatible");
  // A pre-release speaks too, as it does for go.
  asked.clear();
  EXPECT_EQ(Latest({"v1.0.0", "v1.1.0-rc.1", "v2.0.0+incompatible"}, {{"v1.0.0", kMadeUp}}, &asked), "v1.0.0");
  EXPECT_THAT(asked, ElementsAre("v1.0.0", "v1.1.0-rc.1"));
  // Without any +incompatible version nothing more is asked.
  asked.clear();
  EXPECT_EQ(Latest({"v1.0.0", "v1.1.0"}, {{"v1.1.0", retracts}}, &asked), "v1.0.0");
  EXPECT_THAT(asked, ElementsAre("v1.1.0"));
}

TEST(LatestRuleTest, OfAnEmptyListTheProxyDecides) {
  LatestRule rule(kModule, VersionsOfList(" \n"));
  EXPECT_EQ(rule.wants(), "");
  EXPECT_EQ(rule.FromList(), "");
  EXPECT_EQ(*rule.FromLatest(R"({"Version" : "v0.0.0-20260101000000-0123456789ab"})"),
            "v0.0.0-20260101000000-0123456789ab");
  for (const char* info : {"", "{}", R"({"Version":7})", R"({"Version":"../../etc"})", R"({"Version":"v1)"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(rule.FromLatest(info).status())) << info;
  }
}

TEST(LatestRuleTest, ARetractedLatestIsNone) {
  LatestRule rule(kModule, {"v1.0.0"});
  rule.TakeGoMod("module example.com/m\nretract [v0.0.0, v1.0.0]\n");
  EXPECT_EQ(rule.FromList(), "");
  EXPECT_TRUE(absl::IsNotFound(rule.FromLatest(R"({"Version":"v0.5.0"})").status()));
}

TEST(LatestRuleTest, AGoModThatCannotBeReadIsPassedOver) {
  LatestRule rule(kModule, {"v1.0.0", "v2.0.0+incompatible"});
  rule.PassOver();
  EXPECT_EQ(rule.wants(), "");
  EXPECT_EQ(rule.FromList(), "v1.0.0");
  LatestRule second(kModule, {"v1.0.0", "v1.1.0", "v2.0.0+incompatible"});
  second.TakeGoMod("module example.com/m\nretract v1.1.0\n");
  second.PassOver();
  EXPECT_EQ(second.FromList(), "v1.0.0") << "what was retracted stays so";
}

TEST(LatestRuleTest, ListsAreReadAsTheyStand) {
  EXPECT_THAT(VersionsOfList("v1.0.0\r\n\n v1.1.0 2026-01-01T00:00:00Z\nx"), ElementsAre("v1.0.0", "v1.1.0", "x"));
}

TEST(VersionOfInfoTest, OnlyTheDocumentsOwnVersionCounts) {
  EXPECT_EQ(VersionOfInfo(R"({"Origin":{"Version":"v9.0.0"},"Version":"v1.2.3","Time":"2024-01-01T00:00:00Z"})"),
            "v1.2.3");
  EXPECT_EQ(VersionOfInfo(R"({"Origin":{"Version":"v9.0.0"}})"), "");
  EXPECT_EQ(VersionOfInfo("no JSON"), "");
}

}  // namespace
}  // namespace gofarm::goproxy
