// The runner from offer to report with real Go, zig, sandbox and modules, and with modules made to fail in one way
// each.
#include "worker/build/local_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <stop_token>
#include <string_view>

#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/archive.h"
#include "common/io/files.h"
#include "common/licences/document.h"
#include "common/process/run.h"
#include "tests/support/proxy_folder.h"
#include "tests/unit/worker_build/runner_fixture.h"

namespace gofarm::build {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

namespace fs = std::filesystem;

class LocalRunnerTest : public RunnerTest {};

const char kMain[] = "package main\n\nfunc main() { println(\"here\") }\n";

std::vector<std::string> ImportPaths(const BuildReport& report, size_t skip) {
  std::vector<std::string> all;
  for (const Executable& e : report.executables)
    all.push_back(e.import_path.substr(std::min(skip, e.import_path.size())));
  return all;
}

TEST_F(LocalRunnerTest, BuildsTheProgramsOfARealModule) {
  const BuildReport report = Run(OrderOf("github.com/BurntSushi/toml", "v1.6.0"));
  ASSERT_EQ(Name(report.outcome), "built") << report.failure_detail << listener_.log;
  EXPECT_THAT(ImportPaths(report, 26), ElementsAre("/cmd/toml-test-decoder", "/cmd/toml-test-encoder", "/cmd/tomlv"));
  for (const Executable& e : report.executables) {
    EXPECT_EQ(e.main_version, "v1.6.0");
    EXPECT_EQ(e.go_version, "go1.26.8");
    EXPECT_EQ(e.variant, "install");
    EXPECT_THAT(e.sha256, MatchesRegex("[0-9a-f]{64}"));
    EXPECT_THAT(e.blake3, MatchesRegex("[0-9a-f]{64}"));
    EXPECT_EQ(e.size, static_cast<int64_t>(fs::file_size(report.files.at(&e - report.executables.data()))));
  }
  EXPECT_THAT(report.failed_programs, IsEmpty());
  ASSERT_THAT(report.variants, SizeIs(1));
  EXPECT_EQ(report.variants[0].outcome, VariantOutcome::kBuilt);
  EXPECT_THAT(report.variants[0].argv, ::testing::IsSupersetOf({"/go/bin/go", "install", "-trimpath"}));
  EXPECT_TRUE(report.facts.used_shared_cache);
  EXPECT_THAT(report.facts.module_h1, ::testing::StartsWith("h1:"));
  const auto licences = licences::ReadDocument(io::ReadFile(report.licences_file, 1 << 20).value());
  ASSERT_TRUE(licences.ok()) << licences.status();
  EXPECT_EQ(report.facts.licences_size, static_cast<int64_t>(fs::file_size(report.licences_file)));
  std::vector<std::string> licensed;
  for (const licences::LicenceModule& module : licences->modules) {
    licensed.push_back(module.path);
    EXPECT_TRUE(module.complete) << module.path;
    EXPECT_THAT(module.files, ::testing::Not(IsEmpty())) << module.path;
  }
  EXPECT_THAT(licensed, ElementsAre("github.com/BurntSushi/toml", "go", "zig/musl", "zig/compiler-rt"));
  // Whatever an executable links, its licences are there.
  for (const Dependency& dependency : report.dependencies) {
    EXPECT_NE(licences->Find(dependency.path, dependency.version), nullptr) << dependency.path;
  }
  EXPECT_GT(report.cpu_seconds, 0);
  EXPECT_GT(report.peak_memory_bytes, 1 << 20);
  for (const Executable& e : report.executables) {
    if (e.smoke == Smoke::kOk) {
      EXPECT_NE(e.help_text, "") << e.name;
      EXPECT_EQ(e.version_text, "") << "these know no --version";
    }
  }
  EXPECT_THAT(report.facts.module_zip_sha256, MatchesRegex("[0-9a-f]{64}"));
  const std::string sources = fs::path(report.source_file).parent_path() / "sources";
  ASSERT_TRUE(io::MakeFolders(sources).ok());
  EXPECT_EQ(digest::DigestFile(report.source_file)->sha256, report.facts.source_sha256);
  EXPECT_EQ(static_cast<int64_t>(fs::file_size(report.source_file)), report.facts.source_size);
  const absl::StatusOr<io::Extracted> extracted = io::ExtractArchive({}, report.source_file, sources);
  ASSERT_TRUE(extracted.ok()) << extracted.status();
  EXPECT_TRUE(fs::exists(sources + "/source/decode.go"));
  EXPECT_TRUE(fs::exists(sources + "/source/cmd/tomlv/main.go"));
  const std::string recipe = io::ReadFile(sources + "/gofarm/recipe.json", 1 << 20).value();
  EXPECT_THAT(recipe, HasSubstr(report.facts.module_h1));
  EXPECT_THAT(recipe, HasSubstr("\"PACKAGE@v1.6.0\""));
  for (const std::string& place : {work_, CacheFolder()}) {
    EXPECT_THAT(recipe, ::testing::Not(HasSubstr(place)));
  }
  std::vector<Phase> phases;
  for (const PhaseTime& p : report.phases) phases.push_back(p.phase);
  EXPECT_THAT(phases, ElementsAre(Phase::kSeed, Phase::kFetch, Phase::kBuild, Phase::kCheck));
  EXPECT_THAT(listener_.log, HasSubstr("build/install| $ /go/bin/go install"));
}

// What a rebuild rests on: all of std, musl and compiler-rt is compiled anew, by this build and for it alone.
TEST_F(LocalRunnerTest, WithColdCachesTheSameBytesAreMadeOfNothing) {
  AcceptedOffer offer = OrderOf("github.com/rakyll/hey", "v0.1.5");
  const BuildReport warm = Run(offer);
  ASSERT_EQ(Name(warm.outcome), "built") << warm.failure_detail << listener_.log;
  EXPECT_FALSE(warm.facts.cold_caches);
  offer.cold_caches = true;
  const BuildReport cold = Run(offer);
  ASSERT_EQ(Name(cold.outcome), "built") << cold.failure_detail << listener_.log;
  EXPECT_TRUE(cold.facts.cold_caches);
  EXPECT_FALSE(cold.facts.used_shared_cache);
  ASSERT_THAT(cold.executables, SizeIs(1));
  ASSERT_THAT(warm.executables, SizeIs(1));
  EXPECT_EQ(cold.executables[0].sha256, warm.executables[0].sha256);
  EXPECT_GT(cold.cpu_seconds, 3 * warm.cpu_seconds) << "std was not compiled anew";
}

TEST_F(LocalRunnerTest, TwoTargetsHaveTheSameSourceArchive) {
  std::vector<std::string> archives, zips;
  for (const Target target : {Target::kX86_64, Target::kAarch64}) {
    const BuildReport report = Run(OrderOf("github.com/rakyll/hey", "v0.1.5", target));
    ASSERT_EQ(Name(report.outcome), "built") << report.failure_detail << listener_.log;
    archives.push_back(report.facts.source_sha256);
    zips.push_back(report.facts.module_zip_sha256);
  }
  EXPECT_NE(archives[0], "");
  EXPECT_EQ(archives[0], archives[1]);
  EXPECT_EQ(zips[0], zips[1]);
  EXPECT_EQ(zips[0], "f5354b335ebda92ca7829cab90b6134daae4bf4e1d90ebc705fd3d7a529bcf0a");
}

TEST_F(LocalRunnerTest, TheReportsWorkspaceTakesTheFilesWithIt) {
  std::string file;
  {
    const BuildReport report = Run(OrderOf("github.com/rakyll/hey", "v0.1.5"));
    ASSERT_EQ(Name(report.outcome), "built") << report.failure_detail << listener_.log;
    ASSERT_THAT(report.executables, SizeIs(1));
    file = report.files.at(0);
    EXPECT_TRUE(fs::exists(file));
    EXPECT_FALSE(report.dependencies.empty());
    EXPECT_THAT(report.dependencies[0].h1, ::testing::StartsWith("h1:"));
  }
  EXPECT_FALSE(fs::exists(file));
  EXPECT_TRUE(fs::is_empty(attempts_));
}

TEST_F(LocalRunnerTest, EachProgramHasAnOutcomeOfItsOwn) {
  const BuildReport report = Run(Local({
      {"a/tool/main.go", kMain},
      {"b/tool/main.go", kMain},
      {"nomain/main.go", "package main\n"},
      {"bad/main.go", "package main\n\nfunc main() { undefined() }\n"},
      {"pcap/main.go", "package main\n\n// #include <pcap.h>\nimport \"C\"\n\nfunc main() {}\n"},
      {"constraint/main.go", "package main\n\nimport _ \"" + std::string("gofarm.test/runner") +
                                 std::to_string(getpid()) + "/win\"\n\nfunc main() {}\n"},
      {"win/w_windows.go", "package win\n"},
  }));
  ASSERT_EQ(Name(report.outcome), "partial") << report.failure_detail << listener_.log;
  ASSERT_THAT(report.executables, SizeIs(2));
  EXPECT_EQ(report.executables[0].name, "tool");
  EXPECT_EQ(report.executables[1].name, "tool");
  EXPECT_NE(report.executables[0].import_path, report.executables[1].import_path);
  std::vector<std::string> failures;
  for (const FailedProgram& p : report.failed_programs) failures.push_back(Cat(p.name, " ", Name(p.failure_class)));
  EXPECT_THAT(failures,
              ElementsAre("bad compile_error", "constraint target_unsupported", "pcap system_library_missing"));
  EXPECT_EQ(Name(report.failure_class), "compile_error");
  EXPECT_THAT(report.failure_detail, HasSubstr("undefined: undefined"));
  EXPECT_THAT(report.failed_programs[1].failure_detail, HasSubstr(" in /mod/gofarm.test/"));
  EXPECT_FALSE(report.facts.used_shared_cache);
}

TEST_F(LocalRunnerTest, LargeFileNamesAreRepairedAndTheGoodProgramIsNotBuiltTwice) {
  const BuildReport report = Run(Local({
      {"good/main.go", kMain},
      {"lfs/main.go",
       "package main\n\n// #include <sys/types.h>\n// off64_t f(void) { return 7; }\nimport \"C\"\n\nfunc main() { "
       "println(C.f()) }\n"},
  }));
  ASSERT_EQ(Name(report.outcome), "built") << report.failure_detail << listener_.log;
  ASSERT_THAT(report.variants, SizeIs(2));
  EXPECT_EQ(report.variants[0].variant, "install");
  EXPECT_EQ(report.variants[0].outcome, VariantOutcome::kPartial);
  EXPECT_EQ(report.variants[0].fingerprint, "large_file_names");
  EXPECT_EQ(report.variants[1].variant, "install+lfs64");
  EXPECT_EQ(report.variants[1].outcome, VariantOutcome::kBuilt);
  ASSERT_THAT(report.executables, SizeIs(2));
  EXPECT_EQ(report.executables[0].variant, "install");
  EXPECT_EQ(report.executables[1].variant, "install+lfs64");
}

TEST_F(LocalRunnerTest, CxxIsLinkedStaticallyToo) {
  const BuildReport report = Run(Local({
      {"main.go", "package main\n\n// int count(void);\nimport \"C\"\n\nfunc main() { println(C.count()) }\n"},
      {"count.cc",
       "#include <map>\n#include <string>\nextern \"C\" int count() {\n  std::map<std::string, int> m{{\"a\", 1}};\n"
       "  return static_cast<int>(m.size());\n}\n"},
  }));
  ASSERT_EQ(Name(report.outcome), "built") << report.failure_detail << listener_.log;
  EXPECT_FALSE(report.facts.used_shared_cache);
}

// An assembler file speaks here like a zig that crashed, which no test can bring about.
TEST_F(LocalRunnerTest, ABrokenToolchainIsTriedOnceMoreWithFreshCachesAndThenBlamed) {
  const BuildReport report = Run(Local({
      {"good/main.go", kMain},
      {"crash/main.go", "package main\n\nimport \"C\"\n\nfunc main() {}\n"},
      {"crash/x.S", ".print \"thread 77 panic: reached unreachable code\"\n.err\n"},
  }));
  EXPECT_EQ(Name(report.outcome), "failed");
  EXPECT_EQ(Name(report.failure_class), "toolchain_broken") << report.failure_detail << listener_.log;
  ASSERT_THAT(report.variants, SizeIs(2));
  EXPECT_EQ(report.variants[0].variant, "install");
  EXPECT_EQ(report.variants[1].variant, "install");
  EXPECT_EQ(report.variants[0].fingerprint, "toolchain_broken");
  EXPECT_THAT(report.executables, IsEmpty()) << "the attempt is tried again as a whole";
}

TEST_F(LocalRunnerTest, AReplacedFolderIsLeftOutAndTheFileSaysDevel) {
  AcceptedOffer offer = Local({{"main.go", kMain}});
  const std::string go_mod = "module " + offer.module + "\n\ngo 1.24\n\nreplace gofarm.test/other => ../other\n";
  offer = Local({{"main.go", kMain}, {"go.mod", go_mod}});
  const BuildReport report = Run(offer);
  ASSERT_EQ(Name(report.outcome), "built") << report.failure_detail << listener_.log;
  ASSERT_THAT(report.variants, SizeIs(1));
  EXPECT_EQ(report.variants[0].variant, "noreplace");
  EXPECT_THAT(report.variants[0].go_mod, ::testing::Not(HasSubstr("replace")));
  EXPECT_EQ(report.variants[0].working_directory, "/src");
  ASSERT_THAT(report.executables, SizeIs(1));
  EXPECT_EQ(report.executables[0].main_version, "(devel)");
}

// `go install MODULE@VERSION` takes the newest version that the module cache holds of what no go.mod names.
TEST_F(LocalRunnerTest, AnotherModulesFetchChangesNoVersionOfAModuleWithoutGoMod) {
  const std::string base =
      "gofarm.test/pin" + std::to_string(getpid()) + "x" + std::to_string(absl::ToUnixSeconds(absl::Now()));
  gofarm::testing::ProxyFolder proxy(work_ + "/proxy");
  proxy_ = {goproxy::Parse("file://" + work_ + "/proxy").value(), "off", "", ""};
  const std::string dep = base + "/dep";
  const std::string main = "package main\n\nimport \"" + dep + "\"\n\nfunc main() { println(dep.V) }\n";
  const auto add_dep = [&](const std::string& version) {
    proxy.Add(dep, version,
              {{"go.mod", "module " + dep + "\n"}, {"d.go", "package dep\n\nconst V = \"" + version + "\"\n"}});
  };
  add_dep("v1.0.0");
  proxy.Add(base + "/tool", "v1.2.3", {{"main.go", main}});
  proxy.Add(base + "/other", "v1.0.0",
            {{"go.mod", "module " + base + "/other\n\ngo 1.24\n\nrequire " + dep + " v1.1.0\n"}, {"main.go", main}});
  RunnerRig rig(work_, proxy_, {});
  const auto run = [&](const std::string& module, const std::string& version) {
    return rig.runner().Run(Scope::For(absl::Minutes(20)), OrderOf(module, version), listener_);
  };
  const BuildReport before = run(base + "/tool", "v1.2.3");
  ASSERT_EQ(Name(before.outcome), "built") << before.failure_detail << listener_.log;
  add_dep("v1.1.0");
  ASSERT_EQ(Name(run(base + "/other", "v1.0.0").outcome), "built") << listener_.log;
  const BuildReport after = run(base + "/tool", "v1.2.3");
  ASSERT_EQ(Name(after.outcome), "built") << after.failure_detail << listener_.log;

  ASSERT_THAT(after.executables, SizeIs(1));
  const Executable& tool = after.executables[0];
  EXPECT_EQ(tool.main_version, "v1.2.3");
  ASSERT_THAT(tool.dependencies, SizeIs(1));
  EXPECT_EQ(after.dependencies[0].version, "v1.0.0");
  EXPECT_THAT(after.dependencies[0].h1, ::testing::StartsWith("h1:"));
  EXPECT_EQ(tool.sha256, before.executables[0].sha256);
  EXPECT_EQ(after.variants[0].variant, "install");
  EXPECT_THAT(after.variants[0].go_mod, HasSubstr(dep + " v1.0.0"));
  EXPECT_EQ(after.variants[0].working_directory, "/src");
}

// An object that was compiled against glibc wants open64; musl has no such symbol.
TEST_F(LocalRunnerTest, APrebuiltObjectGetsTheNamesThatItWants) {
  const std::string source = work_ + "/probe.c", object = work_ + "/probe.o";
  std::ofstream(source)
      << "int open64(const char *, int, ...);\nint probe(void) { return open64(\"/dev/null\", 0) < 0; }\n";
  process::Command compile;
  compile.argv = {"gcc", "-O2", "-fPIC", "-c", source, "-o", object};
  compile.environment = process::InheritedEnvironment();
  const auto compiled = process::Run(Scope::For(absl::Minutes(1)), compile);
  ASSERT_TRUE(compiled.ok() && compiled->exit_code == 0) << compiled.status();
  const BuildReport report = Run(Local({
      {"main.go",
       "package main\n\n// int probe(void);\nimport \"C\"\n\nimport \"os\"\n\nfunc main() { os.Exit(int(C.probe())) "
       "}\n"},
      {"probe_linux_amd64.syso", io::ReadFile(object, 1 << 20).value()},
  }));
  ASSERT_EQ(Name(report.outcome), "built") << report.failure_detail << listener_.log;
  EXPECT_EQ(report.executables[0].variant, "install+lfs64+aliases-1");
  process::Command program;
  program.argv = {report.files[0]};
  EXPECT_EQ(process::Run(Scope::For(absl::Minutes(1)), program).value().exit_code, 0);
}

// What a program is made of must not depend on the machine that builds it.
TEST_F(LocalRunnerTest, NoProgramHasCodeForTheMachineThatBuiltIt) {
  const BuildReport report = Run(Local({
      {"main.go",
       "package main\n\n/*\n#cgo CFLAGS: -O3 -march=native -mtune=native\n#if defined(__AVX__) || defined(__SSE4_1__)\n"
       "static int wide(void) { return 1; }\n#else\nstatic int wide(void) { return 0; }\n#endif\n*/\nimport \"C\"\n\n"
       "import \"os\"\n\nfunc main() { os.Exit(int(C.wide())) }\n"},
  }));
  ASSERT_EQ(Name(report.outcome), "built") << report.failure_detail << listener_.log;
  EXPECT_EQ(report.executables[0].variant, "install+portable");
  EXPECT_THAT(report.variants[0].edits, ElementsAre(HasSubstr("-march=native")));
  process::Command program;
  program.argv = {report.files[0]};
  const auto ran = process::Run(Scope::For(absl::Minutes(1)), program);
  ASSERT_TRUE(ran.ok()) << ran.status();
  EXPECT_EQ(ran->exit_code, 0) << "the compiler was told of this machine's CPU";
}

// zig turns its undefined-behaviour sanitizer on where nothing is optimized, and has no runtime for it here.
TEST_F(LocalRunnerTest, AModuleThatAsksForNoOptimizationIsLinkedAllTheSame) {
  const BuildReport report = Run(Local({
      {"main.go",
       "package main\n\n// #cgo CFLAGS: -O0 -g\n// static int add(int a, int b) { return a + b; }\nimport \"C\"\n\n"
       "func main() { println(C.add(2147483647, 1)) }\n"},
  }));
  EXPECT_EQ(Name(report.outcome), "built") << report.failure_detail << listener_.log;
  EXPECT_THAT(report.variants, SizeIs(1));
}

TEST_F(LocalRunnerTest, RepairsFollowEachOther) {
  const AcceptedOffer first = Local({});
  const BuildReport report = Run(Local({
      {"go.mod", "module " + first.module + "\n\ngo 1.16\n"},
      {"empty.s", ""},
      {"main.go",
       "package main\n\nimport _ \"unsafe\"\n\n//go:linkname rawbyteslice runtime.rawbyteslice\nfunc rawbyteslice(size "
       "int) "
       "[]byte\n\nfunc main() {\n\tfor i := range 3 {\n\t\tprintln(max(i, len(rawbyteslice(1))))\n\t}\n}\n"},
  }));
  ASSERT_EQ(Name(report.outcome), "built") << report.failure_detail << listener_.log;
  EXPECT_EQ(report.executables[0].variant, "source+go-1.22+linkname");
  EXPECT_THAT(report.variants, SizeIs(3));
  EXPECT_THAT(listener_.log, HasSubstr("repair source+go-1.22 for go_line_too_low 1.22"));
}

TEST_F(LocalRunnerTest, AModuleUnderAnotherNameIsReportedByBoth) {
  const BuildReport report = Run(Local({
      {"go.mod", "module grypy\n\ngo 1.24\n"},
      {"cmd/tool/main.go", "package main\n\nimport \"grypy/util\"\n\nfunc main() { println(util.Name) }\n"},
      {"util/u.go", "package util\n\nconst Name = \"its own\"\n"},
  }));
  ASSERT_EQ(Name(report.outcome), "built") << report.failure_detail << listener_.log;
  EXPECT_EQ(report.facts.declared_path, "grypy");
  EXPECT_THAT(report.executables[0].import_path, HasSubstr("gofarm.test/runner"));
  EXPECT_THAT(report.executables[0].import_path, ::testing::EndsWith("/cmd/tool"));
  EXPECT_THAT(report.executables[0].build_info, HasSubstr("grypy/cmd/tool"));
}

// Another module's file lies in the same cache; no #include and no .incbin reaches it, zipped or not.
TEST_F(LocalRunnerTest, NoBuildReadsAnotherModulesFiles) {
  const AcceptedOffer secret = Local({{"main.go", kMain}, {"key", "the key of somebody else"}});
  ASSERT_EQ(Name(Run(secret).outcome), "built");
  const std::string folder = secret.module + "@" + secret.version;
  for (const std::string& path :
       {"/mod/" + folder + "/key", "/mod/cache/download/" + secret.module + "/@v/" + secret.version + ".zip"}) {
    const BuildReport report = Run(Local({
        {"main.go", "package main\n\n// __asm__(\".incbin \\\"" + path + "\\\"\");\nimport \"C\"\n\nfunc main() {}\n"},
    }));
    EXPECT_EQ(Name(report.outcome), "failed") << path;
    EXPECT_THAT(report.failure_detail, HasSubstr("incbin")) << path;
  }
}

// Whatever fails, nobody learns where this worker keeps its files.
TEST_F(LocalRunnerTest, NothingThatLeavesAWorkerNamesItsFolders) {
  const BuildReport report = Run(Local({
      {"c/main.go", "package main\n\n// int f(void) { return undefined; }\nimport \"C\"\n\nfunc main() { C.f() }\n"},
      {"two/main.go", kMain},
      {"two/other.go", "package other\n"},
      {"gone/main.go", "package main\n\nimport _ \"gofarm.test/nowhere\"\n\nfunc main() {}\n"},
      {"embed/main.go",
       "package main\n\nimport _ \"embed\"\n\n//go:embed gone.txt\nvar s string\n\nfunc main() { _ = s }\n"},
      {"clause/main.go", "pakage main\n"},
  }));
  EXPECT_EQ(Name(report.outcome), "failed");
  EXPECT_THAT(report.notes, ElementsAre(HasSubstr("/clause: main.go:1:1: expected 'package'")));
  std::string all = report.failure_detail + listener_.log;
  for (const FailedProgram& program : report.failed_programs) all += program.failure_detail;
  for (const std::string& note : report.notes) all += note;
  for (const std::string& folder : {work_, CacheFolder(), std::string(std::getenv("HOME")) + "/"}) {
    EXPECT_EQ(all.find(folder), std::string::npos) << all.substr(all.find(folder), 300);
  }
}

TEST_F(LocalRunnerTest, ALibraryIsNothingToBuild) {
  const BuildReport report = Run(Local({{"lib.go", "package lib\n"}, {"tests/t.go", "package main\n"}}));
  EXPECT_EQ(Name(report.outcome), "nothing_to_build") << report.failure_detail << listener_.log;
  EXPECT_THAT(report.variants, IsEmpty());
}

TEST_F(LocalRunnerTest, AnUnknownVersionIsSourceUnavailable) {
  AcceptedOffer offer = Local({{"main.go", kMain}});
  offer.version = "v9.9.9";
  const BuildReport report = Run(offer);
  EXPECT_EQ(Name(report.outcome), "failed");
  EXPECT_EQ(Name(report.failure_class), "source_unavailable") << report.failure_detail;
}

TEST_F(LocalRunnerTest, LimitsEndABuildByTheirNames) {
  const AcceptedOffer offer = Local({{"main.go", kMain}});
  AcceptedOffer limited = offer;
  limited.limits.memory_bytes = 8 << 20;
  EXPECT_EQ(Name(Run(limited).failure_class), "out_of_memory");
  limited = offer;
  limited.limits.wall = absl::Milliseconds(1);
  EXPECT_EQ(Name(Run(limited).failure_class), "timeout");
  limited = offer;
  limited.limits.output_bytes = 1 << 10;
  const BuildReport too_large = Run(limited);
  EXPECT_EQ(Name(too_large.failure_class), "output_limit") << too_large.failure_detail << listener_.log;
  LocalRunnerOptions full;
  full.disk_free_min = int64_t{1} << 60;
  EXPECT_EQ(Name(Run(offer, full).failure_class), "disk_full");
  EXPECT_EQ(Name(Run(offer, {}, Scope::For(absl::ZeroDuration())).failure_class), "timeout");
  // Control: without these limits the same module is built.
  EXPECT_EQ(Name(Run(offer).outcome), "built");
}

TEST_F(LocalRunnerTest, MuchMoreOutputThanTheLogTakesEndsTheBuild) {
  std::string text = "package main\n\nfunc main() {\n";
  for (int i = 0; i < 8; ++i) text += "\tundefined" + std::to_string(i) + "()\n";
  AcceptedOffer offer = Local({{"main.go", text + "}\n"}});
  offer.limits.log_bytes = 1;
  const BuildReport report = Run(offer);
  EXPECT_EQ(Name(report.failure_class), "output_limit") << report.failure_detail;
  offer.limits.log_bytes = 1 << 20;
  EXPECT_EQ(Name(Run(offer).failure_class), "compile_error");
}

TEST_F(LocalRunnerTest, AStopEndsItWithinFiveSecondsAndLeavesNothing) {
  // Enough to compile for some seconds.
  std::map<std::string, std::string> files;
  std::string imports;
  for (int i = 0; i < 60; ++i) {
    const std::string name = "p" + std::to_string(i);
    std::string text = "package " + name + "\n\nfunc F(x int) int {\n";
    for (int k = 0; k < 3000; ++k) text += "\tx = x*" + std::to_string(k + 3) + " + x%" + std::to_string(k + 7) + "\n";
    files[name + "/p.go"] = text + "\treturn x\n}\n";
    imports += "import _ \"gofarm.test/runner" + std::to_string(getpid()) + "/" + name + "\"\n";
  }
  files["main.go"] = "package main\n\n" + imports + "\nfunc main() {}\n";
  const AcceptedOffer offer = Local(files);
  std::stop_source stop;
  absl::Time stopped = absl::InfinitePast();
  listener_.on_progress = [&](const Progress& p) {
    if (p.phase == Phase::kBuild && p.detail.find("compiled") != std::string::npos && !stop.stop_requested()) {
      stopped = absl::Now();
      stop.request_stop();
    }
  };
  const BuildReport report = Run(offer, {}, Scope::For(absl::Minutes(20), stop.get_token()));
  ASSERT_TRUE(stop.stop_requested()) << "the build was over too soon: " << listener_.log;
  EXPECT_LT(absl::Now() - stopped, absl::Seconds(5));
  EXPECT_EQ(Name(report.outcome), "cancelled") << report.failure_detail;
  EXPECT_EQ(report.failure_class, FailureClass::kNone);
  EXPECT_THAT(report.executables, IsEmpty());
}

TEST_F(LocalRunnerTest, EveryLogLineIsTagged) {
  Run(Local({{"main.go", "package main\n\nfunc main() { undefined() }\n"}}));
  EXPECT_THAT(listener_.log, HasSubstr("build/install| "));
  EXPECT_THAT(listener_.log, HasSubstr("undefined: undefined"));
  std::string_view rest = listener_.log;
  while (!rest.empty()) {
    const std::string line(rest.substr(0, rest.find('\n')));
    EXPECT_THAT(line, MatchesRegex("(prepare|seed|fetch|check|smoke|build/[a-z0-9+]+)[|] .*"));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
}

}  // namespace
}  // namespace gofarm::build

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "sandbox-init") return gofarm::exec::SandboxInitMain();
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
