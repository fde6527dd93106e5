#include "common/godetect/forecast.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace gofarm::godetect {
namespace {

using ::testing::HasSubstr;

Detection OneProgram(std::vector<std::string> imports) {
  Detection found{.module = "a.test/m", .go_version = "1.21"};
  Use use{.targets = {kAllTargets.begin(), kAllTargets.end()}, .imports = std::move(imports)};
  found.programs.push_back({.import_path = "a.test/m", .targets = use.targets, .uses = {use}});
  return found;
}

// A module of one package at its root.
ModulePackages OnePackage(std::vector<std::string> imports, PackagePart part = {}) {
  for (size_t i = 0; i < imports.size(); ++i) part.imports.push_back(static_cast<int64_t>(i));
  return {.imports = std::move(imports), .packages = {{.dir = "", .parts = {std::move(part)}}}};
}

TEST(ForecastTest, FollowsImportsIntoModulesThatAreKnown) {
  PackageGraph graph;
  graph.Add("b.test/b", OnePackage({"c.test/pcap"}));
  graph.Add("c.test/pcap", OnePackage({"b.test/b"}, {.need = "library pcap"}));
  const auto forecast = Forecast(OneProgram({"b.test/b"}), "1.26.8", &graph);
  EXPECT_EQ(forecast.at("x86_64").verdict, Verdict::kNeedsLibrary);
  EXPECT_EQ(forecast.at("x86_64").detail, "a.test/m: library pcap (c.test/pcap), brought by c.test/pcap");
}

TEST(ForecastTest, WhatADependencyLacksForOneTargetExcludesThereOnly) {
  PackageGraph graph;
  ModulePackages one = OnePackage({});
  one.packages[0].parts = {{.targets = TargetBit(Target::kLoongarch64), .excluded = "no file for this target"},
                           {.targets = kAllTargetBits & ~TargetBit(Target::kLoongarch64)}};
  graph.Add("b.test/b", one);
  const auto forecast = Forecast(OneProgram({"b.test/b"}), "1.26.8", &graph);
  EXPECT_EQ(forecast.at("x86_64").verdict, Verdict::kBuildable);
  EXPECT_EQ(forecast.at("loongarch64").verdict, Verdict::kExcluded);
  EXPECT_THAT(forecast.at("loongarch64").detail, HasSubstr("no file for this target, brought by b.test/b"));
}

TEST(ForecastTest, SaysWhatItCannotSee) {
  const auto blind = Forecast(OneProgram({"b.test/b", "c.test/c"}), "1.26.8");
  EXPECT_EQ(blind.at("x86_64").verdict, Verdict::kBuildable);
  EXPECT_EQ(blind.at("x86_64").detail, "dependencies unknown: b.test/b and 1 other");
  PackageGraph graph;
  EXPECT_EQ(Forecast(OneProgram({"b.test/b"}), "1.26.8", &graph).at("x86_64").detail, "dependencies unknown: b.test/b");
  graph.Add("b.test/b", OnePackage({}));
  EXPECT_EQ(Forecast(OneProgram({"b.test/b"}), "1.26.8", &graph).at("x86_64").detail, "");
}

TEST(ForecastTest, TheBestProgramOfTheRightKindDecides) {
  Detection found = OneProgram({});
  found.programs[0].uses[0].excluded = "no file";
  Program example = found.programs[0];
  example.kind = ProgramKind::kExample;
  example.uses[0].excluded.clear();
  found.programs.push_back(example);
  EXPECT_EQ(Forecast(found, "1.26.8").at("x86_64").verdict, Verdict::kExcluded);
  found.programs[1].kind = ProgramKind::kProgram;
  EXPECT_EQ(Forecast(found, "1.26.8").at("x86_64").verdict, Verdict::kBuildable);
  found.programs.erase(found.programs.begin());
  found.programs[0].kind = ProgramKind::kExample;
  EXPECT_EQ(Forecast(found, "1.26.8").at("x86_64").verdict, Verdict::kBuildable);
  found.programs[0].uses[0].targets = {Target::kX86_64};
  EXPECT_EQ(Forecast(found, "1.26.8").at("riscv64").verdict, Verdict::kExcluded);
}

TEST(ForecastTest, ANewerGoIsNeeded) {
  Detection found = OneProgram({});
  found.go_version = "1.27";
  EXPECT_EQ(Forecast(found, "1.26.8").at("x86_64").verdict, Verdict::kGoTooNew);
  found.go_version = "1.26.8";
  EXPECT_EQ(Forecast(found, "1.26.8").at("x86_64").verdict, Verdict::kBuildable);
  found.go_version = "";
  EXPECT_EQ(Forecast(found, "1.26.8").at("x86_64").verdict, Verdict::kBuildable);
}

TEST(ForecastTest, AGoModByWhichNothingIsBuiltExcludesWhateverTheProgramsAre) {
  Detection found = OneProgram({});
  found.go_mod_fault = "go.mod:1: unknown directive \"x\"";
  found.go_version = "1.99";
  const auto forecast = Forecast(found, "1.26.8");
  ASSERT_EQ(forecast.size(), kAllTargets.size());
  for (const auto& [target, f] : forecast) {
    EXPECT_EQ(f.verdict, Verdict::kExcluded) << target;
    EXPECT_EQ(f.detail, found.go_mod_fault);
  }
}

TEST(ForecastTest, NamesOfVerdictsAreReadBack) {
  for (const Verdict verdict :
       {Verdict::kBuildable, Verdict::kNeedsLibrary, Verdict::kExcluded, Verdict::kGoTooNew, Verdict::kNoProgram}) {
    EXPECT_EQ(ParseVerdict(VerdictName(verdict)), verdict);
  }
  EXPECT_EQ(ParseVerdict("x"), std::nullopt);
}

}  // namespace
}  // namespace gofarm::godetect
