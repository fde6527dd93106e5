#include "worker/watch/worker_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"

namespace gofarm::watch {
namespace {

using ::testing::HasSubstr;

AttemptReport Built(int64_t bytes_fetched, bool shared) {
  AttemptReport report;
  report.outcome = AttemptOutcome::kBuilt;
  report.phases = {{Phase::kFetch, 0.3}, {Phase::kBuild, 2000}};
  report.facts.go_version = "1.26.0";
  report.facts.bytes_fetched = bytes_fetched;
  report.facts.used_shared_cache = shared;
  return report;
}

class WorkerMetricsTest : public ::testing::Test {
 protected:
  void ExpectLine(const std::string& line) {
    const std::string text = metrics::Write(metrics_.Collect("p", "1"), metrics::Format::kPrometheus);
    EXPECT_THAT(text, HasSubstr(Cat("\n", line, "\n")));
  }
  WorkerMetrics metrics_{3};
};

TEST_F(WorkerMetricsTest, EverythingStandsThereAtZero) {
  ExpectLine("gofarm_worker_attempts_total{outcome=\"nothing_to_build\"} 0");
  ExpectLine("gofarm_worker_phase_seconds_bucket{phase=\"upload\",le=\"+Inf\"} 0");
  ExpectLine("gofarm_cache_lookups_total{cache=\"modules\",result=\"miss\"} 0");
  ExpectLine("gofarm_cache_bytes{cache=\"toolchains\"} 0");
  ExpectLine("gofarm_seed_runs_total{result=\"failed\"} 0");
  ExpectLine("gofarm_coordinator_connected 0");
  ExpectLine("gofarm_build_slots{kind=\"total\"} 3");
}

TEST_F(WorkerMetricsTest, AttemptsAreCountedWithTheirPhasesAndWhatWasAtHand) {
  metrics_.AttemptBegins();
  metrics_.AttemptBegins();
  ExpectLine("gofarm_build_slots{kind=\"busy\"} 2");
  metrics_.AttemptEnded(Built(0, true));
  metrics_.AttemptEnded(Built(500, false));
  ExpectLine("gofarm_build_slots{kind=\"busy\"} 0");
  ExpectLine("gofarm_worker_attempts_total{outcome=\"built\"} 2");
  ExpectLine("gofarm_worker_phase_seconds_bucket{phase=\"fetch\",le=\"0.1\"} 0");
  ExpectLine("gofarm_worker_phase_seconds_bucket{phase=\"fetch\",le=\"0.5\"} 2");
  ExpectLine("gofarm_worker_phase_seconds_bucket{phase=\"build\",le=\"1200.0\"} 0");
  ExpectLine("gofarm_worker_phase_seconds_bucket{phase=\"build\",le=\"+Inf\"} 2");
  ExpectLine("gofarm_worker_phase_seconds_sum{phase=\"build\"} 4000");
  ExpectLine("gofarm_cache_lookups_total{cache=\"modules\",result=\"hit\"} 1");
  ExpectLine("gofarm_cache_lookups_total{cache=\"gocache\",result=\"miss\"} 1");
}

TEST_F(WorkerMetricsTest, SeedsCountByTheirEnd) {
  metrics_.SeedEnded(true);
  metrics_.SeedEnded(true);
  metrics_.SeedEnded(false);
  ExpectLine("gofarm_seed_runs_total{result=\"ready\"} 2");
  ExpectLine("gofarm_seed_runs_total{result=\"failed\"} 1");
}

TEST_F(WorkerMetricsTest, AFetchThatFailedFoundNothingInTheCache) {
  AttemptReport failed = Built(0, true);
  failed.outcome = AttemptOutcome::kFailed;
  failed.facts = {};
  failed.phases = {{.phase = Phase::kFetch, .seconds = 3}};
  metrics_.AttemptEnded(failed);
  ExpectLine("gofarm_cache_lookups_total{cache=\"modules\",result=\"hit\"} 0");
  ExpectLine("gofarm_cache_lookups_total{cache=\"modules\",result=\"miss\"} 0");
}

TEST_F(WorkerMetricsTest, TheReportCarriesEveryCacheOnce) {
  metrics_.CacheBytes({{CacheKind::kModules, 7}});
  metrics_.AttemptEnded(Built(0, true));
  const std::vector<CacheFigures> caches = metrics_.Caches();
  ASSERT_EQ(caches.size(), static_cast<size_t>(kCacheKinds));
  EXPECT_EQ(caches[0], (CacheFigures{.kind = CacheKind::kModules, .bytes = 7, .hits = 1}));
  WorkerReport report;
  report.figures = WorkerFigures{.caches = caches};
  EXPECT_TRUE(CleanReport(report).ok());
}

TEST(ParseHostTest, WhatTheKernelSaysIsReadAndGarbageIsNothing) {
  const HostNow now = ParseHost("MemTotal:       100 kB\nMemAvailable:    64 kB\n", "1.25 0.5 0.1 2/300 77\n");
  EXPECT_EQ(now.memory_free_bytes, 64 << 10);
  EXPECT_EQ(now.load, 1.25);
  for (const char* text : {"", "MemAvailable:", "MemAvailable: x kB", "MemAvailable: -5 kB"}) {
    EXPECT_EQ(ParseHost(text, text).memory_free_bytes, 0) << text;
    EXPECT_EQ(ParseHost(text, text).load, 0) << text;
  }
  EXPECT_GT(ReadHostNow().memory_free_bytes, 0);
}

}  // namespace
}  // namespace gofarm::watch
