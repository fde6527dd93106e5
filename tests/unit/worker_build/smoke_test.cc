// What the end of a smoke run means, by what Go 1.26 prints, and what its sandbox holds.
#include "worker/build/smoke.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/base/text.h"
#include "worker/build/smoke_runner.h"

namespace gofarm::build {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

SmokeVerdict AfterExit(int code, std::string_view output) {
  return JudgeSmoke({.result = {.ended_by = exec::EndedBy::kExit, .exit_code = code}, .output = output});
}
SmokeVerdict AfterSignal(int signal, std::string_view output = "") {
  return JudgeSmoke({.result = {.ended_by = exec::EndedBy::kSignal, .signal = signal}, .output = output});
}

const std::string kHeader = "goroutine 1 gp=0xc0000021c0 m=0 mp=0x586f80 [running, locked to thread]:\n";
const std::string kInitFrames =
    "runtime.doInit1(0x57b5c0)\n\truntime/proc.go:8103 +0xd5 fp=0xc00019cf48 sp=0xc00019ce28 pc=0x4589d5\n"
    "runtime.doInit(...)\n\truntime/proc.go:8070\n"
    "runtime.main()\n\truntime/proc.go:258 +0x270 fp=0xc00019cfe0 sp=0xc00019cf48 pc=0x449210\n"
    "runtime.goexit({})\n\truntime/asm_amd64.s:1771 +0x1\n\n"
    "goroutine 2 gp=0xc000002780 m=nil [force gc (idle)]:\nruntime.gopark(0x0?)\nmain.main()\n";
const std::string kMainFrames =
    "main.main()\n\texample.com/x/m.go:2 +0x28 fp=0xc000194748 sp=0xc000194718 pc=0x47a768\n"
    "runtime.main()\n\truntime/proc.go:290 +0x2d5 fp=0xc0001947e0 sp=0xc000194748 pc=0x443ef5\n";

bool Answers(std::string_view flag, const SmokeEnd& end) { return IsAnswer(flag, end, JudgeSmoke(end)); }

TEST(SmokeAnswerTest, OnlyARunThatEndedByItselfAnswers) {
  const auto exit = [](int code) { return exec::SandboxResult{.ended_by = exec::EndedBy::kExit, .exit_code = code}; };
  EXPECT_TRUE(Answers(kSmokeHelp, {.result = exit(0), .output = "Usage"}));
  EXPECT_TRUE(Answers(kSmokeHelp, {.result = exit(2), .output = "Usage"}));
  EXPECT_TRUE(Answers(kSmokeVersion, {.result = exit(0), .output = "1.0"}));
  EXPECT_FALSE(Answers(kSmokeVersion, {.result = exit(2), .output = "flag provided but not defined: -version"}));
  EXPECT_FALSE(Answers(kSmokeHelp, {.result = exit(1), .output = "bwrap: execvp /out/x: Exec format error"}));
  for (const exec::EndedBy by : {exec::EndedBy::kWall, exec::EndedBy::kSilence, exec::EndedBy::kMemory,
                                 exec::EndedBy::kOutput, exec::EndedBy::kStopped, exec::EndedBy::kDisk}) {
    EXPECT_FALSE(Answers(kSmokeHelp, {.result = {.ended_by = by}, .output = "1.0"}));
    EXPECT_FALSE(Answers(kSmokeVersion, {.result = {.ended_by = by}, .output = "1.0"}));
  }
  EXPECT_FALSE(Answers(kSmokeHelp, {.result = {.ended_by = exec::EndedBy::kSignal, .signal = SIGTERM}, .output = "1"}));
  EXPECT_FALSE(
      Answers(kSmokeHelp, {.result = {.ended_by = exec::EndedBy::kStopped}, .printed_too_much = true, .output = "1"}));
}

// As go4.org/unsafe/assume-no-moving-gc of early 2023 does with a Go that it does not know.
const std::string kNoMovingGc =
    "panic: Something in this program imports go4.org/unsafe/assume-no-moving-gc to declare that it assumes a "
    "non-moving garbage collector, but your version of go4.org/unsafe/assume-no-moving-gc hasn't been updated to "
    "assert that it's safe against the go1.26 runtime. If you want to risk it, run with environment variable "
    "ASSUME_NO_MOVING_GC_UNSAFE_RISK_IT_WITH=go1.26 set. Notably, if go1.26 adds a moving garbage collector, this "
    "program is unsafe to use.\n\n" +
    kHeader +
    "panic({0x4af3c0?, 0xc000012340?})\n\truntime/panic.go:879 +0x16f fp=0xc00019cdb8 sp=0xc00019cd08 pc=0x47916f\n"
    "go4.org/unsafe/assume-no-moving-gc.init.0()\n"
    "\tgo4.org/unsafe/assume-no-moving-gc@v0.0.0-20230221090011-e4bae7ad2296/untested.go:25 +0x1f4 fp=0x1 sp=0x2\n" +
    kInitFrames;

TEST(SmokeVerdictTest, APanicInAnInitFunctionIsACrashAndNamesThePackage) {
  const SmokeVerdict verdict = AfterExit(2, kNoMovingGc);
  EXPECT_TRUE(verdict.crashed);
  EXPECT_EQ(verdict.package, "go4.org/unsafe/assume-no-moving-gc");
  EXPECT_THAT(verdict.detail, ::testing::StartsWith("panic: Something in this program imports go4.org/"));
  EXPECT_THAT(verdict.lines, HasSubstr("\ngo4.org/unsafe/assume-no-moving-gc.init.0()\n"));
  EXPECT_THAT(verdict.lines, Not(HasSubstr("fp=0x"))) << "addresses differ from run to run";
}

// The package that is initialised is to blame, not what it calls: that got arguments it could not take.
TEST(SmokeVerdictTest, TheInitialisedPackageIsTheOneAtTheFootOfTheStack) {
  const SmokeVerdict verdict = AfterExit(
      2,
      "panic: regexp: Compile(`(`): error parsing regexp\n\n" + kHeader +
          "panic({0x1, 0x2})\n\truntime/panic.go:1\nregexp.MustCompile({0x1, 0x2})\n\tregexp/regexp.go:313\n"
          "example.com/helper.(*T).Do(0x1, {0x2, 0x3})\n\texample.com/helper/h.go:4\n"
          "gopkg.in/yaml%2ev2.map.init.0()\n\tgopkg.in/yaml.v2/y.go:5\ngopkg.in/yaml%2ev2.init()\n\t<autogenerated>\n" +
          kInitFrames);
  EXPECT_TRUE(verdict.crashed);
  EXPECT_EQ(verdict.package, "gopkg.in/yaml.v2");
}

TEST(SmokeVerdictTest, TheProgramsOwnPackageIsMain) {
  const SmokeVerdict verdict = AfterExit(
      2,
      "panic: runtime error: invalid memory address or nil pointer dereference\n"
      "[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x47a742]\n\n" +
          kHeader + "panic({0x1, 0x2})\nruntime.panicmem(...)\nruntime.sigpanic()\nmain.init.0()\n" + kInitFrames);
  EXPECT_TRUE(verdict.crashed);
  EXPECT_EQ(verdict.package, "main");
}

TEST(SmokeVerdictTest, ThePanicOfAMainFunctionIsNone) {
  const SmokeVerdict verdict =
      AfterExit(2, "panic: no configuration\n\n" + kHeader + "panic({0x1, 0x2})\n" + kMainFrames);
  EXPECT_FALSE(verdict.crashed);
  EXPECT_TRUE(verdict.ran);
  EXPECT_EQ(verdict.detail, "panic: no configuration");
}

// An init function that looks for a file, the network or a device finds none here, and would elsewhere.
TEST(SmokeVerdictTest, APanicForWhatTheSandboxWithholdsIsNone) {
  for (const std::string why :
       {"open config.yaml: no such file or directory", "dial tcp 10.0.0.1:5432: connect: network is unreachable",
        "lookup db.example.com: no such host", "memfd_create: function not implemented",
        "exec: \"git\": executable file not found in $PATH"}) {
    const SmokeVerdict verdict = AfterExit(2, "panic: " + why + "\n\n" + kHeader + "main.init.0()\n" + kInitFrames);
    EXPECT_FALSE(verdict.crashed) << why;
    EXPECT_EQ(verdict.detail, "panic: " + why);
  }
  EXPECT_TRUE(AfterExit(2, "panic: no such thing\n\n" + kHeader + "main.init.0()\n" + kInitFrames).crashed);
}

TEST(SmokeVerdictTest, AFatalErrorBeforeMainIsACrashAndOneInMainIsNone) {
  const std::string deadlock =
      "fatal error: all goroutines are asleep - deadlock!\n\nruntime stack:\nruntime.fatal({0x1, "
      "0x25})\n\truntime/panic.go:1253\n\n";
  EXPECT_TRUE(AfterExit(2, deadlock + kHeader + "runtime.gopark(0x1)\nmain.init.0()\n" + kInitFrames).crashed);
  EXPECT_FALSE(AfterExit(2, deadlock + kHeader + "runtime.gopark(0x1)\n" + kMainFrames).crashed);
  EXPECT_TRUE(AfterExit(2,
                        "fatal error: bad start\n\nruntime stack:\nruntime.throw({0x1, 0x2})\n\truntime/p.go:1\n"
                        "runtime.schedinit()\n\truntime/proc.go:8\nruntime.rt0_go()\n")
                  .crashed);
  EXPECT_FALSE(AfterExit(2,
                         "runtime: failed to create new OS thread\nfatal error: newosproc: failed to create new OS "
                         "thread\n\n" +
                             kHeader + "runtime.main()\n")
                   .crashed);
}

// C code has no panic to make of it; where Go's handlers are not yet in place, the signal itself is all there is.
TEST(SmokeVerdictTest, AFatalSignalInForeignCodeIsACrashWhereverItComes) {
  EXPECT_TRUE(AfterExit(2,
                        "SIGSEGV: segmentation violation\nPC=0x47e520 m=0 sigcode=1 addr=0x0\nsignal arrived during "
                        "cgo execution\n\ngoroutine 1 gp=0x1 m=0 mp=0x5 [syscall]:\nruntime.cgocall(0x1, 0x2)\n"
                        "main._Cfunc_crash()\n" +
                            kMainFrames)
                  .crashed);
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS}) {
    EXPECT_TRUE(AfterSignal(signal).crashed) << signal;
  }
  const SmokeVerdict verdict = AfterSignal(SIGSEGV, "made it here\n");
  EXPECT_EQ(verdict.detail, "died of signal 11 (SIGSEGV)");
  EXPECT_EQ(verdict.lines, "died of signal 11 (SIGSEGV)\nmade it here");
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGKILL, SIGXFSZ, SIGUSR1}) {
    EXPECT_FALSE(AfterSignal(signal).crashed) << signal;
  }
}

TEST(SmokeVerdictTest, AProgramThatAsksForCoreFilesIsJudgedByItsTrace) {
  EXPECT_FALSE(AfterSignal(SIGABRT, "panic: no configuration\n\n" + kHeader + kMainFrames).crashed);
  EXPECT_TRUE(AfterSignal(SIGABRT, "panic: at once\n\n" + kHeader + "main.init.0()\n" + kInitFrames).crashed);
}

TEST(SmokeVerdictTest, AProgramThatSpeaksOfPanicsIsNoneThatPanics) {
  const std::string help = "usage: x [flags]\n  panic: ends the program\npanic: words of a manual\n";
  EXPECT_FALSE(AfterExit(2, help).crashed);
  EXPECT_FALSE(AfterExit(2, help + "goroutine 1 [running] is what Go prints then\nmain.init.0()\n").crashed);
  EXPECT_FALSE(AfterExit(0, kNoMovingGc).crashed);
  EXPECT_FALSE(AfterExit(1, kNoMovingGc).crashed);
}

TEST(SmokeVerdictTest, AnyOtherEndIsFine) {
  for (const int code : {0, 1, 2, 64, 127, 255}) {
    EXPECT_FALSE(AfterExit(code, "unknown flag --help\n").crashed) << code;
    EXPECT_EQ(AfterExit(code, "unknown flag --help\n").detail, "");
  }
  const auto ended = [](exec::EndedBy by, bool too_much = false) {
    return JudgeSmoke({.result = {.ended_by = by}, .printed_too_much = too_much, .output = ""});
  };
  for (const exec::EndedBy by : {exec::EndedBy::kWall, exec::EndedBy::kMemory, exec::EndedBy::kOutput}) {
    EXPECT_TRUE(ended(by).ran && !ended(by).crashed);
  }
  EXPECT_EQ(ended(exec::EndedBy::kWall).detail, kSmokeTimeOver);
  EXPECT_EQ(ended(exec::EndedBy::kStopped, true).detail, "output");
  EXPECT_FALSE(ended(exec::EndedBy::kStopped).ran);
  EXPECT_FALSE(ended(exec::EndedBy::kDisk).ran);
}

TEST(SmokeVerdictTest, AFileThatTheKernelCannotExecuteIsACrash) {
  EXPECT_TRUE(AfterExit(1, "bwrap: execvp /out/x: Exec format error\n").crashed);
  EXPECT_FALSE(AfterExit(1, "bwrap: execvp /out/x: Permission denied\n").ran);
  EXPECT_FALSE(AfterExit(1, "usage\nbwrap: execvp /out/x: Exec format error\n").crashed);
}

TEST(SmokeVerdictTest, WhatIsKeptIsBoundedAndEscaped) {
  std::string text = "panic: \033[31m" + std::string(5000, 'x') + "\n";
  for (int i = 0; i < 10'000; ++i) text += "\tline\n";
  const SmokeVerdict verdict = AfterExit(2, text + "\n" + kHeader + "main.init.0()\n" + kInitFrames);
  EXPECT_TRUE(verdict.crashed);
  EXPECT_LT(verdict.lines.size(), 5000u);
  EXPECT_LE(verdict.detail.size(), 256u);
  EXPECT_THAT(verdict.detail, HasSubstr("\\x1b[31m"));
}

TEST(SmokeSandboxTest, HoldsTheProgramReadOnlyAndOneSmallFolder) {
  const exec::SandboxSpec spec = SmokeSandbox({.program = "/h/out/bin/tool", .job = "/h/smoke-1"}, "tool", "--help");
  EXPECT_THAT(spec.argv, ElementsAre("/out/tool", "--help"));
  EXPECT_FALSE(spec.network);
  EXPECT_THAT(spec.overlays, IsEmpty());
  ASSERT_EQ(spec.binds.size(), 2u);
  EXPECT_EQ(spec.binds[0].source, "/h/out/bin/tool");
  EXPECT_FALSE(spec.binds[0].writable);
  EXPECT_EQ(spec.binds[1].source, "/h/smoke-1");
  EXPECT_THAT(spec.watched, ElementsAre("/h/smoke-1"));
  EXPECT_EQ(spec.limits.wall, kSmokeRunMax);
  EXPECT_EQ(spec.limits.output_bytes, kSmokeFileBytesMax);
  EXPECT_EQ(spec.limits.processes, kSmokeProcessesMax);
  const exec::SandboxSpec emulated =
      SmokeSandbox({.program = "/h/tool", .job = "/h/s", .emulator = "/h/qemu", .zones = "/h/z.zip"}, "tool", "-v");
  EXPECT_THAT(emulated.argv, ElementsAre("/emulator", "/out/tool", "-v"));
  for (const exec::BindMount& bind : emulated.binds) EXPECT_EQ(bind.writable, bind.dest == "/job") << bind.dest;
}

class SmokeRunnerTest : public ::testing::Test {
 protected:
  SmokeRunnerTest() : folder_(Cat(::testing::TempDir(), "/smoke-path-", getpid())), path_(getenv("PATH")) {
    std::filesystem::create_directories(folder_);
    setenv("PATH", folder_.c_str(), 1);
  }
  ~SmokeRunnerTest() override {
    setenv("PATH", path_.c_str(), 1);
    std::filesystem::remove_all(folder_);
  }
  const std::string folder_, path_;
};

TEST_F(SmokeRunnerTest, AHostRunsItsOwnProgramsAndOthersByAStaticEmulatorAlone) {
  EXPECT_TRUE(FindSmokeRunner(SmokeMode::kNative, Target::kAarch64, "aarch64").can_run);
  EXPECT_TRUE(FindSmokeRunner(SmokeMode::kEmulator, Target::kAarch64, "aarch64").emulator.empty());
  EXPECT_EQ(FindSmokeRunner(SmokeMode::kOff, Target::kAarch64, "aarch64").why_not, "disabled");
  EXPECT_EQ(FindSmokeRunner(SmokeMode::kEmulator, Target::kAarch64, "x86_64").why_not, "no runner for this target");
  // A file that needs the host's libraries: this test itself.
  std::filesystem::copy_file("/proc/self/exe", folder_ + "/qemu-aarch64");
  EXPECT_FALSE(FindSmokeRunner(SmokeMode::kEmulator, Target::kAarch64, "x86_64").can_run);
  std::ofstream(folder_ + "/qemu-aarch64-static") << "no program";
  std::filesystem::permissions(folder_ + "/qemu-aarch64-static", std::filesystem::perms(0755));
  EXPECT_FALSE(FindSmokeRunner(SmokeMode::kEmulator, Target::kAarch64, "x86_64").can_run);
}

TEST(SmokeModeTest, HasThreeNames) {
  for (const SmokeMode mode : {SmokeMode::kOff, SmokeMode::kNative, SmokeMode::kEmulator}) {
    EXPECT_EQ(ParseSmokeMode(SmokeModeName(mode)), mode);
  }
  EXPECT_EQ(ParseSmokeMode("on"), std::nullopt);
}

}  // namespace
}  // namespace gofarm::build
