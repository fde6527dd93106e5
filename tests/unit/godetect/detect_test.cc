#include "common/godetect/detect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

#include "common/base/text.h"
#include "common/godetect/detection_json.h"
#include "common/godetect/forecast.h"
#include "tests/unit/godetect/memory_source.h"

namespace gofarm::godetect {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kMain[] = "package main\n\nfunc main() {}\n";

Detection Found(testing::MemorySource& source, DetectOptions options = {}) {
  options.go_version = "1.26.8";
  if (options.module.empty()) options.module = "a.test/m";
  OwnProcessParser parser;
  const absl::StatusOr<Detection> found = Detect(Scope::For(absl::Minutes(1)), source, parser, options);
  EXPECT_TRUE(found.ok()) << found.status();
  return found.ok() ? *found : Detection{};
}
Detection Found(std::map<std::string, std::string> files, DetectOptions options = {}) {
  testing::MemorySource source(std::move(files));
  return Found(source, std::move(options));
}
std::vector<std::string> Paths(const Detection& found) {
  std::vector<std::string> paths;
  for (const Program& program : found.programs) paths.push_back(program.import_path);
  return paths;
}

TEST(DetectTest, FindsProgramsAndPassesOverWhatGoPassesOver) {
  const Detection found = Found({{"go.mod", "module a.test/m\n\ngo 1.21\n\nignore ./off\n"},
                                 {"main.go", kMain},
                                 {"cmd/x/main.go", kMain},
                                 {"lib/lib.go", "package lib\nfunc main() {}\n"},
                                 {"nomain/a.go", "package main\nfunc helper() {}\n"},
                                 {"tests/a_test.go", kMain},
                                 {"testdata/x/main.go", kMain},
                                 {"_x/main.go", kMain},
                                 {".x/main.go", kMain},
                                 {"vendor/v/main.go", kMain},
                                 {"off/main.go", kMain},
                                 {"a b/main.go", kMain},
                                 {"gen/gen.go", "//go:build ignore\n\npackage main\nfunc main() {}\n"},
                                 {"examples/e/main.go", kMain},
                                 {"a/vendor/main.go", kMain},
                                 {"cmd/_y.go", kMain}});
  EXPECT_THAT(Paths(found), ElementsAre("a.test/m", "a.test/m/a/vendor", "a.test/m/cmd/x", "a.test/m/examples/e"));
  EXPECT_EQ(found.programs[0].name, "m");
  EXPECT_EQ(found.programs[0].dir, ".");
  EXPECT_EQ(found.programs[2].kind, ProgramKind::kProgram);
  EXPECT_EQ(found.programs[3].kind, ProgramKind::kExample);
  EXPECT_EQ(found.go_version, "1.21");
  EXPECT_EQ(found.forecast.at("x86_64").verdict, Verdict::kBuildable);
}

TEST(DetectTest, TheFirstFileThatCountsNamesTheFolder) {
  const Detection found = Found({
      {"a/a.go", "//go:build windows\n\npackage other\n"},
      {"a/b.go", "package documentation\n"},
      {"a/c.go", kMain},
      {"b/a_test.go", "package other\n"},  // a test names it too
      {"b/b.go", kMain},
      {"c/a.go", "package other\n"},
      {"c/b.go", kMain},
      {"d/a.go", kMain},
      {"d/b.go", "package other\n"},  // an error to go, but listed as main
      {"e/a_amd64.go", "package other\n"},
      {"e/b.go", kMain},
  });
  EXPECT_THAT(Paths(found), ElementsAre("a.test/m/a", "a.test/m/d", "a.test/m/e"));
  EXPECT_THAT(found.programs[1].uses[0].excluded, HasSubstr("found packages main (a.go) and other (b.go)"));
  EXPECT_THAT(found.programs[2].targets, ElementsAre(Target::kAarch64, Target::kRiscv64, Target::kLoongarch64));
}

TEST(DetectTest, ReadsHeadsOfLibrariesAndProgramsWhole) {
  const std::string large = Cat("package lib\n\nvar x = 1\n", std::string(50'000, '\n'));
  testing::MemorySource source({{"go.mod", "module a.test/m\n"},
                                {"lib/a.go", large},
                                {"lib/b.go", large},
                                {"other/a.go", large},
                                {"cmd/main.go", "package main\nimport _ \"a.test/m/lib\"\nfunc main() {}\n"},
                                {"cmd/data.bin", "x"},
                                {"lib/testdata/x.go", large}});
  EXPECT_THAT(Paths(Found(source)), ElementsAre("a.test/m/cmd"));
  EXPECT_THAT(source.whole, ElementsAre("go.mod", "cmd/main.go"));
  EXPECT_THAT(source.heads, Contains("lib/b.go"));
  EXPECT_THAT(source.heads, Not(Contains("lib/testdata/x.go")));
}

TEST(DetectTest, AHeaderLongerThanAHeadIsReadToItsEnd) {
  const std::string licence = Cat("// ", std::string(20'000, 'x'), "\n\n");
  const Detection found =
      Found({{"a/a.go", Cat(licence, "//go:build !riscv64\n\n", kMain)}, {"b/b.go", Cat(licence, "package b\n")}});
  EXPECT_THAT(Paths(found), ElementsAre("a.test/m/a"));
  EXPECT_THAT(found.programs[0].targets, Not(Contains(Target::kRiscv64)));
}

TEST(DetectTest, SaysWhatProgramsAreMadeOf) {
  const Detection found = Found(
      {{"go.mod",
        "module a.test/m\n\ngo 1.21\n\nrequire b.test/b v1.0.0\nrequire a.test/m/sub v1.0.0\nreplace b.test/b => ../b\n"
        "tool t.test/t/cmd\n"},
       {"cmd/main.go",
        "package main\nimport "
        "(\n\t\"a.test/m/lib\"\n\t\"a.test/m/sub/x\"\n\t\"fmt\"\n\t\"github.com/spf13/cobra\"\n)\nfunc main() {}\n"},
       {"lib/lib.go",
        "package lib\n// #cgo linux LDFLAGS: -lpcap -lm\n// #cgo windows LDFLAGS: -lwpcap\n// #cgo pkg-config: libfoo\n"
        "// #include <stdio.h>\n// #include <pcap.h>\n// #include <own.h>\n// #ifdef X\n// #include <never.h>\n// "
        "#endif\n"
        "import \"C\"\nimport _ \"b.test/b/p\"\n"},
       {"lib/lib.c", "int x;"},
       {"include/own.h", ""},
       {"tools.go", "//go:build tools\n\npackage tools\n\nimport _ \"c.test/c/cmd/c\"\n"},
       {"README.md", "Install:\n\n    go install -v a.test/m/cmd@latest\n`go run d.test/d/cmd/...@v1.2.3`\n"},
       {"LICENSE", ""},
       {"Dockerfile", "RUN go install e.test/e@master"},
       {".goreleaser.yaml", ""},
       {".github/workflows/ci.yml", ""}});
  ASSERT_THAT(Paths(found), ElementsAre("a.test/m/cmd"));
  const Program& program = found.programs[0];
  EXPECT_THAT(program.frameworks, ElementsAre("github.com/spf13/cobra"));
  ASSERT_THAT(program.uses, SizeIs(1));
  const Use& use = program.uses[0];
  EXPECT_THAT(use.targets, SizeIs(4));
  EXPECT_THAT(use.imports, ElementsAre("a.test/m/sub/x", "b.test/b/p", "github.com/spf13/cobra"));
  EXPECT_TRUE(use.cgo);
  EXPECT_TRUE(use.embedded_c);
  EXPECT_THAT(use.needs, ElementsAre(Need{Need::Kind::kLibrary, "pcap", "a.test/m/lib"},
                                     Need{Need::Kind::kPkgConfig, "libfoo", "a.test/m/lib"},
                                     Need{Need::Kind::kHeader, "pcap.h", "a.test/m/lib"}));
  EXPECT_EQ(found.forecast.at("aarch64").verdict, Verdict::kNeedsLibrary);
  EXPECT_THAT(found.forecast.at("aarch64").detail, HasSubstr("library pcap (a.test/m/lib)"));
  EXPECT_THAT(found.tools, ElementsAre("t.test/t/cmd"));
  EXPECT_THAT(found.blank_imports, ElementsAre("c.test/c/cmd/c"));
  std::vector<std::string> installed;
  for (const InstallLine& line : found.install_lines) installed.push_back(Cat(line.path, "@", line.version));
  EXPECT_THAT(installed,
              ::testing::UnorderedElementsAre("a.test/m/cmd@latest", "d.test/d/cmd@v1.2.3", "e.test/e@master"));
  EXPECT_THAT(found.licences, ElementsAre("LICENSE"));
  EXPECT_THAT(found.docker_files, ElementsAre("Dockerfile"));
  EXPECT_THAT(found.ci_files, ElementsAre(".github/workflows/ci.yml"));
  EXPECT_THAT(found.release_files, ElementsAre(".goreleaser.yaml"));
  ASSERT_THAT(found.replaces, SizeIs(1));
  EXPECT_EQ(found.replaces[0].new_path, "../b");

  const absl::StatusOr<Detection> again = FromJson(ToJson(found));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(ToJson(*again), ToJson(found));
}

TEST(DetectTest, ForecastsWhatConstraintsExclude) {
  const Detection found = Found({{"go.mod", "module a.test/m\n\ngo 1.21\n"},
                                 {"main.go", "package main\nimport _ \"a.test/m/native\"\nfunc main() {}\n"},
                                 {"native/n_amd64.go", "package native\n"}});
  EXPECT_EQ(found.forecast.at("x86_64").verdict, Verdict::kBuildable);
  EXPECT_EQ(found.forecast.at("riscv64").verdict, Verdict::kExcluded);
  EXPECT_THAT(found.forecast.at("riscv64").detail, HasSubstr("build constraints leave a.test/m/native no file"));
  const Detection lacks = Found(
      {{"go.mod", "module a.test/m\n"}, {"main.go", "package main\nimport _ \"a.test/m/gen\"\nfunc main() {}\n"}});
  EXPECT_EQ(lacks.forecast.at("x86_64").verdict, Verdict::kExcluded);
  EXPECT_EQ(Found({{"go.mod", "module a.test/m\n\ngo 1.99\n"}, {"main.go", kMain}}).forecast.at("x86_64").verdict,
            Verdict::kGoTooNew);
  EXPECT_EQ(Found({{"go.mod", "module a.test/m\n"}}).forecast.at("x86_64").verdict, Verdict::kNoProgram);
}

TEST(DetectTest, AForkIsToldByItsDeclaredPath) {
  const Detection found = Found({{"go.mod", "module b.test/real\n"}, {"cmd/main.go", kMain}});
  EXPECT_EQ(found.declared_module, "b.test/real");
  ASSERT_THAT(found.programs, SizeIs(1));
  EXPECT_EQ(found.programs[0].import_path, "a.test/m/cmd");
  EXPECT_EQ(found.programs[0].declared_path, "b.test/real/cmd");
}

TEST(DetectTest, AModuleThatTheParserDidNotSurviveIsUndecided) {
  class Crashing final : public SourceParser {
    absl::StatusOr<bool> DeclaresMain(std::string_view) override { return absl::AbortedError("ended by signal 6"); }
  };
  testing::MemorySource source(std::map<std::string, std::string>{{"cmd/x/main.go", kMain}});
  Crashing parser;
  const auto found = Detect(Scope::For(absl::Minutes(1)), source, parser,
                            {.module = "a.test/m", .version = "v1.0.0", .go_version = "1.26"});
  EXPECT_TRUE(absl::IsAborted(found.status()));
  EXPECT_THAT(std::string(found.status().message()), HasSubstr("a.test/m@v1.0.0"));
  EXPECT_THAT(std::string(found.status().message()), HasSubstr("cmd/x/main.go"));
}

TEST(DetectTest, NothingIsListedOfAModuleWithABrokenGoMod) {
  const Detection found = Found({{"go.mod", "module a.test/m\nmodule a.test/m\n"}, {"main.go", kMain}});
  EXPECT_THAT(found.programs, IsEmpty());
  EXPECT_EQ(found.forecast.at("x86_64").verdict, Verdict::kExcluded);
  EXPECT_EQ(found.forecast.at("x86_64").detail, "go.mod:2: a second module line");
}

TEST(DetectTest, WhatOnlyADependencyMayHaveInItsGoModExcludesTheModule) {
  const std::pair<const char*, const char*> cases[] = {
      {"\xEF\xBB\xBFmodule a.test/m\n", "go.mod:1: unknown directive"},
      {"module a.test/m\n\nfuture x\n", "go.mod:3: unknown directive \"future\""},
      {"module a.test/m\n\ngo 1.2x\n", "go.mod:3: invalid go version \"1.2x\""},
      {"module a.test/m\ngo 1.21\ngo 1.22\n", "go.mod:3: repeated go line"},
      {"go 1.21\n", "go.mod has no module line"},
      {"", "go.mod has no module line"},
      {"module ../m\n", "go.mod declares its path as ../m"}};
  for (const auto& [go_mod, fault] : cases) {
    const Detection found = Found({{"go.mod", go_mod}, {"main.go", kMain}});
    EXPECT_THAT(found.programs, SizeIs(1)) << go_mod << "as go list has it of a dependency";
    ASSERT_THAT(found.forecast, SizeIs(kAllTargets.size()));
    for (const auto& [target, forecast] : found.forecast) {
      EXPECT_EQ(forecast.verdict, Verdict::kExcluded) << go_mod << target;
      EXPECT_THAT(forecast.detail, HasSubstr(fault)) << go_mod;
    }
    // Whoever makes the forecast anew later knows of it.
    const absl::StatusOr<Detection> again = FromJson(ToJson(found));
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(Forecast(*again, "1.26.8").at("x86_64").verdict, Verdict::kExcluded) << go_mod;
  }
  // What a build goes on with: another name, and no go.mod at all, which Go then makes up.
  for (const Detection& found : {Found({{"go.mod", "module grypy\n\ngo 1.21\n"}, {"main.go", kMain}}),
                                 Found({{"main.go", kMain}}, {.version = "v2.0.0+incompatible"})}) {
    EXPECT_EQ(found.go_mod_fault, "");
    EXPECT_EQ(found.forecast.at("x86_64").verdict, Verdict::kBuildable);
  }
}

}  // namespace
}  // namespace gofarm::godetect
