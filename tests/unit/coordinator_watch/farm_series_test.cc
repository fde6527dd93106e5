#include "coordinator/watch/farm_series.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"

namespace gofarm::watch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using HostFigures = service::WorkerReports::HostFigures;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

std::string Text(std::vector<metrics::Family> families) {
  return metrics::Write(std::move(families), metrics::Format::kPrometheus);
}
std::optional<HostFigures> NoReport(const std::string&) { return std::nullopt; }

TEST(FarmSeriesTest, AnEmptyFarmShowsEveryTargetAndReasonAtZero) {
  const std::string text = Text(QueueSeries({}, kNow));
  EXPECT_THAT(text, HasSubstr("gofarm_queue_jobs{reason=\"ready\",target=\"x86_64\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("gofarm_queue_jobs{reason=\"draining\",target=\"loongarch64\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("gofarm_queue_oldest_seconds{target=\"riscv64\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("gofarm_workers{state=\"cannot_isolate\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("gofarm_slots{kind=\"busy\"} 0\n"));
}

TEST(FarmSeriesTest, TheQueueIsShownByTargetAndReason) {
  dispatch::DispatchFigures figures;
  figures.targets[1].waiting[static_cast<size_t>(WaitReason::kNoFreeSlot)] = 5;
  figures.targets[1].waiting[0] = 2;
  figures.targets[1].oldest_queued = kNow - absl::Minutes(2);
  figures.targets[2].oldest_queued = kNow + absl::Minutes(2);
  figures.waiting = 7;
  const std::string text = Text(QueueSeries(figures, kNow));
  EXPECT_THAT(text, HasSubstr("gofarm_queue_jobs{reason=\"no_free_slot\",target=\"aarch64\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("gofarm_queue_jobs{reason=\"ready\",target=\"aarch64\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("gofarm_queue_oldest_seconds{target=\"aarch64\"} 120\n"));
  EXPECT_THAT(text, HasSubstr("gofarm_queue_oldest_seconds{target=\"riscv64\"} 0\n")) << "the two clocks differ";
  EXPECT_THAT(text, HasSubstr("gofarm_jobs{state=\"waiting\"} 7\n"));
}

TEST(FarmSeriesTest, AWorkerShowsWhatItsReportSays) {
  dispatch::DispatchFigures figures;
  figures.workers = {{.name = "w1", .is_up = true, .slots = 4, .running = 3, .memory_bytes = 16, .last_seen = kNow},
                     {.name = "w2", .last_seen = kNow - absl::Seconds(40)}};
  const auto host = [](const std::string& worker) -> std::optional<HostFigures> {
    if (worker != "w1") return std::nullopt;
    return HostFigures{.disk_free_bytes = 9,
                       .figures = WorkerFigures{.memory_free_bytes = 8,
                                                .load = 1.5,
                                                .clock_seconds = 1,
                                                .certificate_left_seconds = 60,
                                                .caches = {{.kind = CacheKind::kGocache, .bytes = 5, .hits = 6}}},
                       .clock_skew_seconds = -2};
  };
  const std::string text = Text(WorkerSeries(figures, host, kNow));
  for (const char* line :
       {"up{worker=\"w1\"} 1", "up{worker=\"w2\"} 0", "running{worker=\"w1\"} 3", "slots{worker=\"w1\"} 4",
        "memory_total_bytes{worker=\"w1\"} 16", "memory_free_bytes{worker=\"w1\"} 8",
        "disk_free_bytes{worker=\"w1\"} 9", "load{worker=\"w1\"} 1.5", "last_seen_seconds{worker=\"w2\"} 40",
        "clock_skew_seconds{worker=\"w1\"} -2", "certificate_left_seconds{worker=\"w1\"} 60",
        "cache_bytes{cache=\"gocache\",worker=\"w1\"} 5",
        "cache_lookups_total{cache=\"gocache\",result=\"hit\",worker=\"w1\"} 6",
        "cache_lookups_total{cache=\"gocache\",result=\"miss\",worker=\"w1\"} 0"}) {
    EXPECT_THAT(text, HasSubstr(Cat("\ngofarm_worker_", line, "\n")));
  }
  EXPECT_THAT(text, Not(HasSubstr("load{worker=\"w2\"}"))) << "it told nothing";
}

TEST(FarmSeriesTest, WhatAnEarlierReleaseDoesNotTellIsLeftOut) {
  dispatch::DispatchFigures figures;
  figures.workers = {{.name = "old", .is_up = true}};
  const auto host = [](const std::string&) { return HostFigures{.disk_free_bytes = 9, .figures = std::nullopt}; };
  const std::string text = Text(WorkerSeries(figures, host, kNow));
  EXPECT_THAT(text, HasSubstr("gofarm_worker_disk_free_bytes{worker=\"old\"} 9\n"));
  for (const char* name : {"load", "memory_free_bytes", "clock_skew_seconds", "certificate_left_seconds"}) {
    EXPECT_THAT(text, Not(HasSubstr(Cat("gofarm_worker_", name, "{"))));
  }
}

TEST(FarmSeriesTest, AHostileNameIsEscapedAndWhatWasLeftOutIsCounted) {
  dispatch::DispatchFigures figures;
  figures.workers = {{.name = "a\"}\nevil 1"}};
  figures.workers_left_out = 12;
  const std::string text = Text(WorkerSeries(figures, NoReport, kNow));
  EXPECT_THAT(text, HasSubstr("gofarm_worker_up{worker=\"a\\\"}\\nevil 1\"} 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("\nevil")));
  EXPECT_THAT(text, HasSubstr("gofarm_worker_series_dropped 12\n"));
}

}  // namespace
}  // namespace gofarm::watch
