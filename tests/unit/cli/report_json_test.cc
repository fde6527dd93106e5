// What programs read of comparisons, reports and the live view: tests/golden/cli holds one of each.
#include <gtest/gtest.h>

#include "cli/batch_diff.h"
#include "cli/report.h"
#include "cli/top_view.h"
#include "tests/support/golden.h"

namespace gofarm::cli {
namespace {

std::vector<JobFacts> Before() {
  return {{.id = 1,
           .module = "a.test/m",
           .version = "v1.0.0",
           .target = "x86_64",
           .state = "built",
           .executables = 1,
           .bytes = 4'000'000,
           .seconds = 31.5},
          {.id = 2,
           .module = "b.test/n",
           .version = "v2.1.0",
           .target = "riscv64",
           .state = "built",
           .executables = 2,
           .bytes = 9'000'000,
           .seconds = 60}};
}
std::vector<JobFacts> After() {
  return {{.id = 3,
           .module = "a.test/m",
           .version = "v1.0.1",
           .target = "x86_64",
           .state = "built",
           .executables = 1,
           .bytes = 5'000'000,
           .seconds = 30},
          {.id = 4,
           .module = "b.test/n",
           .version = "v2.1.0",
           .target = "riscv64",
           .state = "failed",
           .failure_class = "compile_error",
           .seconds = 12},
          {.id = 5, .module = "c.test/o", .version = "v0.1.0", .target = "x86_64", .state = "queued"}};
}

TEST(ReportJsonTest, ABatchDiffIsAsItWas) {
  testing::ExpectGolden("cli/batch_diff.json", DiffDocument(CompareBatches(Before(), After()), 6, 7));
}

TEST(ReportJsonTest, AReportIsAsItWas) {
  Report report{.title = "Batch 7 nightly: running", .made_at = absl::FromUnixSeconds(1'800'000'000), .batch = 7};
  TakeJobs(After(), report);
  report.coverage = CoverageOf(NewestOf(After()));
  report.failures = {{.failure_class = "compile_error",
                      .fingerprint = "undefined: x",
                      .jobs = 1,
                      .modules = 1,
                      .examples = {{.job = 4, .module = "b.test/n", .version = "v2.1.0", .target = "riscv64"}},
                      .hint = "A name is missing."}};
  report.previous = 6;
  report.comparison = CompareBatches(Before(), After());
  testing::ExpectGolden("cli/report_batch.json", ReportDocument(report));
}

TEST(ReportJsonTest, TheLiveViewIsAsItWas) {
  TopView view{.farm = "/home/ann/farm", .at = absl::FromUnixSeconds(1'800'000'000)};
  view.jobs = {.queued = 1, .running = 1, .built = 2, .failed = 1};
  view.batches = {{.id = 7, .name = "nightly", .queued = 1, .built = 1, .failed = 1}};
  view.workers = {
      {.name = "worker-1",
       .state = "connected",
       .slots = 2,
       .free_slots = 1,
       .disk_free_bytes = 1 << 30,
       .running = {{.job = 9, .what = "a.test/m@v1.0.0", .target = "x86_64", .phase = "build", .seconds = 4.25}}}};
  testing::ExpectGolden("cli/top.json", TopDocument(view));
}

}  // namespace
}  // namespace gofarm::cli
