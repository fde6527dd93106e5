#include "cli/top_view.h"

#include <gmock/gmock.h>

#include "absl/strings/str_join.h"
#include "common/base/text.h"

namespace gofarm::cli {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

TopView Farm(int workers, int jobs_each) {
  TopView view{.farm = "/home/ann/farm", .at = absl::UnixEpoch()};
  view.jobs = {.queued = 12, .running = workers * jobs_each, .built = 300, .failed = 3};
  view.batches = {{.id = 7, .name = "nightly", .queued = 10, .built = 10}};
  for (int w = 1; w <= workers; ++w) {
    TopWorker worker{.name = Cat("worker-", w), .state = "connected", .slots = jobs_each + 1, .free_slots = 1};
    for (int j = 1; j <= jobs_each; ++j) {
      worker.running.push_back({.job = w * 100 + j,
                                .what = Cat("example.com/m", j, "@v1.0.0"),
                                .target = "x86_64",
                                .phase = "build",
                                .detail = "compiling",
                                .seconds = static_cast<double>(j)});
    }
    view.workers.push_back(std::move(worker));
  }
  return view;
}

std::string Whole(const std::vector<std::string>& lines) { return absl::StrJoin(lines, "\n"); }

TEST(RenderTopTest, APipeGetsEverythingPlain) {
  const std::string text = Whole(RenderTop(Farm(30, 3), Terminal{}));
  EXPECT_THAT(text, HasSubstr("30 workers, 90/120 slots busy"));
  EXPECT_THAT(text, HasSubstr("12 queued, 90 running, 300 built, 0 partial, 0 nothing, 3 failed"));
  EXPECT_THAT(text, HasSubstr("[##########..........]"));
  EXPECT_THAT(text, HasSubstr("worker-30"));
  EXPECT_THAT(text, HasSubstr("3003"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

void ExpectFits(const TopView& view, int columns, int rows) {
  for (const bool colors : {false, true}) {
    const Terminal terminal{.is_terminal = true, .colors = colors, .redraws = true, .columns = columns, .rows = rows};
    const std::vector<std::string> lines = RenderTop(view, terminal);
    EXPECT_LE(lines.size(), static_cast<size_t>(rows)) << columns << "x" << rows;
    for (const std::string& line : lines) {
      EXPECT_LE(DisplayWidth(line), columns) << line;
      const size_t paint = line.rfind("\x1b[");
      if (paint == std::string::npos) continue;
      EXPECT_EQ(line.substr(paint, 4), "\x1b[0m") << "it colours the next line: " << line;
    }
  }
}

TEST(RenderTopTest, NoPictureIsLargerThanItsTerminal) {
  TopView view = Farm(40, 4);
  view.workers[0].name = "日本語の名前";
  view.more_batches = 3;
  for (const int rows : {1, 2, 3, 5, 8, 24, 60}) {
    for (const int columns : {1, 2, 10, 20, 40, 60, 80, 200}) ExpectFits(view, columns, rows);
  }
}

TEST(RenderTopTest, NorIsOneInASmallPane) {
  TopView view = Farm(2, 2);
  for (const char* notice : {"", "the farm does not answer: connection refused, and it tries again"}) {
    view.notice = notice;
    for (int rows = 1; rows <= 5; ++rows) {
      for (int columns = 20; columns <= 60; ++columns) ExpectFits(view, columns, rows);
    }
  }
}

TEST(RenderTopTest, ANarrowTableKeepsWhatStandsFirst) {
  const Terminal terminal{.is_terminal = true, .redraws = true, .columns = 24, .rows = 24};
  EXPECT_THAT(Whole(RenderTop(Farm(1, 1), terminal)), AllOf(HasSubstr("worker-1  connected"), HasSubstr("…")));
}

TEST(RenderTopTest, WhatDoesNotFitIsCountedAndJobsKeepTheirRoom) {
  const Terminal terminal{.is_terminal = true, .redraws = true, .columns = 120, .rows = 24};
  const std::string text = Whole(RenderTop(Farm(40, 4), terminal));
  EXPECT_THAT(text, HasSubstr("more workers"));
  EXPECT_THAT(text, HasSubstr("more running jobs"));
  EXPECT_THAT(text, HasSubstr("MODULE"));
}

TEST(RenderTopTest, HostileNamesAndNoticesAreInert) {
  TopView view = Farm(1, 1);
  view.workers[0].running[0].what = "evil\x1b[2Jname";
  view.workers[0].name = "w\x07";
  view.notice = "gone\x1b]0;x\x07";
  const std::string text = Whole(RenderTop(view, Terminal{}));
  EXPECT_THAT(text, AllOf(HasSubstr("evil\\x1b[2Jname"), HasSubstr("w\\x07"), HasSubstr("gone\\x1b]0;x\\x07")));
  EXPECT_THAT(text, Not(HasSubstr("\x07")));
}

TEST(RenderTopTest, AnEmptyFarmSaysSo) {
  const std::string text = Whole(RenderTop(TopView{.farm = "f", .at = absl::UnixEpoch()}, Terminal{}));
  EXPECT_THAT(text, AllOf(HasSubstr("no workers"), HasSubstr("nothing runs"), Not(HasSubstr("jobs/h"))));
}

TEST(JobRateTest, FollowsFromWhatEndedLately) {
  const absl::Time start = absl::FromUnixSeconds(1'800'000'000);
  JobRate rate;
  EXPECT_EQ(rate.PerHour(), std::nullopt);
  rate.Add(start, 100);
  rate.Add(start + absl::Seconds(5), 110);
  EXPECT_EQ(rate.PerHour(), std::nullopt) << "too short";
  rate.Add(start + absl::Minutes(1), 110);
  EXPECT_DOUBLE_EQ(*rate.PerHour(), 600);
  rate.Add(start + absl::Minutes(9), 120);
  EXPECT_EQ(rate.PerHour(), std::nullopt) << "all before is forgotten";
  rate.Add(start + absl::Minutes(10), 5);
  EXPECT_EQ(rate.PerHour(), std::nullopt) << "it counts anew";
  for (int i = 0; i < 10'000; ++i) rate.Add(start + absl::Minutes(20), 5);
}

TEST(RenderTopTest, ThePaceSaysHowLongItTakes) {
  TopView view = Farm(1, 2);
  view.jobs_per_hour = 28;
  EXPECT_THAT(Whole(RenderTop(view, Terminal{})), HasSubstr("28 jobs/h, about 30m00s left"));
}

TEST(TopFrameTest, WipesWhatWasThereBefore) { EXPECT_EQ(TopFrame({"a", "b"}), "\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J"); }

TEST(TopDocumentTest, HoldsWorkersAndWhatTheyRun) {
  const std::string json = TopDocument(Farm(1, 1));
  EXPECT_THAT(json, AllOf(HasSubstr("\"free_slots\": 1"), HasSubstr("\"what\": \"example.com/m1@v1.0.0\""),
                          HasSubstr("\"name\": \"nightly\"")));
}

}  // namespace
}  // namespace gofarm::cli
