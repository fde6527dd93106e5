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

class Known {
 public:
  void Add(const std::string& path, const std::string& module, Use use) { packages_[path] = {module, std::move(use)}; }
  Lookup lookup() const {
    return [this](std::string_view path, Target) -> const KnownPackage* {
      const auto found = packages_.find(std::string(path));
      return found == packages_.end() ? nullptr : &found->second;
    };
  }

 private:
  std::map<std::string, KnownPackage> packages_;
};

TEST(ForecastTest, FollowsImportsIntoModulesThatAreKnown) {
  Known known;
  known.Add("b.test/b/x", "b.test/b", {.imports = {"c.test/pcap"}});
  known.Add("c.test/pcap", "c.test",
            {.imports = {"b.test/b/x"}, .needs = {{Need::Kind::kLibrary, "pcap", "c.test/pcap"}}});
  const auto forecast = Forecast(OneProgram({"b.test/b/x"}), "1.26.8", known.lookup());
  EXPECT_EQ(forecast.at("x86_64").verdict, Verdict::kNeedsLibrary);
  EXPECT_THAT(forecast.at("x86_64").detail, HasSubstr("library pcap (c.test/pcap), brought by c.test"));
}

TEST(ForecastTest, SaysWhatItCannotSee) {
  const auto blind = Forecast(OneProgram({"b.test/b", "c.test/c"}), "1.26.8");
  EXPECT_EQ(blind.at("x86_64").verdict, Verdict::kBuildable);
  EXPECT_EQ(blind.at("x86_64").detail, "dependencies unknown: b.test/b and 1 other");
  Known known;
  known.Add("b.test/b", "b.test/b", {});
  EXPECT_EQ(Forecast(OneProgram({"b.test/b"}), "1.26.8", known.lookup()).at("x86_64").detail, "");
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

TEST(ForecastTest, NamesOfVerdictsAreReadBack) {
  for (const Verdict verdict :
       {Verdict::kBuildable, Verdict::kNeedsLibrary, Verdict::kExcluded, Verdict::kGoTooNew, Verdict::kNoProgram}) {
    EXPECT_EQ(ParseVerdict(VerdictName(verdict)), verdict);
  }
  EXPECT_EQ(ParseVerdict("x"), std::nullopt);
}

}  // namespace
}  // namespace gofarm::godetect
