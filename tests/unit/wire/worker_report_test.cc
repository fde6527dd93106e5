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
      .disk_free_bytes = 6,
      .figures = WorkerFigures{.memory_free_bytes = 7,
                               .load = 0.5,
                               .clock_seconds = 1.8e9,
                               .certificate_left_seconds = 60,
                               .caches = {{.kind = CacheKind::kModules, .bytes = 8, .hits = 1, .misses = 2}}},
      .scrape_address = "[2001:db8::1]:7072"};
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
  EXPECT_EQ(CodeAfter([](auto& r) { r.figures->load = std::numeric_limits<double>::infinity(); }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& r) { r.figures->memory_free_bytes = -1; }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& r) { r.figures->clock_seconds = -1; }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& r) { r.figures->certificate_left_seconds = -1; }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& r) { r.figures->caches.resize(kCacheFiguresMax + 1); }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& r) { r.figures->caches.resize(2); }), kRefused) << "modules twice";
  EXPECT_EQ(CodeAfter([](auto& r) { r.figures->caches[0].misses = -1; }), kRefused);
  for (const char* address :
       {"host", ":7072", "host:", "host:port", "host:123456", "a b:7072", "host:7072\n", "{}:1"}) {
    WorkerReport report = Good();
    report.scrape_address = address;
    EXPECT_EQ(CleanReport(report).code(), kRefused) << address;
  }
  WorkerReport report = Good();
  report.scrape_address.assign(kScrapeAddressMax, 'h');
  report.scrape_address.append(":1");
  EXPECT_EQ(CleanReport(report).code(), kRefused);
}

TEST(CleanWorkerReportTest, ACacheOfALaterReleaseIsLeftOutAndAReportWithoutFiguresIsTaken) {
  WorkerReport report = Good();
  report.figures->caches.push_back({.kind = static_cast<CacheKind>(kCacheKinds + 1), .bytes = 9});
  ASSERT_TRUE(CleanReport(report).ok());
  EXPECT_EQ(report, Good());
  report.figures.reset();
  report.scrape_address.clear();
  EXPECT_TRUE(CleanReport(report).ok());
}

}  // namespace
}  // namespace gofarm::wire
