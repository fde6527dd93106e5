#include "common/vocab/report_check.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace gofarm {
namespace {

AttemptReport Good() {
  AttemptReport a{.outcome = AttemptOutcome::kBuilt};
  a.executables = {{.name = "x",
                    .import_path = "example.com/a/x",
                    .size = 10,
                    .sha256 = std::string(64, 'a'),
                    .blake3 = std::string(64, 'b'),
                    .main_version = "v1.0.0",
                    .go_version = "go1.26.8",
                    .build_info = "path\tx\n",
                    .variant = "install"}};
  a.variants = {
      {.variant = "install", .outcome = VariantOutcome::kBuilt, .seconds = 1, .argv = {"go"}, .environment = {"A=b"}}};
  a.phases = {{.phase = Phase::kBuild, .seconds = 1}};
  return a;
}

absl::StatusCode CodeAfter(void (*change)(AttemptReport&)) {
  AttemptReport a = Good();
  change(a);
  return CleanReport(a).code();
}

TEST(CleanReportTest, AGoodReportStaysAsItIs) {
  AttemptReport a = Good();
  ASSERT_TRUE(CleanReport(a).ok());
  EXPECT_EQ(a.executables[0].build_info, "path\tx\n");
  EXPECT_EQ(a.variants[0].argv[0], "go");
}

TEST(CleanReportTest, TextIsMadeFitToBePrinted) {
  AttemptReport a = Good();
  a.failure_detail = std::string("line one\nred \033[31m ") + std::string(2 * kDetailBytesMax, 'x');
  a.variants[0].fingerprint = std::string("nul\0byte", 8);
  a.executables[0].main_version = "\xff";
  ASSERT_TRUE(CleanReport(a).ok());
  EXPECT_LE(a.failure_detail.size(), kDetailBytesMax);
  EXPECT_NE(a.failure_detail.find("line one\nred \\x1b[31m"), std::string::npos) << a.failure_detail;
  EXPECT_EQ(a.variants[0].fingerprint, "nul\\x00byte");
  EXPECT_EQ(a.executables[0].main_version, "\\xff");
}

TEST(CleanReportTest, WhatAProgramAnswersIsMadeFitToBePrintedAndBounded) {
  AttemptReport a = Good();
  a.executables[0].version_text = "x 1.0\n\033[31mred";
  a.executables[0].help_text = "Usage\n\tx" + std::string(2 * kProgramTextBytesMax, 'x');
  ASSERT_TRUE(CleanReport(a).ok());
  EXPECT_EQ(a.executables[0].version_text, "x 1.0\n\\x1b[31mred");
  EXPECT_EQ(a.executables[0].help_text.size(), kProgramTextBytesMax);
  EXPECT_EQ(a.executables[0].help_text.substr(0, 8), "Usage\n\tx");
}

TEST(CleanReportTest, TheSourceArchiveHasADigestAndABoundedSize) {
  const auto kRefused = absl::StatusCode::kInvalidArgument;
  AttemptReport good = Good();
  good.facts.source_sha256 = good.facts.module_zip_sha256 = std::string(64, 'a');
  good.facts.source_size = kSourceArchiveBytesMax;
  good.omitted = {{.part = ReportPart::kProgramTexts, .items = 1}};
  EXPECT_TRUE(CleanReport(good).ok());
  EXPECT_EQ(CodeAfter([](auto& a) { a.facts.source_size = kSourceArchiveBytesMax + 1; }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.facts.source_size = -1; }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.facts.source_sha256 = "../x"; }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.facts.module_zip_sha256 = "AA"; }), kRefused);
}

TEST(CleanReportTest, AnEndOfASmokeRunThatALaterReleaseKnowsCountsAsNone) {
  AttemptReport a = Good();
  a.executables[0].smoke = static_cast<Smoke>(7);
  a.executables[0].smoke_detail = "two\nlines \033[31m" + std::string(2 * kSmokeDetailBytesMax, 'x');
  ASSERT_TRUE(CleanReport(a).ok());
  EXPECT_EQ(a.executables[0].smoke, Smoke::kNotRun);
  EXPECT_LE(a.executables[0].smoke_detail.size(), kSmokeDetailBytesMax);
  EXPECT_NE(a.executables[0].smoke_detail.find("two\\x0alines \\x1b[31m"), std::string::npos)
      << a.executables[0].smoke_detail;
}

TEST(CleanReportTest, NumbersThatAreNoneAndValuesOutsideOfTheirSetsAreRefused) {
  const auto kRefused = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(CodeAfter([](auto& a) { a.peak_memory_bytes = -5; }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.cpu_seconds = std::numeric_limits<double>::quiet_NaN(); }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.phases[0].seconds = -std::numeric_limits<double>::infinity(); }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.facts.log_bytes = -1; }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.outcome = AttemptOutcome::kLost; }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.variants[0].outcome = static_cast<VariantOutcome>(0); }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.omitted = {{.part = static_cast<ReportPart>(99), .items = 1}}; }), kRefused);
}

TEST(CleanReportTest, WhatNamesThingsIsRefusedAndNeverMended) {
  const auto kRefused = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(CodeAfter([](auto& a) { a.executables[0].sha256 = "AA"; }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.executables[0].blake3 = ""; }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.executables[0].size = 0; }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.executables[0].name = "../x"; }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.executables[0].name = ".."; }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.executables[0].import_path = "a\nb"; }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.failure_class = static_cast<FailureClass>(99); }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.phases[0].phase = static_cast<Phase>(-1); }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.facts.log_sha256 = "x"; }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.failed_programs = {{.import_path = "", .name = "x"}}; }), kRefused);
}

TEST(CleanReportTest, CountsHaveLimits) {
  const auto kRefused = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(CodeAfter([](auto& a) { a.executables.resize(kExecutablesMax + 1); }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.variants.resize(kVariantsMax + 1); }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.phases.resize(kPhasesMax + 1); }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.variants[0].argv.resize(kArgumentsMax + 1); }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.dependencies.resize(kDependenciesMax + 1); }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.executables[0].dependencies.resize(kDependenciesMax + 1); }), kRefused);
  EXPECT_EQ(CodeAfter([](auto& a) { a.executables[0].dependencies = {0}; }), kRefused) << "there is none";
}

}  // namespace
}  // namespace gofarm
