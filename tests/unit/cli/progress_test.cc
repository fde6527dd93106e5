#include "cli/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gofarm::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const Terminal kWide{.is_terminal = true, .colors = false, .columns = 100, .rows = 24};

BatchView Twelve() {
  BatchView view{.id = 3, .name = "demo", .queued = 3, .running = 2, .built = 5, .partial = 1, .failed = 1, .executables = 17};
  view.seconds = 65;
  view.eta_seconds = 40;
  view.jobs.push_back({.what = "github.com/rakyll/hey@v0.1.5", .target = "riscv64", .phase = "fetch", .detail = "downloading 3 of 17",
                       .bytes_done = 1 << 20, .bytes_total = 4 << 20, .seconds = 3});
  view.jobs.push_back({.what = "filippo.io/age@v1.3.2", .target = "x86_64", .phase = "build", .variant = "install", .seconds = 12});
  return view;
}

TEST(ProgressTest, TheBatchWhatRunsBytesAndTimeLeftAreShown) {
  const std::vector<std::string> lines = RenderProgress(Twelve(), kWide);
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_THAT(lines[0], AllOf(HasSubstr("batch 3 demo"), HasSubstr("7/12"), HasSubstr("1m05s"), HasSubstr("ETA 40s"), HasSubstr("█")));
  EXPECT_EQ(lines[1], "12 jobs: 5 built, 1 partial, 1 failed, 2 running, 3 queued; 17 executables");
  EXPECT_THAT(lines[2], AllOf(HasSubstr("hey@v0.1.5 riscv64"), HasSubstr("fetch"), HasSubstr("3.0s"), HasSubstr("1.0 MiB of 4.0 MiB"),
                              HasSubstr("downloading 3 of 17")));
  EXPECT_THAT(lines[3], AllOf(HasSubstr("age@v1.3.2 x86_64"), HasSubstr("build/install"), HasSubstr("12s")));
}

TEST(ProgressTest, NoLineIsWiderAndNoPictureHigherThanTheTerminal) {
  BatchView view = Twelve();
  for (int i = 0; i < 40; ++i) view.jobs.push_back(view.jobs[0]);
  view.notice = "the coordinator does not answer; trying again";
  for (const int columns : {30, 50, 80, 200}) {
    const Terminal terminal{.is_terminal = true, .columns = columns, .rows = 10};
    const std::vector<std::string> lines = RenderProgress(view, terminal);
    EXPECT_LE(lines.size(), 9u);
    for (const std::string& line : lines) EXPECT_LE(DisplayWidth(line), columns) << line;
    EXPECT_THAT(lines.back(), HasSubstr("coordinator"));
  }
}

TEST(ProgressTest, WhenNothingRunsItSaysWhy) {
  BatchView view{.id = 3, .queued = 4, .waiting = "riscv64 is seeding: linking\x1b[2J"};
  const std::vector<std::string> lines = RenderProgress(view, kWide);
  EXPECT_THAT(lines.back(), AllOf(HasSubstr("waiting: riscv64 is seeding"), Not(HasSubstr("\x1b"))));
}

TEST(ProgressTest, AnEstimateNeedsTwoJobs) {
  EXPECT_LT(EstimateSeconds(1, 5, 10), 0);
  EXPECT_DOUBLE_EQ(EstimateSeconds(2, 5, 10), 25);
  EXPECT_DOUBLE_EQ(EstimateSeconds(2, 0, 10), 0);
}

StepEvent Step(std::string step, std::string detail = "") {
  return {.job = 81, .what = "a.test/m@v1.0.0", .target = "x86_64", .step = std::move(step), .detail = std::move(detail)};
}

TEST(StepLinesTest, EachStepIsPrintedOnce) {
  StepLines lines;
  EXPECT_THAT(lines.Add(Step("queued")), ElementsAre("job 81 a.test/m@v1.0.0 x86_64: queued"));
  EXPECT_THAT(lines.Add(Step("fetch")), ElementsAre(HasSubstr(": fetch")));
  EXPECT_THAT(lines.Add(Step("fetch")), IsEmpty());
  EXPECT_THAT(lines.Add(Step("build", "install")), ElementsAre(HasSubstr(": build (install)")));
}

TEST(StepLinesTest, StepsThatWentByUnseenAreFilledInAtTheEnd) {
  StepLines lines;
  lines.Add(Step("queued"));
  lines.Add(Step("build"));
  EXPECT_THAT(lines.End(Step("built", "3 executables"), {"fetch", "build", "check", "upload"}),
              ElementsAre(HasSubstr(": fetch"), HasSubstr(": check"), HasSubstr(": upload"), HasSubstr(": built (3 executables)")));
  EXPECT_TRUE(lines.HasEnded(81));
  EXPECT_THAT(lines.Add(Step("build")), IsEmpty());
  EXPECT_THAT(lines.End(Step("built"), {}), IsEmpty());
}

TEST(StepLinesTest, ABuiltJobWentThroughAllOfThemWhateverWasRecorded) {
  StepLines lines;
  EXPECT_THAT(lines.End(Step("built"), {}), ElementsAre(HasSubstr("queued"), HasSubstr("fetch"), HasSubstr(": build"),
                                                        HasSubstr("check"), HasSubstr(": built")));
  StepLines failed;
  EXPECT_THAT(failed.End(Step("failed", "source_unavailable"), {"fetch"}),
              ElementsAre(HasSubstr("queued"), HasSubstr("fetch"), HasSubstr("failed (source_unavailable)")));
}

TEST(StepLinesTest, AnotherAttemptIsPrintedAgain) {
  StepLines lines;
  lines.Add(Step("queued"));
  lines.Add(Step("build"));
  EXPECT_THAT(lines.Add(Step("queued", "backoff")), ElementsAre(HasSubstr("queued (backoff)")));
  EXPECT_THAT(lines.Add(Step("build")), ElementsAre(HasSubstr("build")));
}

}  // namespace
}  // namespace gofarm::cli
