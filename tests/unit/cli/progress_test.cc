#include "cli/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace gofarm::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const Terminal kWide{.is_terminal = true, .colors = false, .columns = 100, .rows = 24};

BatchView Twelve() {
  BatchView view{
      .id = 3, .name = "demo", .queued = 3, .running = 2, .built = 5, .partial = 1, .failed = 1, .executables = 17};
  view.seconds = 65;
  view.eta_seconds = 40;
  view.jobs.push_back({.what = "github.com/rakyll/hey@v0.1.5",
                       .target = "riscv64",
                       .phase = "fetch",
                       .detail = "downloading 3 of 17",
                       .bytes_done = 1 << 20,
                       .bytes_total = 4 << 20,
                       .seconds = 3});
  view.jobs.push_back(
      {.what = "filippo.io/age@v1.3.2", .target = "x86_64", .phase = "build", .variant = "install", .seconds = 12});
  return view;
}

TEST(ProgressTest, TheBatchWhatRunsBytesAndTimeLeftAreShown) {
  const std::vector<std::string> lines = RenderProgress(Twelve(), kWide);
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_THAT(lines[0], AllOf(HasSubstr("batch 3 demo"), HasSubstr("7/12"), HasSubstr("1m05s"), HasSubstr("ETA 40s"),
                              HasSubstr("█")));
  EXPECT_EQ(lines[1], "12 jobs: 5 built, 1 partial, 1 failed, 2 running, 3 queued; 17 executables");
  EXPECT_EQ(lines[2],
            "  github.com/rakyll/hey@v0.1.5 riscv64  fetch          3.0s  1.0 MiB of 4.0 MiB  downloading 3 of 17");
  EXPECT_EQ(lines[3], "  filippo.io/age@v1.3.2 x86_64          build/install  12s");
}

TEST(ProgressTest, NoLineIsWiderAndNoPictureHigherThanTheTerminal) {
  BatchView view = Twelve();
  for (int i = 0; i < 40; ++i) view.jobs.push_back(view.jobs[0]);
  view.notice = "the coordinator does not answer; trying again";
  for (const int columns : {1, 12, 30, 50, 80, 200}) {
    const Terminal terminal{.is_terminal = true, .columns = columns, .rows = 10};
    const std::vector<std::string> lines = RenderProgress(view, terminal);
    EXPECT_LE(lines.size(), 9u);
    for (const std::string& line : lines) EXPECT_LE(DisplayWidth(line), columns) << line;
    EXPECT_THAT(lines.back(), HasSubstr(columns < 30 ? "…" : "coordinator"));
  }
  for (int rows = 1; rows <= 6; ++rows) {
    EXPECT_LE(RenderProgress(view, {.is_terminal = true, .columns = 80, .rows = rows}).size(),
              static_cast<size_t>(std::max(1, rows - 1)));
  }
}

TEST(ProgressTest, ANarrowTerminalKeepsTheStepTheVersionAndTheTarget) {
  const std::vector<std::string> lines = RenderProgress(Twelve(), {.is_terminal = true, .columns = 39, .rows = 24});
  EXPECT_EQ(lines[2], "  …v0.1.5 riscv64  fetch          3.0s…");
  EXPECT_EQ(lines[3], "  …@v1.3.2 x86_64  build/install  12s");
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

// What a screen of `columns` shows: it obeys newline, carriage return, cursor up, erase line and erase below, and
// wraps.
class Screen {
 public:
  explicit Screen(int columns) : columns_(columns) {}
  void Write(const std::string& text) {
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') {
        ++row_;
        column_ = 0;
      } else if (text[i] == '\r') {
        column_ = 0;
      } else if (text[i] == '\x1b') {
        size_t number = 0;
        for (i += 2; text[i] >= '0' && text[i] <= '9'; ++i) number = number * 10 + static_cast<size_t>(text[i] - '0');
        if (text[i] == 'A') row_ -= std::min(row_, number);
        if (text[i] == 'K') Row(row_).resize(std::min(Row(row_).size(), column_));
        if (text[i] == 'J') {
          Row(row_).resize(std::min(Row(row_).size(), column_));
          rows_.resize(row_ + 1);
        }
      } else {
        if (column_ == static_cast<size_t>(columns_)) {
          ++row_;
          column_ = 0;
        }
        Row(row_).resize(std::max(Row(row_).size(), column_ + 1), ' ');
        Row(row_)[column_++] = text[i];
      }
    }
  }
  // As terminals do it: long rows are wrapped again.
  void Narrow(int columns) {
    std::vector<std::string> rows;
    for (const std::string& row : rows_) {
      for (size_t at = 0; at == 0 || at < row.size(); at += static_cast<size_t>(columns)) {
        rows.push_back(row.substr(at, static_cast<size_t>(columns)));
      }
    }
    row_ = rows.size() - 1;
    rows_ = std::move(rows);
    columns_ = columns;
  }
  std::string Text() const {
    std::string out;
    for (const std::string& row : rows_) out += row + "|";
    return out;
  }

 private:
  std::string& Row(size_t n) {
    if (rows_.size() <= n) rows_.resize(n + 1);
    return rows_[n];
  }
  int columns_;
  size_t row_ = 0;
  size_t column_ = 0;
  std::vector<std::string> rows_;
};

Terminal Wide(int columns) { return {.is_terminal = true, .redraws = true, .columns = columns, .rows = 24}; }

TEST(LivePictureTest, EachPictureTakesThePlaceOfTheLast) {
  Screen screen(20);
  LivePicture picture;
  screen.Write("before\n");
  screen.Write(picture.Next({}, {"first line", "second", "third"}, Wide(20)));
  screen.Write(picture.Next({"failed"}, {"FIRST", "SECOND"}, Wide(20)));
  EXPECT_EQ(screen.Text(), "before|failed|FIRST|SECOND||");
  picture.Keep();
  screen.Write(picture.Next({}, {"new"}, Wide(20)));
  EXPECT_EQ(screen.Text(), "before|failed|FIRST|SECOND|new||");
}

TEST(LivePictureTest, AWindowThatWasNarrowedIsNotSmeared) {
  Screen screen(20);
  LivePicture picture;
  screen.Write("before\n");
  screen.Write(picture.Next({}, {"0123456789012345", "short"}, Wide(20)));
  screen.Narrow(8);
  screen.Write(picture.Next({}, {"01234567", "short"}, Wide(8)));
  EXPECT_EQ(screen.Text(), "before|01234567|short||");
}

RunningView Busy(int64_t job, std::string phase, std::string detail, double seconds) {
  return {.job = job,
          .what = "a.test/m@v1.0.0",
          .target = "riscv64",
          .phase = std::move(phase),
          .detail = std::move(detail),
          .seconds = seconds};
}

TEST(PlainNewsTest, ALongPhaseIsToldOfWhenItsWorkChangesAndNotTooOften) {
  PlainNews news;
  const absl::Time start = absl::UnixEpoch();
  BatchView view{.id = 3, .running = 1, .jobs = {Busy(81, "seed", "go build std", 0)}};
  EXPECT_THAT(news.Lines(view, start), IsEmpty());                      // its step has a line already
  EXPECT_THAT(news.Lines(view, start + absl::Seconds(30)), IsEmpty());  // nothing new
  view.jobs = {Busy(81, "seed", "linking\x1b[2J", 31)};
  EXPECT_THAT(news.Lines(view, start + absl::Seconds(31)),
              ElementsAre("job 81 a.test/m@v1.0.0 riscv64: seed, 31s so far (linking\\x1b[2J)"));
  view.jobs = {Busy(81, "seed", "linking net/http", 33)};
  EXPECT_THAT(news.Lines(view, start + absl::Seconds(33)), IsEmpty());  // too soon
  EXPECT_THAT(news.Lines(view, start + absl::Seconds(41)), ElementsAre(HasSubstr("linking net/http")));
  EXPECT_THAT(news.Lines(view, start + absl::Seconds(100)), IsEmpty());
  EXPECT_THAT(news.Lines(view, start + absl::Seconds(102)),
              ElementsAre(HasSubstr("riscv64: seed")));  // a minute of silence
}

TEST(PlainNewsTest, QuickPhasesMakeNoNewsAndManyJobsAreCounted) {
  PlainNews news;
  const absl::Time start = absl::UnixEpoch();
  BatchView view{.id = 3};
  for (int64_t job = 1; job <= 20; ++job) view.jobs.push_back(Busy(job, "fetch", "", 0));
  EXPECT_THAT(news.Lines(view, start), IsEmpty());
  for (RunningView& job : view.jobs) job.phase = "build";
  EXPECT_THAT(news.Lines(view, start + absl::Seconds(12)), IsEmpty());
  for (RunningView& job : view.jobs) job.detail = "linking";
  const std::vector<std::string> lines = news.Lines(view, start + absl::Seconds(24));
  ASSERT_EQ(lines.size(), kNewsLinesMax);
  EXPECT_EQ(lines.back(), "and 16 more jobs go on");
}

TEST(PlainNewsTest, WhyNothingRunsIsToldAtOnceAndAgainEveryMinute) {
  PlainNews news;
  const absl::Time start = absl::UnixEpoch();
  BatchView view{.id = 3, .queued = 4, .waiting = "no_free_slot"};
  EXPECT_THAT(news.Lines(view, start), ElementsAre("waiting: no_free_slot"));
  EXPECT_THAT(news.Lines(view, start + absl::Seconds(59)), IsEmpty());
  EXPECT_THAT(news.Lines(view, start + absl::Seconds(60)), ElementsAre("waiting: no_free_slot"));
  view.notice = "the coordinator does not answer; trying again";
  EXPECT_THAT(news.Lines(view, start + absl::Seconds(65)), IsEmpty());
  EXPECT_THAT(news.Lines(view, start + absl::Seconds(70)), ElementsAre(view.notice));
}

StepEvent Step(std::string step, std::string detail = "", int64_t attempt = 0) {
  return {.job = 81,
          .attempt = attempt,
          .what = "a.test/m@v1.0.0",
          .target = "x86_64",
          .step = std::move(step),
          .detail = std::move(detail)};
}

TEST(StepLinesTest, EachStepIsPrintedOnce) {
  StepLines lines;
  EXPECT_THAT(lines.Add(Step("queued")), ElementsAre("job 81 a.test/m@v1.0.0 x86_64: queued"));
  EXPECT_THAT(lines.Add(Step("fetch", "", 5)), ElementsAre(HasSubstr(": fetch")));
  EXPECT_THAT(lines.Add(Step("fetch", "", 5)), IsEmpty());
  EXPECT_THAT(lines.Add(Step("build", "install", 5)), ElementsAre(HasSubstr(": build (install)")));
}

TEST(StepLinesTest, OnlyWhatWasReportedIsPrinted) {
  StepLines lines;
  lines.Add(Step("queued"));
  EXPECT_THAT(lines.Add(Step("built", "3 executables", 5)), ElementsAre(HasSubstr(": built (3 executables)")));
  EXPECT_TRUE(lines.HasEnded(81));
  EXPECT_THAT(lines.Add(Step("build", "", 5)), IsEmpty());
  EXPECT_THAT(lines.Add(Step("built", "", 5)), IsEmpty());
}

TEST(StepLinesTest, AnotherAttemptIsPrintedAgain) {
  StepLines lines;
  lines.Add(Step("queued"));
  lines.Add(Step("build", "", 5));
  EXPECT_THAT(lines.Add(Step("queued", "again after proxy_error", 5)), ElementsAre(HasSubstr("queued (again")));
  EXPECT_THAT(lines.Add(Step("build", "", 6)), ElementsAre(HasSubstr("build")));
}

TEST(StepLinesTest, AStreamThatBeginsAgainPrintsNothingTwice) {
  StepLines lines;
  const StepEvent steps[] = {Step("queued"), Step("running", "w1", 5), Step("queued", "again after timeout", 5),
                             Step("running", "w2", 6), Step("build", "", 6)};
  for (const StepEvent& step : steps) EXPECT_THAT(lines.Add(step), Not(IsEmpty()));
  for (const StepEvent& step : steps) EXPECT_THAT(lines.Add(step), IsEmpty());
}

}  // namespace
}  // namespace gofarm::cli
