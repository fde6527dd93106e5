#include "common/wire/worker_report.h"

#include <gofarm/v1/worker.pb.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/unit/wire/fill_all.h"

namespace gofarm::wire {
namespace {

TEST(WorkerReportTest, NoFieldIsForgottenOnTheWayToTheVocabularyAndBack) {
  v1::WorkerReport sent;
  int values = 0;
  FillAll(sent, values);
  ASSERT_GT(values, 15) << "every field of every message in it";
  v1::WorkerReport back;
  ToProto(WorkerReportFromProto(sent), back);
  EXPECT_EQ(DifferenceOf(sent, back), "");
}

WorkerReport Good() {
  return {
      .toolchains = {{.kind = "go", .version = "1.26.8", .path = "/cache/go", .sha256 = "aa"}},
      .readiness = {{.target = Target::kRiscv64, .state = ReadinessState::kSeeding, .detail = "std", .toolset = "t"}},
      .cache_bytes = 5,
      .disk_free_bytes = 6};
}

absl::StatusCode CodeAfter(void (*change)(WorkerReport&)) {
  WorkerReport report = Good();
  change(report);
  return CleanReport(report).code();
}

TEST(CleanWorkerReportTest, AGoodReportStaysAsItIsAndTextIsMadeFitToBePrinted) {
  WorkerReport report = Good();
  ASSERT_TRUE(CleanReport(report).ok());
  EXPECT_EQ(report, Good());
  report.readiness[0].detail = "red \033[31m\nnext";
  ASSERT_TRUE(CleanReport(report).ok());
  EXPECT_EQ(report.readiness[0].detail, "red \\x1b[31m\nnext");
}

TEST(CleanWorkerReportTest, WhatExceedsALimitOrAClosedSetIsRefused) {
  const auto kRefused = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(CodeAfter([](auto& r) { r.toolchains.resize(kWorkerReportRowsMax + 1); }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& r) { r.readiness.resize(kWorkerReportRowsMax + 1, r.readiness[0]); }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& r) { r.toolchains[0].kind = std::string(kWorkerTextMax + 1, 'k'); }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& r) { r.toolchains[0].path = std::string(kWorkerDetailMax + 1, 'p'); }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& r) { r.readiness[0].detail = std::string(kWorkerDetailMax + 1, 'd'); }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& r) { r.readiness[0].target = static_cast<Target>(9); }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& r) { r.readiness[0].state = static_cast<ReadinessState>(0); }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& r) { r.readiness[0].seconds = std::numeric_limits<double>::quiet_NaN(); }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& r) { r.cache_bytes = -1; }), kRefused);
}

}  // namespace
}  // namespace gofarm::wire
