// What a run gives back: results, limits, overlays, measurements; each limit with a control that stays below it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "common/base/text.h"
#include "common/process/proc_fs.h"
#include "tests/support/small_disk.h"
#include "tests/unit/worker_exec/sandbox_fixture.h"
#include "worker/exec/sampler.h"

namespace gofarm::exec {
namespace {

using ::testing::HasSubstr;

TEST_F(SandboxTest, TheHostPassesTheProbe) {
  const absl::Status status = sandbox_.Probe(Scope::For(absl::Minutes(1)));
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(SandboxTest, TheProbeSaysWhatIsMissing) {
  SandboxOptions options;
  options.self_exe = SelfExe();
  options.bwrap = "no-such-bwrap";
  const absl::Status status = Sandbox(options).Probe(Scope::For(absl::Minutes(1)));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no-such-bwrap is neither in"));
  options.bwrap = "/bin/true";
  EXPECT_THAT(std::string(Sandbox(options).Probe(Scope::For(absl::Minutes(1))).message()), HasSubstr("--version says"));
}

TEST_F(SandboxTest, TheProbeTriesTheDiskThatRunsWillWriteTo) {
  SandboxOptions options;
  options.self_exe = SelfExe();
  options.probe_folder = Path("scratch");
  const absl::Status status = Sandbox(options).Probe(Scope::For(absl::Minutes(1)));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(std::filesystem::is_empty(Path("scratch"))) << "it leaves nothing";
  options.probe_folder = Path("nowhere");
  EXPECT_THAT(std::string(Sandbox(options).Probe(Scope::For(absl::Minutes(1))).message()), HasSubstr(Path("nowhere")));
}

void ExpectProbesOfAFullDiskToSaySo(const std::string& folder) {
  gofarm::testing::EnterOwnMounts();
  SandboxOptions small;
  small.self_exe = SelfExe();
  small.probe_folder = folder;
  // To the last byte, and to the last file.
  for (const char* options : {"size=64k", "size=64k,nr_inodes=2"}) {
    const gofarm::testing::SmallDisk disk(folder, options);
    disk.Fill();
    const absl::Status full = Sandbox(small).Probe(Scope::For(absl::Minutes(1)));
    EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted) << options << ": " << full;
    EXPECT_THAT(std::string(full.message()), ::testing::AllOf(HasSubstr(folder), HasSubstr("make room")));
    EXPECT_THAT(std::string(full.message()), ::testing::Not(HasSubstr("cannot isolate")));
    // What the host lacks is told all the same: no room helps it.
    SandboxOptions lacking = small;
    lacking.bwrap = "no-such-bwrap";
    EXPECT_EQ(Sandbox(lacking).Probe(Scope::For(absl::Minutes(1))).code(), absl::StatusCode::kFailedPrecondition);
  }
  const gofarm::testing::SmallDisk disk(folder, "size=1m");
  const absl::Status control = Sandbox(small).Probe(Scope::For(absl::Minutes(1)));
  EXPECT_TRUE(control.ok()) << control;
}

TEST_F(SandboxTest, AFullDiskIsNoVerdictOnTheHost) {
  const std::string folder = Path("small");
  ASSERT_EQ(mkdir(folder.c_str(), 0755), 0);
  EXPECT_EXIT(
      {
        ExpectProbesOfAFullDiskToSaySo(folder);
        fflush(stdout);
        _exit(HasFailure() ? 1 : 0);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(SandboxTest, ReportsExitCodesAndSignals) {
  EXPECT_TRUE(Run({"exit", "0"}).Exited(0));
  EXPECT_TRUE(Run({"exit", "7"}).Exited(7));
  const Seen seen = Run({"die", Cat(SIGSEGV)});
  EXPECT_TRUE(seen.EndedBy(EndedBy::kSignal)) << seen;
  EXPECT_EQ(seen.result->signal, SIGSEGV);
}

TEST_F(SandboxTest, ACommandThatIsNotThereIsAResultWithTheReasonInTheOutput) {
  SandboxSpec spec = Spec({});
  spec.argv = {"/go/bin/go", "version"};
  const Seen seen = Run(spec);
  EXPECT_TRUE(seen.Exited(1)) << seen;
  EXPECT_THAT(seen.output, HasSubstr("execvp /go/bin/go: No such file or directory"));
}

TEST_F(SandboxTest, WhatKeepsTheCommandFromStartingIsAnError) {
  SandboxSpec spec = Spec({"exit", "0"});
  spec.binds.push_back({Path("nowhere"), "/zig", false});
  Seen seen = Run(spec);
  EXPECT_EQ(seen.result.status().code(), absl::StatusCode::kNotFound) << seen;
  EXPECT_THAT(std::string(seen.result.status().message()), HasSubstr("nowhere"));

  spec = Spec({"exit", "0"});
  spec.working_directory = "/not/there";
  seen = Run(spec);
  EXPECT_EQ(seen.result.status().code(), absl::StatusCode::kInternal) << seen;
  EXPECT_THAT(std::string(seen.result.status().message()), HasSubstr("/not/there"));

  spec = Spec({"exit", "0"});
  spec.binds[0].dest = "/etc/passwd";
  EXPECT_EQ(Run(spec).result.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(SandboxTest, OverlayWritesNeverReachTheFolderBelow) {
  Write("seed/file", "seed");
  ASSERT_TRUE(sandbox_.GiveToBuilds(Path("seed"), kAnySlot).ok());
  SandboxSpec spec = Spec({"write", "/zigcache/file"});
  spec.slot = 2;
  spec.overlays.push_back({Path("seed"), Path("scratch"), "/zigcache"});
  const Seen seen = Run(spec);
  EXPECT_TRUE(seen.Exited(0)) << seen;
  EXPECT_EQ(Read("seed/file"), "seed");
  spec.argv = {"/probe", "write", "/zigcache/new"};
  EXPECT_TRUE(Run(spec).Exited(0));
  EXPECT_NE(access(Path("seed/new").c_str(), F_OK), 0);
  EXPECT_NE(access(Path("scratch/upper").c_str(), F_OK), 0) << "the throw-away layer is left";
  // Control: the same write through a plain mount arrives.
  spec.overlays.clear();
  spec.binds.push_back({Path("seed"), "/zigcache", true});
  EXPECT_TRUE(Run(spec).Exited(0));
  EXPECT_EQ(Read("seed/new"), "hostile\n");
}

TEST_F(SandboxTest, EveryRunOfAnOverlayStartsFromTheSeed) {
  Write("seed/file", "seed");
  ASSERT_TRUE(sandbox_.GiveToBuilds(Path("seed"), kAnySlot).ok());
  SandboxSpec spec = Spec({"write", "/zigcache/file"});
  spec.overlays.push_back({Path("seed"), Path("scratch"), "/zigcache"});
  EXPECT_TRUE(Run(spec).Exited(0));
  spec.argv = {"/probe", "read", "/zigcache/file"};
  EXPECT_EQ(Run(spec).output, "seed");
}

TEST_F(SandboxTest, AKeptOverlayGoesOnWhereTheLastRunEnded) {
  Write("seed/file", "seed");
  ASSERT_TRUE(sandbox_.GiveToBuilds(Path("seed"), kAnySlot).ok());
  SandboxSpec spec = Spec({"write", "/zigcache/file"});
  spec.overlays.push_back({Path("seed"), Path("scratch"), "/zigcache", true});
  for (int run = 0; run < 3; ++run) EXPECT_TRUE(Run(spec).Exited(0));
  spec.argv = {"/probe", "read", "/zigcache/file"};
  EXPECT_EQ(Run(spec).output, "hostile\n");
  EXPECT_EQ(Read("seed/file"), "seed");
  spec.overlays[0].keep = false;
  EXPECT_EQ(Run(spec).output, "seed");
}

TEST_F(SandboxTest, AMountInsideAnotherShowsItsFolderReadOnlyAndNothingBesideIt) {
  Write("cache/one/file", "one");
  Write("cache/other/secret", "secret");
  Write("view/list", "list");
  for (int i = 0; i < 300; ++i) Write(Cat("view/many/", i, "/below"), "covered");
  Write("view/one/file", "covered");
  SandboxSpec spec = Spec({"read", "/mod/one/file"});
  spec.binds.push_back({Path("view"), "/mod", false});
  spec.binds.push_back({Path("cache/one"), "/mod/one", false});
  for (int i = 0; i < 300; ++i) spec.binds.push_back({Path("cache/one"), Cat("/mod/many/", i), false});
  const Seen seen = Run(spec);
  EXPECT_TRUE(seen.Exited(0)) << seen;
  EXPECT_EQ(seen.output, "one");
  for (const char* path : {"/mod/list", "/mod/many/299/file"}) {
    spec.argv = {"/probe", "read", path};
    EXPECT_TRUE(Run(spec).Exited(0)) << path;
  }
  for (const char* path : {"/mod/other/secret", "/mod/many/7/below"}) {
    spec.argv = {"/probe", "read", path};
    EXPECT_FALSE(Run(spec).Exited(0)) << path;
  }
  for (const char* path : {"/mod/one/file", "/mod/list", "/mod/new"}) {
    spec.argv = {"/probe", "write", path};
    EXPECT_FALSE(Run(spec).Exited(0)) << path;
  }
  EXPECT_EQ(Read("cache/one/file"), "one");
  spec.binds.back().writable = true;
  EXPECT_TRUE(absl::IsInvalidArgument(Run(spec).result.status())) << "one slot's write would be another's read";
}

// `#include "/dev/zero"` would go on for ever.
TEST_F(SandboxTest, NoDeviceIsASourceWithoutAnEnd) {
  for (const char* device : {"/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}) {
    const Seen seen = Run({"read", device});
    EXPECT_TRUE(seen.Exited(0)) << device << seen;
    EXPECT_EQ(seen.output, "") << device;
  }
  EXPECT_TRUE(Run({"write", "/dev/null"}).Exited(0));
}

TEST_F(SandboxTest, RunsAtTheSameTimeSeeTheirOwnMountsOnly) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    const std::string name = Cat("source-", i);
    mkdir(Path(name).c_str(), 0755);
    Write(name + "/file", name);
    threads.emplace_back([this, name, i] {
      for (int round = 0; round < 3; ++round) {
        SandboxSpec spec = Spec({"read", "/src/file"});
        spec.binds[1].source = Path(name);
        spec.slot = i;
        const Seen seen = Run(spec);
        EXPECT_TRUE(seen.Exited(0)) << seen;
        EXPECT_EQ(seen.output, name);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(SandboxTest, FilesOfABuildBelongToItsUidAndAreOpenToOtherSlots) {
  ASSERT_TRUE(Run({"write", "/out/file"}).Exited(0));
  struct stat st = {};
  ASSERT_EQ(stat(Path("out/file").c_str(), &st), 0);
  EXPECT_EQ(static_cast<int>(st.st_uid), sandbox_.BuildUid(0));
  EXPECT_NE(st.st_uid, 0U);
  EXPECT_EQ(st.st_mode & 0777, 0666U);
}

TEST_F(SandboxTest, AStopEndsEveryProcessWithinFiveSeconds) {
  const std::string marker = Cat("stop-", getpid());
  std::stop_source stop;
  Seen seen;
  std::thread run([&] {
    seen = Run(Spec({"forks", "10", "60", marker}), Scope{absl::InfiniteFuture(), stop.get_token()});
  });
  ASSERT_TRUE(EventuallyAtLeast(marker, 11, absl::Seconds(10)));
  const absl::Time asked = absl::Now();
  stop.request_stop();
  run.join();
  EXPECT_LT(absl::Now() - asked, absl::Seconds(5));
  EXPECT_TRUE(seen.EndedBy(EndedBy::kStopped)) << seen;
  EXPECT_THAT(ProcessesWith(marker), ::testing::IsEmpty());
}

TEST_F(SandboxTest, AStopBeforeTheStartEndsItToo) {
  std::stop_source stop;
  stop.request_stop();
  const Seen seen = Run(Spec({"hold", "30"}), Scope{absl::InfiniteFuture(), stop.get_token()});
  EXPECT_TRUE(seen.EndedBy(EndedBy::kStopped)) << seen;
}

TEST_F(SandboxTest, WallClockLimitAndDeadlineEndIt) {
  SandboxSpec spec = Spec({"chatter", "30"});
  spec.limits.wall = absl::Milliseconds(700);
  Seen seen = Run(spec);
  EXPECT_TRUE(seen.EndedBy(EndedBy::kWall)) << seen;
  EXPECT_LT(seen.result->seconds, 5);
  seen = Run(Spec({"chatter", "30"}), Scope::For(absl::Milliseconds(700)));
  EXPECT_TRUE(seen.EndedBy(EndedBy::kWall)) << seen;
  spec.limits.wall = absl::ZeroDuration();
  seen = Run(spec);
  EXPECT_TRUE(seen.EndedBy(EndedBy::kWall)) << seen;
  EXPECT_TRUE(Run({"chatter", "1"}).Exited(0)) << "control";
}

// A worker that was stopped, or a host that slept: the time in between is not the build's.
TEST_F(SandboxTest, TimeInWhichNobodyLookedDoesNotCountAgainstTheWallLimit) {
  SandboxSpec spec = Spec({"hold", "11"});
  spec.limits.wall = absl::Seconds(9);
  bool slept = false;
  const auto result = sandbox_.Run(Scope::For(absl::Minutes(1)), spec, [&](std::string_view) {
    if (!std::exchange(slept, true)) absl::SleepFor(absl::Seconds(7));
  });
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->ended_by, EndedBy::kExit);
}

TEST_F(SandboxTest, SilenceEndsItButOutputOrWorkDoNot) {
  SandboxSpec spec = Spec({"hold", "30"});
  spec.limits.silence = absl::Milliseconds(1000);
  const Seen silent = Run(spec);
  EXPECT_TRUE(silent.EndedBy(EndedBy::kSilence)) << silent;
  spec.argv = {"/probe", "chatter", "2"};
  const Seen talking = Run(spec);
  EXPECT_TRUE(talking.Exited(0)) << talking;
  spec.argv = {"/probe", "burn", "2"};
  const Seen working = Run(spec);
  EXPECT_TRUE(working.Exited(0)) << working;
}

TEST_F(SandboxTest, TheMemoryOfTheWholeTreeCounts) {
  SandboxSpec spec = Spec({"memory-in-many", "4", "80", "10"});
  spec.limits.memory_bytes = int64_t{200} << 20;
  const Seen seen = Run(spec);
  EXPECT_TRUE(seen.EndedBy(EndedBy::kMemory)) << seen;
  EXPECT_GT(seen.result->peak_memory_bytes, int64_t{200} << 20);
  EXPECT_LT(seen.result->seconds, 8);
  spec.argv = {"/probe", "memory-in-many", "4", "20", "1"};
  const Seen control = Run(spec);
  EXPECT_TRUE(control.Exited(0)) << control;
  EXPECT_GT(control.result->peak_memory_bytes, int64_t{75} << 20);
}

TEST_F(SandboxTest, TheSizeOfWatchedFoldersCounts) {
  SandboxSpec spec = Spec({"fill", "/out", "6", "8", "20"});
  spec.watched = {Path("out")};
  spec.limits.output_bytes = int64_t{24} << 20;
  const Seen seen = Run(spec);
  EXPECT_TRUE(seen.EndedBy(EndedBy::kOutput)) << seen;
  EXPECT_LT(seen.result->seconds, 15);
  spec.limits.output_bytes = int64_t{100} << 20;
  spec.argv.back() = "2";
  const Seen control = Run(spec);
  EXPECT_TRUE(control.Exited(0)) << control;
}

TEST_F(SandboxTest, FilesWithoutANameCountAsLongAsTheyAreOpen) {
  ASSERT_TRUE(sandbox_.GiveToBuilds(Path("seed"), kAnySlot).ok());
  for (const char* folder : {"/out", "/zigcache"}) {
    SandboxSpec spec = Spec({"hide", folder, "6", "8", "20"});
    spec.overlays.push_back({Path("seed"), Path("scratch"), "/zigcache"});
    spec.watched = {Path("out"), Path("scratch")};
    spec.limits.output_bytes = int64_t{24} << 20;
    const Seen seen = Run(spec);
    EXPECT_TRUE(seen.EndedBy(EndedBy::kOutput)) << folder << ": " << seen;
    EXPECT_LT(seen.result->seconds, 15);
    spec.limits.output_bytes = int64_t{100} << 20;
    spec.argv.back() = "2";
    const Seen control = Run(spec);
    EXPECT_TRUE(control.Exited(0)) << folder << ": " << control;
  }
}

TEST_F(SandboxTest, ADiskWithTooLittleRoomEndsItWhoeverFilledIt) {
  SandboxSpec spec = Spec({"hold", "20"});
  spec.limits.disk_free_bytes = INT64_MAX;
  const Seen seen = Run(spec);
  EXPECT_TRUE(seen.EndedBy(EndedBy::kDisk)) << seen;
  EXPECT_LT(seen.result->seconds, 10);
  spec.argv = {"/probe", "exit", "0"};
  spec.limits.disk_free_bytes = 1;
  EXPECT_TRUE(Run(spec).Exited(0)) << "control";
  // A run that can write to no disk has none to fill.
  spec.argv = {"/probe", "hold", "1"};
  spec.limits.disk_free_bytes = INT64_MAX;
  spec.binds.pop_back();
  const Seen read_only = Run(spec);
  EXPECT_TRUE(read_only.Exited(0)) << read_only;
}

TEST_F(SandboxTest, ASingleFileCannotPassTheOutputLimitBetweenTwoLooks) {
  SandboxSpec spec = Spec({"fill", "/out", "1", "48", "0"});
  spec.limits.output_bytes = int64_t{24} << 20;
  const Seen seen = Run(spec);
  EXPECT_TRUE(seen.EndedBy(EndedBy::kSignal)) << seen;
  EXPECT_EQ(seen.result->signal, SIGXFSZ);
}

TEST_F(SandboxTest, CpuTimeOfProcessesThatNobodySawIsCounted) {
  const Seen seen = Run({"burn-in-children", "10", "0.05"});
  ASSERT_TRUE(seen.Exited(0)) << seen;
  EXPECT_GT(seen.result->cpu_seconds, 0.48);
  EXPECT_LT(seen.result->cpu_seconds, 1.5);
}

TEST_F(SandboxTest, ADaemonDoesNotOutliveTheCommand) {
  const std::string marker = Cat("daemon-", getpid());
  const Seen seen = Run({"daemonize", "60", marker});
  EXPECT_TRUE(seen.Exited(0)) << seen;
  EXPECT_LT(seen.result->seconds, 10);
  EXPECT_THAT(ProcessesWith(marker), ::testing::IsEmpty());
}

TEST_F(SandboxTest, WhenTheKernelKillsItsReaperTheTreeGoesTooAndTheRunSaysSo) {
  const std::string marker = Cat("reaper-", getpid());
  Seen seen;
  std::thread run([&] { seen = Run(Spec({"forks", "5", "60", marker})); });
  ASSERT_TRUE(EventuallyAtLeast(marker, 6, absl::Seconds(10)));
  const std::vector<int> reapers = ProcessesWith(std::string("sandbox-init\0", 13));
  for (const int pid : reapers) {
    const std::optional<process::ProcStat> stat = process::ReadProcStat(pid);
    if (stat && stat->parent == getpid()) kill(pid, SIGKILL);
  }
  run.join();
  EXPECT_TRUE(seen.EndedBy(EndedBy::kSignal)) << seen;
  EXPECT_EQ(seen.result->signal, SIGKILL);
  EXPECT_TRUE(EventuallyNone(marker, absl::Seconds(5)));
}

// With a limit of zero the kernel still hands the core to a program of the host where core_pattern names one.
TEST_F(SandboxTest, ACrashStartsNoProgramOfTheHost) {
  rlimit core{};
  ASSERT_EQ(getrlimit(RLIMIT_CORE, &core), 0);
  // Nobody but root raises a limit that sudo, say, set to zero for good.
  const int most = core.rlim_max == 0 && geteuid() != 0 ? 0 : 1;
  EXPECT_THAT(Run({"read", "/proc/self/limits"}).output,
              ::testing::ContainsRegex(Cat("Max core file size +", most, " +", most, " +bytes")));
}

TEST_F(SandboxTest, TheKernelPrefersToEndABuildWhenMemoryRunsOut) {
  EXPECT_EQ(Run({"read", "/proc/self/oom_score_adj"}).output, "700\n");
}

TEST_F(SandboxTest, AFolderNestedBeyondReasonCountsAsTooMuchAndCanBeRemoved) {
  SandboxSpec spec = Spec({"deep", "/out", "1000"});
  EXPECT_TRUE(Run(spec).Exited(0));
  spec = Spec({"hold", "20"});
  spec.watched = {Path("out")};
  EXPECT_TRUE(Run(spec).EndedBy(EndedBy::kOutput));
  // The fixture's destructor expects that the folder can be removed.
}

}  // namespace
}  // namespace gofarm::exec
