#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

#include "absl/synchronization/notification.h"
#include "common/obs/log.h"
#include "common/obs/metrics.h"
#include "common/sync/bounded_pool.h"

namespace gofarm {
namespace {

TEST(LogTest, TextFromOutsideCannotForgeALine) {
  EXPECT_EQ(obs::FormatLine(obs::Level::kInfo, "job_failed", {{"job", "81"}, {"why", "a b\nlevel=error \"x\""}}),
            "level=info event=job_failed job=81 why=\"a b\\\\x0alevel=error \\\"x\\\"\"");
  EXPECT_LT(obs::FormatLine(obs::Level::kInfo, "e", {{"v", std::string(100'000, 'x')}}).size(), 3000u);
}

TEST(MetricsTest, TheSameNameAndLabelsAreOneMetric) {
  obs::Metrics metrics;
  metrics.GetCounter("gofarm_offers_total", "Offers sent.", {{"answer", "accepted"}}).Add();
  metrics.GetCounter("gofarm_offers_total", "Offers sent.", {{"answer", "accepted"}}).Add(2);
  metrics.GetGauge("gofarm_queue_jobs", "Jobs that wait.").Set(7);
  metrics.GetHistogram("gofarm_phase_seconds", "Time in a phase.", {1, 10}, {{"phase", "build"}}).Observe(3);
  const std::string text = metrics.Text();
  EXPECT_THAT(text, ::testing::HasSubstr("gofarm_offers_total{answer=\"accepted\"} 3"));
  EXPECT_THAT(text, ::testing::HasSubstr("gofarm_queue_jobs 7"));
  EXPECT_THAT(text, ::testing::HasSubstr("gofarm_phase_seconds_bucket{phase=\"build\",le=\"10\"} 1"));
}

TEST(BoundedPoolTest, RefusesWhatDoesNotFitAndRunsWhatItTook) {
  std::atomic<int> ran{0};
  {
    absl::Notification started, go_on;
    sync::BoundedPool pool("test", 1, 2);
    ASSERT_TRUE(pool.TryPost([&] {
      started.Notify();
      go_on.WaitForNotification();
      ++ran;
    }));
    started.WaitForNotification();
    EXPECT_TRUE(pool.TryPost([&] { throw std::runtime_error("a task may not end its thread"); }));
    EXPECT_TRUE(pool.TryPost([&] { ++ran; }));
    EXPECT_FALSE(pool.TryPost([&] { ++ran; })) << "the queue holds two";
    go_on.Notify();
  }
  EXPECT_EQ(ran, 2);
}

}  // namespace
}  // namespace gofarm
