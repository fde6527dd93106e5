#include "common/metrics/process_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/time.h"
#include "common/base/clock.h"

namespace gofarm::metrics {
namespace {

TEST(ProcessMetricsTest, ThisProcessHasMemoryFilesAndAnAge) {
  const ProcessFigures figures = ReadProcess();
  EXPECT_GT(figures.resident_bytes, 1 << 20);
  EXPECT_GT(figures.open_files, 2);
  EXPECT_GE(figures.open_files_max, figures.open_files);
  const double now = absl::ToDoubleSeconds(WallNow() - absl::UnixEpoch());
  EXPECT_LE(figures.start_time, now + 1);
  EXPECT_GT(figures.start_time, now - 3600);
  EXPECT_EQ(ReadProcess().start_time, figures.start_time) << "a restart is what changes it";
}

TEST(ProcessMetricsTest, TheSeriesHaveTheNamesOfPrometheusOwnClients) {
  const std::string text = Write(
      ProcessFamilies({.cpu_seconds = 1.5, .resident_bytes = 2, .open_files = 3}, "p", "1.0"), Format::kPrometheus);
  EXPECT_THAT(text, ::testing::HasSubstr("gofarm_build_info{program=\"p\",version=\"1.0\"} 1\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("process_cpu_seconds_total 1.5\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("process_resident_memory_bytes 2\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("process_open_fds 3\n"));
}

}  // namespace
}  // namespace gofarm::metrics
