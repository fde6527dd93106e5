#include "common/godetect/package_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/text.h"

namespace gofarm::godetect {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

TEST(PackageGraphTest, AsksForEveryModuleThatMayHoldAPackage) {
  PackageGraph graph;
  EXPECT_THAT(graph.Missing({"github.com/o/r/a/b", "c.test"}),
              UnorderedElementsAre("github.com/o/r/a/b", "github.com/o/r/a", "github.com/o/r", "c.test"));
  graph.AddUnknown("c.test");
  graph.AddUnknown("github.com/o/r/a/b");
  graph.AddUnknown("github.com/o/r/a");
  EXPECT_THAT(graph.Missing({}), ElementsAre("github.com/o/r"));
  graph.Add("github.com/o/r", {.imports = {"d.test/x"}, .packages = {{.dir = "a/b", .parts = {{.imports = {0}}}}}});
  EXPECT_THAT(graph.Missing({}), UnorderedElementsAre("d.test/x", "d.test")) << "and on from there";
  graph.AddUnknown("d.test");
  graph.Add("d.test/x", {.packages = {{.dir = ""}}});
  EXPECT_THAT(graph.Missing({"github.com/o/r/a/b", "d.test/x"}), IsEmpty());
  const PackageGraph::Found found = graph.Follow({"github.com/o/r/a/b", "c.test"})[0];
  EXPECT_EQ(found.unknown, 1);
  EXPECT_EQ(found.first_unknown, "c.test");
}

TEST(PackageGraphTest, TheModuleWithTheLongestPathHoldsAPackage) {
  for (const bool longer_first : {false, true}) {
    PackageGraph graph;
    const ModulePackages outer{.packages = {{.dir = "sub/x", .parts = {{.need = "library old"}}}, {.dir = "sub/y"}}};
    const ModulePackages inner{.packages = {{.dir = "x", .parts = {{.need = "library new"}}}}};
    if (longer_first) graph.Add("a.test/sub", inner);
    graph.Add("a.test", outer);
    graph.Add("a.test/sub", inner);
    EXPECT_EQ(graph.Follow({"a.test/sub/x"})[0].detail, "library new (a.test/sub/x), brought by a.test/sub");
    EXPECT_EQ(graph.Follow({"a.test/sub/y"})[0].unknown, 0);
    EXPECT_EQ(graph.Follow({"a.test/sub/z"})[0].unknown, 1) << "neither has it";
  }
}

TEST(PackageGraphTest, PackagesOfOneModuleAreFollowedAndThoseItDoesNotTellOfAreUnknown) {
  PackageGraph graph;
  graph.Add("a.test", {.packages = {{.dir = "", .parts = {{.own = {1}}}},
                                    {.dir = "in", .parts = {{.own = {-1, 7}, .need = "header x.h"}}}},
                       .cut = 2});
  const PackageGraph::Found found = graph.Follow({"a.test"})[0];
  EXPECT_EQ(found.verdict, Verdict::kNeedsLibrary);
  EXPECT_EQ(found.detail, "header x.h (a.test/in), brought by a.test");
  EXPECT_EQ(found.unknown, 2);
  EXPECT_EQ(found.first_unknown, "a package of a.test");
}

TEST(PackageGraphTest, TheWorstCounts) {
  PackageGraph graph;
  graph.Add("a.test", {.packages = {{.dir = "", .parts = {{.need = "library x"}}}}});
  graph.Add("b.test", {.packages = {{.dir = "", .parts = {{.need = "library y", .excluded = "no file"}}}}});
  EXPECT_EQ(graph.Follow({"a.test", "b.test"})[0].detail, "no file, brought by b.test");
  EXPECT_EQ(graph.Follow({"b.test", "a.test"})[0].verdict, Verdict::kExcluded);
}

TEST(PackageGraphTest, TargetsAreFollowedTogetherAndToldApart) {
  constexpr int kX86 = TargetBit(Target::kX86_64), kArm = TargetBit(Target::kAarch64);
  PackageGraph graph;
  // x86_64 reaches "c" at once, aarch64 by way of "b".
  graph.Add(
      "a.test",
      {.imports = {"b.test", "c.test"},
       .packages = {{.dir = "", .parts = {{.targets = kX86, .imports = {1}}, {.targets = kArm, .imports = {0}}}}}});
  graph.Add("b.test", {.imports = {"c.test"}, .packages = {{.dir = "", .parts = {{.imports = {0}}}}}});
  graph.Add("c.test",
            {.imports = {"d.test"},
             .packages = {
                 {.dir = "", .parts = {{.targets = kX86, .need = "library x"}, {.targets = kArm, .imports = {0}}}}}});
  const auto found = graph.Follow({"a.test"}, kX86 | kArm);
  EXPECT_EQ(found[0].detail, "library x (c.test), brought by c.test");
  EXPECT_EQ(found[0].unknown, 0);
  EXPECT_EQ(found[1].verdict, Verdict::kBuildable);
  EXPECT_EQ(found[1].first_unknown, "d.test");
  EXPECT_EQ(found[2].unknown, 0) << "was not asked for";
}

TEST(PackageGraphTest, CirclesEnd) {
  PackageGraph graph;
  graph.Add("a.test", {.imports = {"b.test"}, .packages = {{.dir = "", .parts = {{.imports = {0}}}}}});
  graph.Add("b.test", {.imports = {"a.test"}, .packages = {{.dir = "", .parts = {{.imports = {0, 5}}}}}});
  EXPECT_THAT(graph.Missing({"a.test"}), IsEmpty());
  EXPECT_EQ(graph.Follow({"a.test"})[0].unknown, 1) << "an index that leads nowhere";
}

TEST(PackageGraphTest, AFullGraphSaysSoAndKnowsNoMore) {
  PackageGraph graph(2);
  graph.Add("a.test", {.imports = {"b.test", "c.test"}, .packages = {{.dir = "", .parts = {{.imports = {0, 1}}}}}});
  EXPECT_TRUE(graph.full());
  graph.AddUnknown("b.test");
  graph.Add("c.test", {.packages = {{.dir = ""}}});
  EXPECT_THAT(graph.Missing({"a.test", "d.test"}), IsEmpty());
  EXPECT_EQ(graph.Follow({"a.test"})[0].unknown, 2);
}

TEST(PackageGraphTest, OneProgramIsFollowedSoFarOnly) {
  PackageGraph graph;
  ModulePackages chain;
  for (int64_t i = 0; i < static_cast<int64_t>(kFollowedPackagesMax) + 10; ++i) {
    chain.packages.push_back({.dir = Cat("p", i), .parts = {{.own = {i + 1}}}});
  }
  chain.packages.push_back({.dir = "end", .parts = {{.excluded = "no file"}}});
  graph.Add("a.test", chain);
  const PackageGraph::Found found = graph.Follow({"a.test/p0"})[0];
  EXPECT_EQ(found.unknown, 1);
  EXPECT_EQ(found.verdict, Verdict::kBuildable);
}

TEST(ModulePackagesTest, AreTheSameAfterTheirJson) {
  const ModulePackages packages{
      .imports = {"b.test/x"},
      .packages = {{.dir = ""},
                   {.dir = "a",
                    .parts = {{.targets = 3, .own = {0, -1}, .imports = {0}, .need = "n", .excluded = "x"}}}},
      .unread = 4,
      .cut = 5};
  const std::string text = ToJson(packages);
  const absl::StatusOr<ModulePackages> read = PackagesFromJson(text);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(ToJson(*read), text);
  EXPECT_EQ(read->packages[1].parts[0].own, (std::vector<int64_t>{0, -1}));
  EXPECT_FALSE(read->whole());
  EXPECT_FALSE(PackagesFromJson("[]").ok());
  EXPECT_TRUE(PackagesFromJson("{\"packages\":[{\"p\":7}]}").ok());
}

}  // namespace
}  // namespace gofarm::godetect
