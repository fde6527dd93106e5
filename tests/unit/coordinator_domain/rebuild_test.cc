// Which builds are made again, and by which recipe.
#include "coordinator/domain/rebuild.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "common/digest/digest.h"

namespace gofarm::domain {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(RebuildTest, TheSampleIsThatShareOfAllRecipesAndOnlyGrows) {
  const std::vector<double> shares = {0, 0.001, 0.01, 0.25, 0.5, 1};
  constexpr int kRecipes = 20'000;
  std::vector<int> taken(shares.size());
  for (int i = 0; i < kRecipes; ++i) {
    const std::string recipe = digest::Sha256Hex(std::to_string(i));
    bool before = false;
    for (size_t s = 0; s < shares.size(); ++s) {
      const bool is = recipe < SampleBound(shares[s]);
      EXPECT_TRUE(is || !before) << "a larger share left out " << recipe;
      before = is;
      taken[s] += is ? 1 : 0;
    }
  }
  EXPECT_EQ(taken.front(), 0);
  EXPECT_EQ(taken.back(), kRecipes);
  for (size_t s = 1; s + 1 < shares.size(); ++s) {
    EXPECT_NEAR(taken[s], shares[s] * kRecipes, 0.1 * shares[s] * kRecipes + 15) << shares[s];
  }
}

TEST(RebuildTest, NoShareAndSharesBeyondTheEndsAreAllOrNothing) {
  const std::string lowest(64, '0'), highest(64, 'f');
  for (const double none : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_FALSE(lowest < SampleBound(none)) << none;
  }
  for (const double all : {1.0, 2.0, std::numeric_limits<double>::infinity()}) {
    EXPECT_TRUE(highest < SampleBound(all)) << all;
  }
  EXPECT_TRUE(lowest < SampleBound(1e-12));
  EXPECT_FALSE(highest < SampleBound(0.999999));
}

TEST(RebuildTest, ARebuildHasARecipeOfItsOwn) {
  const std::string recipe(64, 'a');
  EXPECT_THAT(RebuildDigest(recipe), SizeIs(64));
  EXPECT_NE(RebuildDigest(recipe), recipe);
  EXPECT_NE(RebuildDigest(recipe), RebuildDigest(std::string(64, 'b')));
  EXPECT_EQ(RebuildDigest(recipe), RebuildDigest(recipe));
}

TEST(RebuildTest, OnlyWhatIsBuiltByTheSameRecipeTodayIsBuiltAgain) {
  Toolset tools;
  tools.name = "tools";
  tools.digest = std::string(64, 'd');
  const RecipePolicy policy = CurrentPolicy();
  RebuildCandidate job{.job = {.module = "example.com/m", .version = "v1.0.0"}, .toolset = "tools"};
  job.recipe_digest = RecipeDigest({.module = "example.com/m",
                                    .version = "v1.0.0",
                                    .target = job.job.target,
                                    .toolset_digest = tools.digest,
                                    .policy = policy});
  EXPECT_THAT(WhyNotRebuilt(job, {tools}, policy), IsEmpty());
  EXPECT_EQ(WhyNotRebuilt(job, {}, policy), "the toolset tools is not configured any more");
  RecipePolicy newer = policy;
  newer.flags += " -other";
  EXPECT_THAT(WhyNotRebuilt(job, {tools}, newer), ::testing::HasSubstr("another recipe"));
}

TEST(RebuildTest, WhatOneOfBothDidNotBuildIsNotCompared) {
  const std::vector<FirstBuild> first = {{.import_path = "m/b", .sha256 = "1"},
                                         {.import_path = "m/a", .sha256 = "2"},
                                         {.import_path = "m/gone", .sha256 = "3"}};
  std::vector<Executable> second(3);
  second[0].import_path = "m/a";
  second[0].sha256 = "2";
  second[1].import_path = "m/b";
  second[1].sha256 = "9";
  second[2].import_path = "m/new";
  const std::vector<RebuiltPair> pairs = PairRebuilt(first, second);
  ASSERT_THAT(pairs, SizeIs(2));
  EXPECT_EQ(pairs[0].first->import_path, "m/a");
  EXPECT_TRUE(pairs[0].Same());
  EXPECT_EQ(pairs[1].first->import_path, "m/b");
  EXPECT_FALSE(pairs[1].Same());
}

}  // namespace
}  // namespace gofarm::domain
