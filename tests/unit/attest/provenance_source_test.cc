// What of a report becomes provenance, and which reports get none.
#include "common/attest/provenance_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "common/attest/module_id.h"
#include "common/vocab/report_check.h"
#include "tests/unit/attest/example.h"

namespace gofarm::attest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ProvenanceSourceTest, ARealBuildIsNamedInFull) {
  const Provenance p = HeyProvenance();
  ASSERT_EQ(p.subjects.size(), 3u);
  EXPECT_EQ(p.subjects[0], (Subject{.name = "hey", .sha256 = DigestNumber(1), .blake3 = DigestNumber(2)}));
  EXPECT_EQ(p.command_directory, ".");
  EXPECT_EQ(p.target, "x86_64");
  EXPECT_EQ(p.variant, "source+lfs64");
  EXPECT_THAT(p.go_mod, HasSubstr("golang.org/x/net v0.48.0"));
  EXPECT_EQ(p.argv.front(), "/go/bin/go");
  EXPECT_EQ(p.main_module.dir_hash, DirHash(kMainH1).value());
  EXPECT_EQ(p.main_module.zip_sha256, "f5354b335ebda92ca7829cab90b6134daae4bf4e1d90ebc705fd3d7a529bcf0a");
  // Sorted, whatever the order of the report.
  ASSERT_EQ(p.dependencies.size(), 2u);
  EXPECT_EQ(p.dependencies[0].path, "golang.org/x/net");
  EXPECT_EQ(p.dependencies[0].dir_hash, DirHash(kNetH1).value());
  EXPECT_EQ(p.dependencies[1].path, "golang.org/x/text");
  ASSERT_EQ(p.toolchains.size(), 2u);
  EXPECT_EQ(p.toolchains[0].uri, "pkg:golang/golang.org/toolchain@v0.0.1-go1.26.8.linux-amd64");
  EXPECT_EQ(p.toolchains[1].uri, "pkg:pypi/ziglang@0.15.2");
  EXPECT_EQ(p.builder_version, (std::map<std::string, std::string>{
                                   {"farm", "v0.5.1"}, {"go", "1.26.8"}, {"worker", "v0.5.0"}, {"zig", "0.15.2"}}));
  EXPECT_EQ(p.invocation_id, "4711");
  EXPECT_EQ(p.byproducts[0], (Byproduct{.name = "log", .sha256 = DigestNumber(3)}));
  EXPECT_EQ(p.byproducts.size(), 3u);
}

TEST(ProvenanceSourceTest, AnotherOrderOfTheReportsDependenciesIsTheSameStatement) {
  AttemptReport report = HeyReport();
  std::swap(report.dependencies[0], report.dependencies[1]);
  EXPECT_EQ(ToStatement(ProvenanceOf(report, report.executables[0], HeyContext()).value()).value(),
            ToStatement(HeyProvenance()).value());
}

TEST(ProvenanceSourceTest, AReplacementIsWhatWasLinkedInAndSaysForWhat) {
  AttemptReport report = HeyReport();
  report.dependencies[1].replace_path = "example.com/fork";
  report.dependencies[1].replace_version = "v1.0.0";
  const Provenance p = ProvenanceOf(report, report.executables[0], HeyContext()).value();
  EXPECT_EQ(p.dependencies[0], (ModuleMaterial{.path = "example.com/fork",
                                               .version = "v1.0.0",
                                               .dir_hash = DirHash(kNetH1).value(),
                                               .replaces = "golang.org/x/net@v0.48.0"}));
}

TEST(ProvenanceSourceTest, ACommandBelowTheRootAndAModuleOfAnotherName) {
  AttemptReport report = HeyReport();
  report.executables[0].import_path = "github.com/rakyll/hey/cmd/x";
  EXPECT_EQ(ProvenanceOf(report, report.executables[0], HeyContext())->command_directory, "cmd/x");
  report.facts.declared_path = "example.com/hey";
  EXPECT_EQ(ProvenanceOf(report, report.executables[0], HeyContext()).status().code(),
            absl::StatusCode::kInvalidArgument);
  report.executables[0].import_path = "example.com/hey/cmd/x";
  const Provenance p = ProvenanceOf(report, report.executables[0], HeyContext()).value();
  EXPECT_EQ(p.command_directory, "cmd/x");
  EXPECT_EQ(p.module, "github.com/rakyll/hey");
}

TEST(ProvenanceSourceTest, AReportThatLostAFactIsRefusedByItsName) {
  const std::string clipped_go_mod = Clip(std::string(kGoModBytesMax + 1, 'x'), kGoModBytesMax);
  const std::string clipped_argument = Clip(std::string(kArgumentBytesMax + 1, 'x'), kArgumentBytesMax);
  const std::vector<std::pair<std::function<void(AttemptReport&)>, std::string>> losses = {
      {[](auto& r) {
         r.omitted = {{ReportPart::kDependencies, 1}};
       },
       "dependencies"},
      {[](auto& r) {
         r.omitted = {{ReportPart::kBuildInfo, 1}, {ReportPart::kArgv, 1}};
       },
       "argv"},
      {[](auto& r) {
         r.omitted = {{ReportPart::kGoMod, 1}};
       },
       "go_mod"},
      {[](auto& r) {
         r.omitted = {{ReportPart::kEnvironment, 1}};
       },
       "environment"},
      {[](auto& r) {
         r.omitted = {{ReportPart::kPrograms, 1}};
       },
       "programs"},
      {[&](auto& r) { r.variants[1].go_mod = clipped_go_mod; }, "go_mod was clipped"},
      {[&](auto& r) { r.variants[1].argv.push_back(clipped_argument); }, "argv was clipped"},
      {[&](auto& r) { r.variants[1].environment.push_back(clipped_argument); }, "environment was clipped"},
      {[](auto& r) { r.variants[1].argv.clear(); }, "argv"},
      {[](auto& r) { r.variants.pop_back(); }, "variant \"source+lfs64\""},
      {[](auto& r) { r.variants[1].outcome = VariantOutcome::kFailed; }, "variant"},
      {[](auto& r) { r.facts.module_h1.clear(); }, "h1 of the module github.com/rakyll/hey"},
      {[](auto& r) { r.dependencies[0].h1.clear(); }, "h1 of the module golang.org/x/text"},
      {[](auto& r) { r.dependencies[0].h1 = "h1:short"; }, "h1 of the module golang.org/x/text"},
      {[](auto& r) { r.dependencies.pop_back(); }, "dependency 1 of 1"},
      {[](auto& r) { r.executables[0].dependencies[0] = -1; }, "dependency -1"},
      {[](auto& r) { r.facts.log_sha256.clear(); }, "log"},
      {[](auto& r) { r.facts.go_sha256 = DigestNumber(9); }, "go archive"},
      {[](auto& r) { r.facts.zig_sha256.clear(); }, "zig archive"}};
  for (const auto& [lose, name] : losses) {
    AttemptReport report = HeyReport();
    lose(report);
    const auto refused = ProvenanceOf(report, report.executables[0], HeyContext());
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition) << name;
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr(name));
  }
}

TEST(ProvenanceSourceTest, WhatIsNoPartOfItMayBeLost) {
  AttemptReport report = HeyReport();
  report.omitted = {{ReportPart::kProgramTexts, 1}, {ReportPart::kBuildInfo, 1}, {ReportPart::kFailureDetail, 1}};
  report.variants[1].argv.push_back("./...");
  EXPECT_TRUE(ProvenanceOf(report, report.executables[0], HeyContext()).ok());
}

TEST(ProvenanceSourceTest, TimesAreKeptAsFarAsTheyAreWritten) {
  BuildContext context = HeyContext();
  context.started_on += absl::Nanoseconds(7);
  context.finished_on += absl::Nanoseconds(700);
  const AttemptReport report = HeyReport();
  const Provenance p = ProvenanceOf(report, report.executables[0], context).value();
  EXPECT_EQ(ParseStatement(ToStatement(p).value()).value(), p);
}

TEST(ProvenanceSourceTest, AContextWithoutTimesIsNotWritten) {
  BuildContext context = HeyContext();
  context.started_on = context.finished_on = BuildContext().started_on;
  const AttemptReport report = HeyReport();
  const auto refused = ToStatement(ProvenanceOf(report, report.executables[0], context).value());
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("time is missing"));
}

TEST(ArchiveUriTest, SaysWhereAnArchiveComesFromWithoutCredentialsOrFolders) {
  const auto uri = [](const char* source, const char* locator) {
    return ArchiveUri({.kind = "go", .version = "1.26.8", .source = source, .locator = locator});
  };
  EXPECT_EQ(uri("url", "https://me:secret@mirror.example.com/go.tar.gz?token=x"),
            "https://mirror.example.com/go.tar.gz");
  EXPECT_EQ(uri("folder", "/home/me/archives"), "pkg:generic/go@1.26.8");
  EXPECT_EQ(uri("pypi", "ziglang"), "pkg:generic/go@1.26.8");
  EXPECT_EQ(uri("goproxy", "golang.org/toolchain@v0.0.1-go1.26.8.linux-amd64"),
            "pkg:golang/golang.org/toolchain@v0.0.1-go1.26.8.linux-amd64");
}

TEST(ModuleIdTest, AnH1IsTheHexOfItsBytes) {
  EXPECT_EQ(DirHash("h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=").value(), std::string(63, '0') + "1");
  for (const char* text :
       {"", "h1:", "h2:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=", "h1:AAAA",
        "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE", "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAF="}) {
    EXPECT_EQ(DirHash(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(ModuleIdTest, PackageUrlsKeepUpperCaseAndEncodeTheRest) {
  EXPECT_EQ(GoPurl("github.com/BurntSushi/toml", "v1.5.0"), "pkg:golang/github.com/BurntSushi/toml@v1.5.0");
  EXPECT_EQ(GoPurl("a.b/c++", "v2.0.0+incompatible"), "pkg:golang/a.b/c%2B%2B@v2.0.0%2Bincompatible");
  EXPECT_EQ(GoPurl("a.b/x@y?z#w", ""), "pkg:golang/a.b/x%40y%3Fz%23w");
}

}  // namespace
}  // namespace gofarm::attest
