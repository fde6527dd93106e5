#include "coordinator/service/worker_reports.h"

#include <gtest/gtest.h>

#include "common/base/text.h"

namespace gofarm::service {
namespace {

WorkerReport OfCacheBytes(int64_t bytes) {
  WorkerReport report;
  report.cache_bytes = bytes;
  return report;
}

TEST(WorkerReportsTest, TheLastReportIsShownAndEachIsSaved) {
  std::vector<std::string> saved;
  WorkerReports reports([&](const Scope&, const std::string& worker, const WorkerReport& report) {
    saved.push_back(Cat(worker, " ", report.cache_bytes));
    return absl::OkStatus();
  });
  EXPECT_FALSE(reports.Of("w1").has_value());
  for (const int64_t bytes : {1, 2}) {
    reports.Show("w1", OfCacheBytes(bytes));
    EXPECT_TRUE(reports.Save(Scope::For(absl::Seconds(1)), "w1", OfCacheBytes(bytes)).ok());
  }
  EXPECT_EQ(reports.Of("w1")->cache_bytes, 2);
  EXPECT_EQ(saved, (std::vector<std::string>{"w1 1", "w1 2"}));
}

TEST(WorkerReportsTest, BeyondItsBoundNewWorkersAreNotShownAndKnownOnesAre) {
  WorkerReports reports([](const Scope&, const std::string&, const WorkerReport&) { return absl::OkStatus(); });
  for (size_t i = 0; i < kReportsMax; ++i) reports.Show(Cat("w", i), OfCacheBytes(1));
  reports.Show("one more", OfCacheBytes(1));
  EXPECT_FALSE(reports.Of("one more").has_value());
  reports.Show("w7", OfCacheBytes(2));
  EXPECT_EQ(reports.Of("w7")->cache_bytes, 2);
}

}  // namespace
}  // namespace gofarm::service
