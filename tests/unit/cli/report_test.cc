#include "cli/report.h"

#include <gmock/gmock.h>

#include "cli/report_html.h"
#include "cli/upstream_draft.h"
#include "common/base/text.h"

namespace gofarm::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

JobFacts Job(int64_t id, const std::string& module, const std::string& target, const std::string& state,
             int64_t bytes = 0) {
  return {.id = id,
          .module = module,
          .version = "v1.0.0",
          .target = target,
          .state = state,
          .failure_class = state == "failed" ? "compile_error" : "",
          .executables = bytes > 0 ? 1 : 0,
          .bytes = bytes,
          .seconds = 12};
}

Report Example() {
  const std::vector<JobFacts> jobs = {Job(1, "a", "x86_64", "built", 3 << 20), Job(2, "a", "riscv64", "failed"),
                                      Job(3, "b", "x86_64", "nothing_to_build"), Job(4, "b", "riscv64", "queued")};
  Report report{.title = "Batch 7 <nightly>", .batch = 7};
  TakeJobs(jobs, report);
  report.coverage = CoverageOf(NewestOf(jobs));
  report.failures = {{.failure_class = "compile_error",
                      .fingerprint = "undefined: <script>alert(1)</script>",
                      .jobs = 1,
                      .modules = 1,
                      .examples = {{.job = 2, .module = "a", .version = "v1.0.0", .target = "riscv64"}},
                      .hint = "Define it for riscv64."}};
  report.previous = 6;
  report.comparison = CompareBatches({Job(1, "a", "x86_64", "built", 1 << 20)}, jobs);
  return report;
}

TEST(RatesTest, TheShareIsOfWhatCouldBeBuilt) {
  const std::vector<TargetRate> rates = Example().rates;
  ASSERT_THAT(rates, SizeIs(3));
  EXPECT_EQ(rates[0].target, "riscv64");
  EXPECT_EQ(rates[0].BuiltShare(), 0.0);
  EXPECT_EQ(rates[0].open, 1);
  EXPECT_EQ(rates[1].BuiltShare(), 1.0) << "what has nothing to build fails nowhere";
  EXPECT_EQ(rates[2].target, "all");
  EXPECT_EQ(rates[2].BuiltShare(), 0.5);
  EXPECT_EQ(RatesOf({})[0].BuiltShare(), std::nullopt);
}

TEST(DistributionTest, BucketsDoubleAndLeaveNoGap) {
  const Distribution of = DistributionOf({1, 1.5, 3, 9, 0, -1, NAN, INFINITY});
  EXPECT_EQ(of.count, 4);
  EXPECT_EQ(of.median, 3);
  EXPECT_EQ(of.most, 9);
  ASSERT_THAT(of.buckets, SizeIs(4));
  EXPECT_EQ(of.buckets[0].count, 2);
  EXPECT_EQ(of.buckets[2].count, 0);
  EXPECT_EQ(of.buckets[3].from, 8);
  EXPECT_EQ(of.buckets[3].to, 16);
}

TEST(DistributionTest, IsBoundedAndLosesNoValue) {
  const Distribution of = DistributionOf({1e-300, 1, 1e300});
  EXPECT_LE(of.buckets.size(), kBucketsMax);
  int64_t all = 0;
  for (const Distribution::Bucket& bucket : of.buckets) all += bucket.count;
  EXPECT_EQ(all, 3);
  EXPECT_THAT(DistributionOf({}).buckets, IsEmpty());
}

TEST(CoverageTest, CountsModulesByHowManyTargetsAreBuilt) {
  const std::vector<JobFacts> newest = NewestOf({Job(1, "a", "x86_64", "failed"), Job(5, "a", "x86_64", "built", 9),
                                                 Job(2, "a", "riscv64", "built", 9), Job(3, "b", "x86_64", "failed")});
  EXPECT_THAT(newest, SizeIs(3)) << "of two jobs for the same the newer one";
  const Coverage coverage = CoverageOf(newest);
  EXPECT_EQ(coverage.modules, 2);
  EXPECT_THAT(coverage.by_targets, ElementsAre(Pair(0, 1), Pair(2, 1)));
}

TEST(CoverageTest, ARebuildHidesNoJob) {
  JobFacts waits = Job(8, "a", "x86_64", "queued"), failed = Job(9, "b", "x86_64", "failed");
  waits.is_rebuild = failed.is_rebuild = true;
  const std::vector<JobFacts> newest =
      NewestOf({Job(1, "a", "x86_64", "built", 9), Job(2, "b", "x86_64", "built", 9), waits, failed});
  ASSERT_THAT(newest, SizeIs(2));
  EXPECT_EQ(newest[0].id, 1);
  EXPECT_EQ(newest[1].id, 2);
  EXPECT_THAT(CoverageOf(newest).by_targets, ElementsAre(Pair(1, 2)));
  EXPECT_THAT(NewestOf({waits}), IsEmpty());
}

TEST(ReportTextTest, SaysRatesFailuresAndWhatChanged) {
  EXPECT_THAT(ReportText(Example(), Terminal{}),
              AllOf(HasSubstr("50.0 %"), HasSubstr("2 modules, 1 built for 0 targets, 1 built for 1 target"),
                    HasSubstr("undefined: <script>"), HasSubstr("2 a@v1.0.0 riscv64"),
                    HasSubstr("compile_error: Define it for riscv64."), HasSubstr("compared with batch 6"),
                    HasSubstr("median 3.0 MiB")));
}

TEST(ReportTextTest, ManyGroupsAreCounted) {
  Report report = Example();
  report.failures.assign(kReportGroupsShown + 3, report.failures[0]);
  report.failure_groups_left_out = 4;
  EXPECT_THAT(ReportText(report, Terminal{}), HasSubstr("and 7 more groups"));
  EXPECT_THAT(ReportPage(report), HasSubstr("And 7 more groups."));
}

TEST(ReportDocumentTest, HoldsEverything) {
  const std::string json = ReportDocument(Example());
  EXPECT_THAT(json, AllOf(HasSubstr("\"built_share\": 0.5"), HasSubstr("\"hint\": \"Define it for riscv64.\""),
                          HasSubstr("\"batch_id\": 6"), HasSubstr("\"modules\": 2")));
  EXPECT_THAT(ReportDocument(Report{}), AllOf(HasSubstr("\"comparison\": null"), HasSubstr("\"coverage\": null")));
}

TEST(ReportPageTest, StandsAloneAndIsEscaped) {
  const std::string page = ReportPage(Example());
  EXPECT_THAT(page, AllOf(HasSubstr("default-src 'none'"), HasSubstr("prefers-color-scheme: dark"),
                          HasSubstr("Batch 7 &lt;nightly&gt;"), HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;"),
                          HasSubstr("<svg role=\"img\""), HasSubstr("Compared with batch 6")));
  EXPECT_THAT(page, AllOf(Not(HasSubstr("<script")), Not(HasSubstr("http://")), Not(HasSubstr("https://")),
                          Not(HasSubstr(" src=")), Not(HasSubstr("url("))));
  EXPECT_THAT(ReportPage(Report{.title = "t"}), HasSubstr("<h1>t</h1>"));
}

UpstreamFailure Broken(const std::string& target, const std::string& detail) {
  return {.job = 9,
          .version = "v1.2.3",
          .target = target,
          .failure_class = "compile_error",
          .detail = detail,
          .go_version = "1.26.8",
          .argv = {"go", "install", "-tags", "netgo,osusergo", "./..."},
          .environment = {"CGO_ENABLED=1", "GOARCH=arm64"}};
}

TEST(UpstreamDraftTest, SaysWhyAndHowToSeeIt) {
  const std::string draft =
      UpstreamDraft("example.com/m", {Broken("aarch64", "m.go:3:1: undefined: x"), Broken("riscv64", "other"),
                                      Broken("loongarch64", "m.go:3:1: undefined: x")});
  EXPECT_THAT(draft,
              AllOf(HasSubstr("Title: example.com/m v1.2.3 does not compile"), HasSubstr("### aarch64, loongarch64\n"),
                    HasSubstr("### riscv64\n"), HasSubstr("m.go:3:1: undefined: x"),
                    HasSubstr("go mod download -json example.com/m@v1.2.3 | sed"),
                    HasSubstr("GOTOOLCHAIN=go1.26.8 CGO_ENABLED=1 GOOS=linux GOARCH=arm64 go build -tags "
                              "netgo,osusergo ./...")));
}

TEST(UpstreamDraftTest, NothingEndsItsBlocksAndNothingIsRun) {
  UpstreamFailure evil = Broken("x86_64", "```\n# heading\x1b[2J");
  evil.version = "v1';rm -rf /";
  const std::string draft = UpstreamDraft("example.com/m", {evil});
  EXPECT_THAT(draft,
              AllOf(HasSubstr("````\n```\n# heading\\x1b[2J\n````"), HasSubstr("'example.com/m@v1'\\'';rm -rf /'")));
}

TEST(UpstreamDraftTest, LongDetailsAreCut) {
  std::string detail;
  for (int i = 0; i < 10'000; ++i) detail += Cat("line ", i, "\n");
  const std::string draft = UpstreamDraft("m", {Broken("x86_64", detail)});
  EXPECT_THAT(draft, AllOf(HasSubstr("line 39\n..."), Not(HasSubstr("line 40"))));
  EXPECT_LE(UpstreamDraft("m", {Broken("x86_64", std::string(1 << 20, 'x'))}).size(), 2 * kDraftBytesMax);
}

TEST(UpstreamDraftTest, WhatTheFarmIsToBlameForIsNobodysElse) {
  for (const char* ours : {"worker_lost", "internal", "disk_full", "toolchain_broken", "proxy_error"}) {
    EXPECT_FALSE(IsUpstreams(ours)) << ours;
  }
  EXPECT_TRUE(IsUpstreams("compile_error"));
}

}  // namespace
}  // namespace gofarm::cli
