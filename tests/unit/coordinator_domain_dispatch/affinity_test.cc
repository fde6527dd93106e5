#include "coordinator/domain/affinity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"

namespace gofarm::dispatch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(AffinityTest, TheWorkerThatFetchedAModuleLastComesFirst) {
  Affinity affinity;
  affinity.Note("m", "a");
  affinity.Note("m", "b");
  affinity.Note("m", "a");
  EXPECT_THAT(affinity.WorkersOf("m"), ElementsAre("a", "b"));
  EXPECT_THAT(affinity.WorkersOf("unknown"), IsEmpty());
}

TEST(AffinityTest, AModuleRemembersOnlyItsNewestWorkers) {
  Affinity affinity;
  for (const char* worker : {"a", "b", "c", "d", "e"}) affinity.Note("m", worker);
  EXPECT_THAT(affinity.WorkersOf("m"), ElementsAre("e", "d", "c", "b"));
}

TEST(AffinityTest, TheModuleThatWasNotUsedForLongestIsForgottenAtTheLimit) {
  Affinity affinity;
  affinity.Note("old", "a");
  affinity.Note("used again", "a");
  for (size_t i = 0; i + 3 < kAffinityModulesMax; ++i) affinity.Note(Cat("m", i), "a");
  affinity.Note("used again", "b");
  affinity.Note("one more", "a");
  EXPECT_EQ(affinity.size(), kAffinityModulesMax);
  affinity.Note("one too many", "a");
  EXPECT_EQ(affinity.size(), kAffinityModulesMax);
  EXPECT_THAT(affinity.WorkersOf("old"), IsEmpty());
  EXPECT_THAT(affinity.WorkersOf("used again"), ElementsAre("b", "a"));
  affinity.Note("two too many", "a");
  EXPECT_EQ(affinity.size(), kAffinityModulesMax);
  EXPECT_THAT(affinity.WorkersOf("m0"), IsEmpty());
  EXPECT_THAT(affinity.WorkersOf("used again"), ElementsAre("b", "a")) << "its first use does not count any more";
}

TEST(ModuleKeyTest, TargetsOfOneModuleVersionAndToolsetBelongTogether) {
  domain::QueuedJob job{.module = "example.com/m", .version = "v1.0.0", .target = Target::kX86_64, .toolset = "t"};
  domain::QueuedJob sibling = job;
  sibling.target = Target::kRiscv64;
  EXPECT_EQ(ModuleKey(job), ModuleKey(sibling));
  sibling.version = "v1.0.1";
  EXPECT_NE(ModuleKey(job), ModuleKey(sibling));
}

}  // namespace
}  // namespace gofarm::dispatch
