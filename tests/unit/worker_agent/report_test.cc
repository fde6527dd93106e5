#include "worker/agent/report.h"

#include <gmock/gmock.h>
#include <gofarm/v1/worker.pb.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "common/base/text.h"
#include "common/vocab/report_check.h"
#include "common/wire/report.h"

namespace gofarm::agent {
namespace {

using testing::ElementsAre;

size_t BytesOf(const AttemptReport& report) {
  v1::CompleteRequest message;
  wire::ToProto(report, message);
  return message.ByteSizeLong();
}

// One program of a module with `programs` of them, all of which link the same `dependencies`.
AttemptReport Built(int programs, size_t build_info_bytes, int dependencies) {
  AttemptReport report;
  report.outcome = AttemptOutcome::kBuilt;
  for (int d = 0; d < dependencies; ++d) {
    report.dependencies.push_back({Cat("example.com/", d), "v1.0.0", std::string(50, 'h'), "", ""});
  }
  for (int i = 0; i < programs; ++i) {
    Executable e{.name = Cat("tool", i), .import_path = Cat("a.b/tool", i), .size = 1};
    e.sha256 = e.blake3 = std::string(64, 'a');
    e.build_info = std::string(build_info_bytes, 'b');
    for (int d = 0; d < dependencies; ++d) e.dependencies.push_back(d);
    report.executables.push_back(std::move(e));
  }
  return report;
}

TEST(FinalReportTest, WhatComesFromAModuleIsEscapedAndWhatTheAgentKnowsIsAdded) {
  AttemptReport report;
  report.failure_class = FailureClass::kCompileError;
  report.failure_detail = "x.go:1: \x1b[31mred\x1b[0m\nnext";
  report.failed_programs = {{"a.b/c", "c", FailureClass::kLinkError, "d"}};
  report.phases = {{Phase::kFetch, 1.5}, {Phase::kNone, 3}};
  report.cpu_seconds = std::nan("");
  const AttemptReport out = FinalReport(report, {.worker_build = "w", .log_bytes = 12, .upload_seconds = 2});
  EXPECT_EQ(out.failure_detail, "x.go:1: \\x1b[31mred\\x1b[0m\nnext");
  EXPECT_EQ(out.failed_programs.at(0).failure_class, FailureClass::kLinkError);
  EXPECT_THAT(out.phases, ElementsAre(PhaseTime{Phase::kFetch, 1.5}, PhaseTime{Phase::kUpload, 2}));
  EXPECT_EQ(out.cpu_seconds, 0);
  EXPECT_EQ(out.facts.worker_build, "w");
  EXPECT_EQ(out.facts.log_bytes, 12);
  EXPECT_TRUE(out.omitted.empty());
}

TEST(FinalReportTest, ProgramsThatShareTheirDependenciesFitWhole) {
  const AttemptReport report = Built(1000, 100, 200);
  const AttemptReport out = FinalReport(report, {});
  EXPECT_EQ(out.executables, report.executables);
  EXPECT_EQ(out.dependencies, report.dependencies);
  EXPECT_TRUE(out.omitted.empty());
  EXPECT_LT(BytesOf(out), size_t{1} << 20) << "dependencies stand once";
}

TEST(FinalReportTest, AReportLargerThanAMessageSaysWhatWasLeftOutAndKeepsEveryExecutable) {
  const AttemptReport out = FinalReport(Built(100, 100'000, 200), {});
  EXPECT_LE(BytesOf(out), kCompleteBytesMax);
  ASSERT_EQ(out.executables.size(), 100u);
  EXPECT_EQ(out.executables[0].build_info, "");
  EXPECT_EQ(out.executables[99].dependencies.size(), 200u);
  EXPECT_THAT(out.omitted, ElementsAre(Omission{ReportPart::kBuildInfo, 100}));
}

TEST(FinalReportTest, WhatProgramsAnswerGoesFirst) {
  AttemptReport report = Built(100, 10'000, 200);
  for (Executable& e : report.executables) e.help_text = std::string(kProgramTextBytesMax, 'h');
  report.executables[0].version_text = std::string(kProgramTextBytesMax, 'v');
  const AttemptReport fits = FinalReport(report, {});
  EXPECT_TRUE(fits.omitted.empty());
  EXPECT_EQ(fits.executables[0].version_text.size(), kProgramTextBytesMax);
  for (Executable& e : report.executables) e.version_text = e.help_text;
  report.executables[0].version_text = report.executables[0].help_text = "";
  const AttemptReport out = FinalReport(report, {});
  EXPECT_LE(BytesOf(out), kCompleteBytesMax);
  EXPECT_THAT(out.omitted, ElementsAre(Omission{ReportPart::kProgramTexts, 99}));
  EXPECT_EQ(out.executables[99].help_text, "");
  EXPECT_EQ(out.executables[99].build_info.size(), 10'000u);
}

TEST(FinalReportTest, EveryPartGoesOnce) {
  const std::set<ReportPart> parts(kLeftOutInOrder.begin(), kLeftOutInOrder.end());
  EXPECT_EQ(parts.size(), static_cast<size_t>(kReportParts));
  EXPECT_EQ(kLeftOutInOrder.back(), ReportPart::kPrograms);
  for (const ReportPart part : parts) EXPECT_EQ(ParseReportPart(Name(part)), part);
}

TEST(FinalReportTest, PartsGoInTheirOrderAndNoMoreThanMust) {
  AttemptReport report = Built(2, 1000, 1);
  VariantTry variant{.variant = "source", .outcome = VariantOutcome::kBuilt};
  variant.go_mod = std::string(kGoModBytesMax, 'm');
  variant.environment = {"A=b"};
  variant.argv = {"go", "build"};
  report.variants.assign(4, variant);
  const AttemptReport out = FinalReport(report, {});
  EXPECT_THAT(out.omitted, ElementsAre(Omission{ReportPart::kBuildInfo, 2}, Omission{ReportPart::kGoMod, 4}));
  EXPECT_THAT(out.variants.at(3).environment, ElementsAre("A=b"));
  EXPECT_EQ(out.dependencies.size(), 1u);
}

TEST(FinalReportTest, TheCoordinatorsLimitsAreTheWorkers) {
  AttemptReport report = Built(1, 10, 0);
  report.dependencies.resize(kDependenciesMax + 1);
  report.executables[0].dependencies = {0, 1};
  AttemptReport out = FinalReport(report, {});
  EXPECT_TRUE(CleanReport(out).ok());
  EXPECT_THAT(out.omitted, ElementsAre(Omission{ReportPart::kDependencies, 1}));

  out = FinalReport(Built(static_cast<int>(kExecutablesMax) + 1, 0, 0), {});
  EXPECT_TRUE(CleanReport(out).ok());
  EXPECT_THAT(out.omitted, ElementsAre(Omission{ReportPart::kPrograms, static_cast<int>(kExecutablesMax) + 1}));
  EXPECT_EQ(out.failure_class, FailureClass::kOutputLimit);
}

TEST(FinalReportTest, AReportThatCannotFitIsAFailureThatSaysSo) {
  AttemptReport report;
  report.outcome = AttemptOutcome::kPartial;
  report.failure_class = FailureClass::kCompileError;
  report.cpu_seconds = 7;
  for (int i = 0; i < 4000; ++i) {
    report.failed_programs.push_back(
        {Cat("a.b/", i, "/", std::string(900, 'p')), std::string(900, 'p'), FailureClass::kCompileError, "d"});
  }
  const AttemptReport out = FinalReport(report, {});
  EXPECT_LE(BytesOf(out), kCompleteBytesMax);
  EXPECT_EQ(out.outcome, AttemptOutcome::kFailed);
  EXPECT_EQ(out.failure_class, FailureClass::kOutputLimit) << "no other try would end otherwise";
  EXPECT_THAT(out.failure_detail, testing::HasSubstr("4000 programs"));
  EXPECT_THAT(out.omitted, ElementsAre(Omission{ReportPart::kPrograms, 4000}));
  EXPECT_EQ(out.cpu_seconds, 7);
}

TEST(FinalReportTest, AReportThatTheCoordinatorWouldRefuseSaysWhy) {
  AttemptReport report = Built(1, 10, 0);
  report.executables[0].name = "../tool";
  const AttemptReport out = FinalReport(report, {.log_bytes = 3});
  EXPECT_EQ(out.failure_class, FailureClass::kInternal);
  EXPECT_THAT(out.failure_detail, testing::HasSubstr("program name \"../tool\""));
  EXPECT_EQ(out.facts.log_bytes, 3);
}

}  // namespace
}  // namespace gofarm::agent
