// Smoke runs of real programs, built by the runner in the real sandbox: what fails a program, what does not, what the
// repair of a dependency does about it, and what a hostile program can do. One attempt builds most of them, since each
// costs a link.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/process/run.h"
#include "common/vocab/report_check.h"
#include "tests/support/proxy_folder.h"
#include "tests/unit/worker_build/runner_fixture.h"

namespace gofarm::build {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

Target HostTarget() { return ParseTarget(fetch::ToolchainStore::HostArch()).value_or(Target::kX86_64); }

class SmokeRunTest : public RunnerTest {
 protected:
  AcceptedOffer Native(const std::map<std::string, std::string>& files) {
    AcceptedOffer offer = Local(files);
    offer.target = HostTarget();
    return offer;
  }
};

std::map<std::string, std::string> SmokesOf(const BuildReport& report) {
  std::map<std::string, std::string> smokes;
  for (const Executable& e : report.executables) {
    smokes[e.name] = Cat(Name(e.smoke), e.smoke_detail.empty() ? "" : ": ", e.smoke_detail);
  }
  return smokes;
}

std::map<std::string, std::string> FailuresOf(const BuildReport& report) {
  std::map<std::string, std::string> failures;
  for (const FailedProgram& p : report.failed_programs) {
    failures[p.name] = Cat(Name(p.failure_class), ": ", p.failure_detail);
  }
  return failures;
}

std::string Program(std::string_view body, std::string_view imports = "") {
  return Cat("package main\n\n", imports, "\n", body);
}

TEST_F(SmokeRunTest, OnlyWhatCrashesAtStartFails) {
  const BuildReport report = Run(Native({
      {"fine/main.go", Program("func main() { println(\"usage\") }\n")},
      {"exits/main.go", Program("func main() { println(\"panic: no\"); os.Exit(2) }\n", "import \"os\"\n")},
      {"inmain/main.go", Program("func main() { panic(\"no configuration\") }\n")},
      {"ininit/main.go", Program("func init() { panic(\"at once\") }\n\nfunc main() {}\n")},
      {"variable/main.go", Program("var x = f()\n\nfunc f() int { var m map[string]int; m[\"a\"] = 1; return 1 }\n\n"
                                   "func main() { println(x) }\n")},
      {"wantsfile/main.go",
       Program("func init() {\n\tif _, err := os.ReadFile(\"config.yaml\"); err != nil {\n\t\tpanic(err)\n\t}\n}\n\n"
               "func main() {}\n",
               "import \"os\"\n")},
      {"zones/main.go",
       Program("var at, err = time.LoadLocation(\"Asia/Shanghai\")\n\nfunc init() {\n\tif err != nil {\n"
               "\t\tpanic(\"no zone\")\n\t}\n}\n\nfunc main() { println(at.String()) }\n",
               "import \"time\"\n")},
      {"version/main.go",
       Program("func main() {\n\tif os.Args[1] == \"--version\" {\n\t\tsyscall.Kill(os.Getpid(), syscall.SIGSEGV)\n"
               "\t\tselect {}\n\t}\n}\n",
               "import (\n\t\"os\"\n\t\"syscall\"\n)\n")},
  }));
  ASSERT_EQ(Name(report.outcome), "partial") << report.failure_detail << listener_.log;
  EXPECT_EQ(report.failure_class, FailureClass::kCrashesAtStart);
  const std::map<std::string, std::string> smokes = SmokesOf(report);
  EXPECT_EQ(smokes.at("fine"), "ok");
  EXPECT_EQ(smokes.at("exits"), "ok");
  EXPECT_EQ(smokes.at("inmain"), "ok: panic: no configuration");
  EXPECT_THAT(smokes.at("wantsfile"), StartsWith("ok: panic: open config.yaml: no such file"));
  EXPECT_EQ(smokes.at("zones"), "ok");
  const std::map<std::string, std::string> failures = FailuresOf(report);
  ASSERT_THAT(failures, SizeIs(3)) << listener_.log;
  EXPECT_THAT(failures.at("version"), StartsWith("crashes_at_start: started with --version: SIGSEGV: "));
  EXPECT_THAT(failures.at("ininit"), StartsWith("crashes_at_start: started with --help: panic: at once"));
  EXPECT_THAT(failures.at("ininit"), HasSubstr("main.init.0()"));
  EXPECT_THAT(failures.at("variable"), HasSubstr("assignment to entry in nil map"));
  ASSERT_THAT(report.variants, SizeIs(1)) << "nobody raises the program's own packages";
  EXPECT_EQ(report.variants[0].outcome, VariantOutcome::kPartial);
  EXPECT_EQ(report.variants[0].fingerprint, "crashes_at_start");
  EXPECT_EQ(report.files.size(), report.executables.size());
  std::vector<Phase> phases;
  for (const PhaseTime& p : report.phases) phases.push_back(p.phase);
  EXPECT_THAT(phases, ElementsAre(Phase::kSeed, Phase::kFetch, Phase::kBuild, Phase::kCheck));
}

TEST_F(SmokeRunTest, WhatProgramsAnswerIsKeptAsText) {
  const std::string os = "import (\n\t\"fmt\"\n\t\"os\"\n)\n";
  const BuildReport report = Run(Native({
      {"tells/main.go",
       Program(
           "func main() {\n\tswitch os.Args[1] {\n\tcase \"--version\":\n"
           "\t\tfmt.Print(\"\\x1b[1mtells 1.2.3\\x1b[0m\\r\\ncommit \\xff\\n\")\n"
           "\tcase \"--help\":\n\t\tfmt.Fprintf(os.Stderr, \"Usage: %s FILE\\n\\n  -v\\tsay more\\n\\n\", os.Args[0])\n"
           "\t\tos.Exit(2)\n\t}\n}\n",
           os)},
      {"flags/main.go",
       Program("func main() { flag.Bool(\"v\", false, \"say more\"); flag.Parse() }\n", "import \"flag\"\n")},
      {"deaf/main.go", Program("func main() { println(\"deaf 1.0\") }\n")},
      {"mute/main.go", Program("func main() {}\n")},
      {"waits/main.go", Program("func main() {\n\tfmt.Println(\"1.0\")\n\ttime.Sleep(time.Hour)\n}\n",
                                "import (\n\t\"fmt\"\n\t\"time\"\n)\n")},
      {"panics/main.go", Program("func main() { panic(\"1.0\") }\n")},
      {"floods/main.go", Program("func main() { fmt.Print(strings.Repeat(\"x\", 100_000), os.Args[1]) }\n",
                                 "import (\n\t\"fmt\"\n\t\"os\"\n\t\"strings\"\n)\n")},
  }));
  ASSERT_EQ(Name(report.outcome), "built") << report.failure_detail << listener_.log;
  std::map<std::string, std::string> versions, helps;
  for (const Executable& e : report.executables) {
    versions[e.name] = e.version_text;
    helps[e.name] = e.help_text;
  }
  EXPECT_EQ(versions.at("tells"), "tells 1.2.3\ncommit \xef\xbf\xbd");
  EXPECT_EQ(helps.at("tells"), "Usage: tells FILE\n\n  -v\tsay more");
  EXPECT_EQ(versions.at("flags"), "") << "an error is no answer";
  EXPECT_THAT(helps.at("flags"), StartsWith("Usage of flags:\n  -v"));
  EXPECT_EQ(versions.at("deaf"), "") << "it says the same to everything";
  EXPECT_EQ(helps.at("deaf"), "deaf 1.0");
  for (const char* silent : {"mute", "waits", "panics"}) {
    EXPECT_EQ(versions.at(silent), "") << silent;
    EXPECT_EQ(helps.at(silent), "") << silent;
  }
  EXPECT_EQ(helps.at("floods").size(), kProgramTextBytesMax);
  EXPECT_EQ(versions.at("floods"), "") << "what differs was cut";
  EXPECT_EQ(SmokesOf(report).at("floods"), "ok");
}

TEST_F(SmokeRunTest, ASignalInAConstructorOfCIsACrashAndNothingWasBuilt) {
  const BuildReport report = Run(Native({
      {"main.go", Program("func main() {}\n",
                          "/*\n__attribute__((constructor)) static void start(void) { *(volatile int *)0 = 1; }\n*/\n"
                          "import \"C\"\n")},
  }));
  EXPECT_EQ(Name(report.outcome), "failed") << listener_.log;
  EXPECT_EQ(Name(report.failure_class), "crashes_at_start");
  EXPECT_THAT(report.failure_detail, HasSubstr("died of signal 11 (SIGSEGV)"));
  EXPECT_THAT(report.executables, IsEmpty());
  EXPECT_THAT(report.files, IsEmpty());
}

// Whatever a program does, its run is over in time, and the host and the file are as before.
TEST_F(SmokeRunTest, AHostileProgramMeetsTheSandbox) {
  const absl::Time started = absl::Now();
  const std::string probe =
      "func init() {\n"
      "\tif _, err := os.ReadDir(\"/usr\"); err == nil {\n\t\tpanic(\"the host is open\")\n\t}\n"
      "\ttries := map[string]error{}\n"
      "\t_, tries[\"modules\"] = os.ReadDir(\"/mod\")\n"
      "\t_, tries[\"toolchain\"] = os.ReadDir(\"/go\")\n"
      "\t_, tries[\"network\"] = net.DialTimeout(\"tcp\", \"127.0.0.1:" +
      std::string("22\", time.Second)\n") +
      "\t_, tries[\"itself\"] = os.OpenFile(os.Args[0], os.O_WRONLY, 0)\n"
      "\ttries[\"removes itself\"] = os.Remove(os.Args[0])\n"
      "\ttries[\"root\"] = os.WriteFile(\"/x\", nil, 0644)\n"
      "\ttries[\"out\"] = os.WriteFile(\"/out/x\", nil, 0644)\n"
      "\tfor what, err := range tries {\n\t\tif err == nil {\n\t\t\tpanic(what + \" is open\")\n\t\t}\n\t}\n"
      "\tif err := os.WriteFile(\"/tmp/x\", []byte(\"x\"), 0644); err != nil {\n\t\tpanic(\"no room\")\n\t}\n"
      "\trandom, err := os.Open(\"/dev/urandom\")\n\tif err != nil {\n\t\tpanic(err)\n\t}\n"
      "\tif n, _ := random.Read(make([]byte, 8)); n != 8 {\n\t\tpanic(\"no random numbers\")\n\t}\n"
      "\tif len(os.Environ()) > 10 {\n\t\tpanic(\"secrets\")\n\t}\n"
      "\tif os.Args[1] == \"--version\" {\n\t\tif _, err := os.Stat(\"/tmp/x\"); err != nil {\n"
      "\t\t\tpanic(\"another folder\")\n\t\t}\n\t}\n}\n\nfunc main() {}\n";
  const BuildReport report = Run(Native({
      {"probe/main.go", Program(probe, "import (\n\t\"net\"\n\t\"os\"\n\t\"time\"\n)\n")},
      {"sleeps/main.go", Program("func main() { time.Sleep(time.Hour) }\n", "import \"time\"\n")},
      {"prints/main.go", Program("func main() { for { os.Stdout.WriteString(\"panic: not really\\n\\x1b[31m\") } }\n",
                                 "import \"os\"\n")},
      {"forks/main.go",
       Program(
           "func main() {\n\tif os.Args[1] == \"child\" {\n\t\ttime.Sleep(time.Hour)\n\t}\n\tfor i := 0; i < 5; i++ "
           "{\n\t\tcmd := exec.Command(os.Args[0], \"child\")\n\t\tcmd.SysProcAttr = &syscall.SysProcAttr{Setsid: "
           "true}\n\t\tcmd.Stdout = os.Stdout\n\t\tif err := cmd.Start(); err != nil {\n\t\t\tpanic(err)\n\t\t}\n"
           "\t}\n}\n",
           "import (\n\t\"os\"\n\t\"os/exec\"\n\t\"syscall\"\n\t\"time\"\n)\n")},
      {"fills/main.go",
       Program(
           "func main() {\n\tfor i := 0; ; i++ {\n\t\tif os.WriteFile(fmt.Sprint(\"/tmp/\", i), make([]byte, 1<<20), "
           "0644) != nil {\n\t\t\treturn\n\t\t}\n\t}\n}\n",
           "import (\n\t\"fmt\"\n\t\"os\"\n)\n")},
  }));
  ASSERT_EQ(Name(report.outcome), "built") << report.failure_detail << listener_.log;
  const std::map<std::string, std::string> smokes = SmokesOf(report);
  EXPECT_EQ(smokes.at("probe"), "ok");
  EXPECT_EQ(smokes.at("sleeps"), "ok: time");
  EXPECT_EQ(smokes.at("prints"), "ok: output");
  EXPECT_EQ(smokes.at("forks"), "ok") << "what it leaves behind ends with it";
  EXPECT_THAT(smokes.at("fills"), ::testing::AnyOf("ok: files", "ok: time"));
  for (size_t i = 0; i < report.files.size(); ++i) {
    EXPECT_EQ(digest::DigestFile(report.files[i])->sha256, report.executables[i].sha256) << report.files[i];
  }
  // Control: outside of the sandbox the same program gets through.
  const auto probe_file = std::find_if(report.files.begin(), report.files.end(),
                                       [](const std::string& file) { return file.ends_with("/probe"); });
  ASSERT_NE(probe_file, report.files.end());
  process::Command bare;
  bare.argv = {*probe_file, "--help"};
  bare.stderr_max = 4096;
  const absl::StatusOr<process::CommandResult> ran = process::Run(Scope::For(absl::Minutes(1)), bare);
  ASSERT_TRUE(ran.ok()) << ran.status();
  EXPECT_EQ(ran->exit_code, 2);
  EXPECT_LT(absl::Now() - started, absl::Minutes(5));
  EXPECT_THAT(listener_.log, Not(HasSubstr("\x1b")));
}

// A dependency like go4.org/unsafe/assume-no-moving-gc: its old release panics with a Go that it does not know, its
// newest does not.
TEST_F(SmokeRunTest, ADependencyThatCrashesIsRaisedForTheProgramsThatItCrashes) {
  const std::string base = Cat("gofarm.test/smoke", getpid(), "x", absl::ToUnixSeconds(absl::Now()));
  gofarm::testing::ProxyFolder proxy(work_ + "/proxy");
  proxy_ = {goproxy::Parse("file://" + work_ + "/proxy").value(), "off", "", ""};
  const auto dependency = [&](const std::string& name, const std::string& version, const std::string& init) {
    proxy.Add(Cat(base, "/", name), version,
              {{"go.mod", Cat("module ", base, "/", name, "\n\ngo 1.20\n")},
               {"untested.go", Cat("package dep\n\nfunc init() {", init, "}\n")}});
  };
  const std::string panics = " panic(\"Something in this program hasn't been updated for this Go\") ";
  dependency("no-moving.gc", "v0.1.0", panics);
  dependency("no-moving.gc", "v0.2.0", "");
  dependency("hopeless", "v0.1.0", panics);
  const std::string go_mod = Cat("module ", base, "/tool\n\ngo 1.24\n\nrequire (\n\t", base, "/no-moving.gc v0.1.0\n\t",
                                 base, "/hopeless v0.1.0\n)\n");
  const auto using_it = [&](const std::string& name) {
    return Program("func main() {}\n", Cat("import _ \"", base, "/", name, "\"\n"));
  };
  proxy.Add(base + "/tool", "v1.0.0",
            {{"go.mod", go_mod},
             {"cmd/plain/main.go", Program("func main() {}\n")},
             {"cmd/mended/main.go", using_it("no-moving.gc")}});
  RunnerRig rig(work_, proxy_, {});
  BuildReport report =
      rig.runner().Run(Scope::For(absl::Minutes(20)), OrderOf(base + "/tool", "v1.0.0", HostTarget()), listener_);
  ASSERT_EQ(Name(report.outcome), "built") << report.failure_detail << listener_.log;
  ASSERT_THAT(report.variants, SizeIs(2));
  EXPECT_EQ(report.variants[0].variant, "install");
  EXPECT_EQ(report.variants[0].outcome, VariantOutcome::kPartial);
  EXPECT_EQ(report.variants[0].fingerprint, "crashes_at_start");
  EXPECT_EQ(report.variants[1].variant, "install+raised");
  EXPECT_EQ(report.variants[1].outcome, VariantOutcome::kBuilt);
  ASSERT_THAT(report.executables, SizeIs(2));
  EXPECT_EQ(report.executables[0].variant, "install+raised") << "cmd/mended";
  EXPECT_EQ(report.executables[1].variant, "install") << "what ran stays as it was built";
  for (const Executable& e : report.executables) EXPECT_EQ(e.smoke, Smoke::kOk) << e.name;
  ASSERT_THAT(report.executables[0].dependencies, SizeIs(1));
  EXPECT_EQ(report.dependencies.at(report.executables[0].dependencies[0]).version, "v0.2.0");
  EXPECT_THAT(listener_.log, HasSubstr(Cat("repair install+raised for crashes_at_start ", base, "/no-moving.gc")));

  // Without a newer release the program fails, and its first crash tells why.
  proxy.Add(base + "/tool", "v1.1.0", {{"go.mod", go_mod}, {"main.go", using_it("hopeless")}});
  report = rig.runner().Run(Scope::For(absl::Minutes(20)), OrderOf(base + "/tool", "v1.1.0", HostTarget()), listener_);
  EXPECT_EQ(Name(report.outcome), "failed") << listener_.log;
  EXPECT_EQ(Name(report.failure_class), "crashes_at_start");
  EXPECT_THAT(report.failure_detail, HasSubstr("hasn't been updated for this Go"));
  EXPECT_THAT(report.variants, SizeIs(1));
}

TEST_F(SmokeRunTest, TheRealAssumeNoMovingGcIsRaised) {
  const std::string module = Cat("gofarm.test/smoke", getpid(), "y", absl::ToUnixSeconds(absl::Now()));
  gofarm::testing::ProxyFolder(work_ + "/proxy")
      .Add(module, "v1.0.0",
           {{"go.mod", Cat("module ", module,
                           "\n\ngo 1.20\n\nrequire go4.org/unsafe/assume-no-moving-gc "
                           "v0.0.0-20230221090011-e4bae7ad2296\n")},
            {"main.go", Program("func main() {}\n", "import _ \"go4.org/unsafe/assume-no-moving-gc\"\n")}});
  const fetch::ProxyEnvironment real = ProxyOfThisMachine();
  proxy_ = {goproxy::Parse(Cat("file://", work_, "/proxy,", goproxy::ToText(real.goproxy))).value(), real.gosumdb,
            Cat("gofarm.test", real.gonosumdb.empty() ? "" : ",", real.gonosumdb), real.goprivate};
  const BuildReport report = Run(OrderOf(module, "v1.0.0", HostTarget()));
  ASSERT_EQ(Name(report.outcome), "built") << report.failure_detail << listener_.log;
  EXPECT_EQ(report.executables[0].variant, "install+raised");
  EXPECT_EQ(report.executables[0].smoke, Smoke::kOk);
  EXPECT_THAT(listener_.log,
              HasSubstr("repair install+raised for crashes_at_start go4.org/unsafe/assume-no-moving-gc"));
}

TEST_F(SmokeRunTest, WhatComesWhenTheAttemptsTimeIsOverIsNotRun) {
  const std::string sleeps = Program("func main() { time.Sleep(time.Hour) }\n", "import \"time\"\n");
  LocalRunnerOptions options;
  options.smoke_attempt_max = absl::Seconds(1);
  const BuildReport report = Run(Native({{"a/main.go", sleeps}, {"b/main.go", sleeps}}), options);
  ASSERT_EQ(Name(report.outcome), "built") << report.failure_detail << listener_.log;
  EXPECT_EQ(SmokesOf(report).at("a"), "ok: time");
  EXPECT_EQ(SmokesOf(report).at("b"), "not_run: time");
}

TEST_F(SmokeRunTest, SwitchedOffNothingIsRun) {
  LocalRunnerOptions off;
  off.smoke = SmokeMode::kOff;
  const BuildReport report = Run(Native({{"main.go", Program("func init() { panic(1) }\n\nfunc main() {}\n")}}), off);
  ASSERT_EQ(Name(report.outcome), "built") << report.failure_detail << listener_.log;
  EXPECT_EQ(Name(report.executables[0].smoke), "not_run");
  EXPECT_EQ(report.executables[0].smoke_detail, "disabled");
}

TEST_F(SmokeRunTest, AnEmulatorsCrashFailsNobody) {
  const Target other = HostTarget() == Target::kAarch64 ? Target::kX86_64 : Target::kAarch64;
  AcceptedOffer offer = Local({{"crash/main.go", Program("func init() { panic(1) }\n\nfunc main() {}\n")},
                               {"fine/main.go", Program("func main() {}\n")}});
  offer.target = other;
  LocalRunnerOptions native;
  native.smoke = SmokeMode::kNative;
  BuildReport report = Run(offer, native);
  ASSERT_EQ(Name(report.outcome), "built") << report.failure_detail << listener_.log;
  EXPECT_EQ(SmokesOf(report).at("crash"), "not_run: no runner for this target");
  report = Run(offer);
  ASSERT_EQ(Name(report.outcome), "built") << report.failure_detail << listener_.log;
  // deploy/setup/packages-debian.txt brings a static emulator.
  EXPECT_EQ(SmokesOf(report).at("fine"), "ok: emulator") << listener_.log;
  EXPECT_EQ(SmokesOf(report).at("crash"), "crashed: emulator");
}

}  // namespace
}  // namespace gofarm::build

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "sandbox-init") return gofarm::exec::SandboxInitMain();
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
