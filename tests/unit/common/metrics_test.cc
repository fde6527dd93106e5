#include "common/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gofarm::metrics {
namespace {

TEST(MetricsTest, TheSameNameAndLabelsAreOneMetric) {
  Registry metrics;
  metrics.GetCounter("gofarm_offers_total", "Offers sent.", {{"answer", "accepted"}}).Add();
  metrics.GetCounter("gofarm_offers_total", "Offers sent.", {{"answer", "accepted"}}).Add(2);
  metrics.GetGauge("gofarm_queue_jobs", "Jobs that wait.").Set(7);
  metrics.GetHistogram("gofarm_phase_seconds", "Time in a phase.", {1, 10}, {{"phase", "build"}}).Observe(3);
  const std::string text = metrics.Text();
  EXPECT_THAT(text, ::testing::HasSubstr("gofarm_offers_total{answer=\"accepted\"} 3"));
  EXPECT_THAT(text, ::testing::HasSubstr("gofarm_queue_jobs 7"));
  EXPECT_THAT(text, ::testing::HasSubstr("gofarm_phase_seconds_bucket{phase=\"build\",le=\"10.0\"} 1"));
}

TEST(MetricsTest, ACounterShowsATotalThatIsCountedElsewhereAndNeverGoesBack) {
  Registry metrics;
  Counter& requests = metrics.GetCounter("gofarm_requests_total", "Requests.");
  requests.RaiseTo(5);
  requests.RaiseTo(5);
  requests.RaiseTo(3);
  EXPECT_THAT(metrics.Text(), ::testing::HasSubstr("gofarm_requests_total 5\n"));
  requests.RaiseTo(9);
  EXPECT_THAT(metrics.Text(), ::testing::HasSubstr("gofarm_requests_total 9\n"));
}

}  // namespace
}  // namespace gofarm::metrics
