#include "cli/batch_diff.h"

#include <gmock/gmock.h>

#include "common/base/text.h"

namespace gofarm::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

int64_t next_id = 1;

JobFacts Built(const std::string& module, int64_t bytes = 1'000'000, double seconds = 60) {
  return {.id = next_id++,
          .module = module,
          .version = "v1.0.0",
          .target = "x86_64",
          .state = "built",
          .executables = 1,
          .bytes = bytes,
          .seconds = seconds};
}
JobFacts Failed(const std::string& module, const std::string& why = "compile_error") {
  return {.id = next_id++,
          .module = module,
          .version = "v1.0.0",
          .target = "x86_64",
          .state = "failed",
          .failure_class = why,
          .seconds = 9};
}

std::vector<std::pair<std::string, std::string>> Changes(const Comparison& diff) {
  std::vector<std::pair<std::string, std::string>> changes;
  for (const DiffRow& row : diff.rows) {
    changes.emplace_back(JobChangeName(row.change), row.after.id != 0 ? row.after.module : row.before.module);
  }
  return changes;
}

TEST(CompareBatchesTest, WhatIsBuiltNowIsBetterAndWhatIsNoLongerIsWorse) {
  const Comparison diff = CompareBatches({Built("a"), Failed("b"), Failed("c"), Built("d")},
                                         {Failed("a"), Built("b"), Failed("c", "timeout"), Built("d")});
  EXPECT_THAT(Changes(diff), ElementsAre(Pair("better", "b"), Pair("worse", "a"), Pair("other", "c")));
  EXPECT_EQ(diff.unchanged, 1);
  EXPECT_EQ(diff.Count(JobChange::kWorse), 1);
}

TEST(CompareBatchesTest, FewerProgramsAreWorse) {
  JobFacts before = Built("a"), after = Built("a");
  before.executables = 2;
  before.bytes = 5'000'000;
  EXPECT_THAT(Changes(CompareBatches({before}, {after})), ElementsAre(Pair("worse", "a")))
      << "and their size is not compared";
}

TEST(CompareBatchesTest, SizesAndTimesBelowTheBoundsAreNotTold) {
  EXPECT_THAT(CompareBatches({Built("a", 10'000'000)}, {Built("a", 10'199'999)}).rows, IsEmpty());
  EXPECT_THAT(Changes(CompareBatches({Built("a", 10'000'000)}, {Built("a", 10'200'000)})),
              ElementsAre(Pair("bigger", "a")));
  EXPECT_THAT(CompareBatches({Built("a", 100'000)}, {Built("a", 100'000 + kSizeLeast - 1)}).rows, IsEmpty());
  EXPECT_THAT(Changes(CompareBatches({Built("a", 100'000)}, {Built("a", 100'000 - kSizeLeast)})),
              ElementsAre(Pair("smaller", "a")));
  EXPECT_THAT(CompareBatches({Built("a", 1, 8)}, {Built("a", 1, 12.9)}).rows, IsEmpty()) << "less than five seconds";
  EXPECT_THAT(CompareBatches({Built("a", 1, 60)}, {Built("a", 1, 74)}).rows, IsEmpty()) << "less than a quarter";
  EXPECT_THAT(Changes(CompareBatches({Built("a", 1, 60)}, {Built("a", 1, 75)})), ElementsAre(Pair("slower", "a")));
  EXPECT_THAT(Changes(CompareBatches({Built("a", 1, 60)}, {Built("a", 1, 30)})), ElementsAre(Pair("faster", "a")));
  EXPECT_THAT(CompareBatches({Built("a", 1, 0)}, {Built("a", 1, 900)}).rows, IsEmpty()) << "it was not built then";
}

TEST(CompareBatchesTest, WhatOneBatchHasAndWhatHasNotEndedIsToldApart) {
  JobFacts runs = Built("r");
  runs.state = "running";
  const Comparison diff = CompareBatches({Built("gone"), Built("r")}, {Failed("new"), runs});
  EXPECT_THAT(Changes(diff), ElementsAre(Pair("added", "new"), Pair("removed", "gone")));
  EXPECT_EQ(diff.open, 1);
  EXPECT_EQ(diff.after.jobs, 1) << "what runs is in no total";
  EXPECT_EQ(diff.before.built, 2);
}

TEST(CompareBatchesTest, ANewerVersionIsTheSameModuleUnlessABatchHasSeveral) {
  JobFacts newer = Failed("a");
  newer.version = "v1.1.0";
  EXPECT_THAT(Changes(CompareBatches({Built("a")}, {newer})), ElementsAre(Pair("worse", "a")));
  EXPECT_THAT(Changes(CompareBatches({Built("a")}, {Built("a"), newer})), ElementsAre(Pair("added", "a")));
}

TEST(CompareBatchesTest, OfARetriedJobTheNewerOneCounts) {
  const JobFacts first = Failed("a"), second = Built("a");
  EXPECT_THAT(CompareBatches({Built("a")}, {second, first}).rows, IsEmpty());
}

TEST(DiffTextTest, SaysWhatChangedFromWhatToWhat) {
  JobFacts newer = Built("evil\x1b[2J", 2'000'000);
  newer.version = "v1.1.0";
  const std::string text =
      DiffText(CompareBatches({Built("evil\x1b[2J"), Built("b")}, {newer, Failed("b", "timeout")}), 3, 4, Terminal{});
  EXPECT_THAT(text, HasSubstr("built -> failed timeout, 1 -> 0 executables"));
  EXPECT_THAT(text, HasSubstr("v1.0.0 -> v1.1.0"));
  EXPECT_THAT(text, HasSubstr("+100.0 %"));
  EXPECT_THAT(text, HasSubstr("1 worse, 1 bigger, 0 unchanged"));
  EXPECT_THAT(text, HasSubstr("evil\\x1b[2J"));
  EXPECT_THAT(DiffText(CompareBatches({}, {}), 3, 4, Terminal{}), HasSubstr("0 unchanged\n"));
}

TEST(DiffDocumentTest, HoldsBothSides) {
  const std::string json = DiffDocument(CompareBatches({Built("a")}, {Failed("b")}), 3, 4);
  EXPECT_THAT(json, HasSubstr("\"batch_id\": 3"));
  EXPECT_THAT(json, HasSubstr("\"removed\": 1"));
  EXPECT_THAT(json, HasSubstr("\"before\": null"));
  EXPECT_THAT(json, HasSubstr("\"failure_class\": \"compile_error\""));
}

}  // namespace
}  // namespace gofarm::cli
