// The parts of worker/exec that need no process: limits, the sandbox's spec, arguments, folders.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "common/base/text.h"
#include "common/process/program.h"
#include "tests/support/elf_maker.h"
#include "worker/exec/bwrap_args.h"
#include "worker/exec/host_machine.h"
#include "worker/exec/init_spec.h"
#include "worker/exec/limit_watch.h"
#include "worker/exec/seccomp.h"
#include "worker/exec/tree.h"

namespace gofarm::exec {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1700000000);

SandboxLimits Limits() {
  SandboxLimits limits;
  limits.wall = absl::Minutes(10);
  limits.silence = absl::Minutes(2);
  limits.memory_bytes = 1000;
  limits.output_bytes = 500;
  return limits;
}

TEST(LimitWatchTest, NothingIsPassedAtTheStart) {
  EXPECT_EQ(LimitWatch(Limits(), kStart, absl::InfiniteFuture()).Check(kStart), std::nullopt);
}

TEST(LimitWatchTest, TheEarlierOfWallAndDeadlineCounts) {
  EXPECT_EQ(LimitWatch(Limits(), kStart, kStart + absl::Seconds(5)).Check(kStart + absl::Seconds(5)), EndedBy::kWall);
  LimitWatch watch(Limits(), kStart, absl::InfiniteFuture());
  watch.OnOutput(kStart + absl::Minutes(10));
  EXPECT_EQ(watch.Check(kStart + absl::Minutes(10)), EndedBy::kWall);
}

TEST(LimitWatchTest, SilenceIsNeitherOutputNorWork) {
  LimitWatch watch(Limits(), kStart, absl::InfiniteFuture());
  watch.OnOutput(kStart + absl::Minutes(1));
  EXPECT_EQ(watch.Check(kStart + absl::Seconds(179)), std::nullopt);
  EXPECT_EQ(watch.Check(kStart + absl::Seconds(180)), EndedBy::kSilence);
  watch.OnSample(kStart + absl::Seconds(179), 1, 5.0);
  EXPECT_EQ(watch.Check(kStart + absl::Seconds(180)), std::nullopt);
}

// A host that was suspended over night has not been silent, and its build goes on with the time it had left.
TEST(LimitWatchTest, AGapIsNoSilenceAndExtendsTheWallLimit) {
  const SandboxLimits limits = Limits();
  LimitWatch watch(limits, kStart, absl::InfiniteFuture());
  const absl::Duration night = absl::Hours(9);
  const absl::Time wakes = kStart + absl::Seconds(1) + night;
  EXPECT_NE(watch.Check(wakes), std::nullopt) << "without a word about the gap it is over";
  watch.OnGap(night);
  EXPECT_EQ(watch.Check(wakes), std::nullopt);
  EXPECT_EQ(watch.Check(kStart + night + limits.silence), EndedBy::kSilence);
  watch.OnOutput(kStart + night + limits.wall - absl::Seconds(1));
  EXPECT_EQ(watch.Check(kStart + night + limits.wall), EndedBy::kWall);
}

TEST(LimitWatchTest, AFewMillisecondsOfAnIdleRuntimeAreNoWork) {
  LimitWatch watch(Limits(), kStart, absl::InfiniteFuture());
  for (int i = 1; i <= 120; ++i) watch.OnSample(kStart + absl::Seconds(i), 1, 0.0005 * i);
  EXPECT_EQ(watch.Check(kStart + absl::Seconds(120)), EndedBy::kSilence);
}

TEST(LimitWatchTest, MemoryAndFoldersCountOnlyAboveTheirLimit) {
  LimitWatch watch(Limits(), kStart, absl::InfiniteFuture());
  watch.OnSample(kStart, 1000, 0);
  watch.OnFolderBytes(500);
  EXPECT_EQ(watch.Check(kStart), std::nullopt);
  watch.OnFolderBytes(501);
  EXPECT_EQ(watch.Check(kStart), EndedBy::kOutput);
  watch.OnSample(kStart, 1001, 0);
  EXPECT_EQ(watch.Check(kStart), EndedBy::kMemory);
}

TEST(LimitWatchTest, ADiskIsTooFullBelowItsLimitOnly) {
  SandboxLimits limits = Limits();
  limits.disk_free_bytes = 100;
  LimitWatch watch(limits, kStart, absl::InfiniteFuture());
  EXPECT_EQ(watch.Check(kStart), std::nullopt) << "before the first look";
  watch.OnDiskFree(100);
  EXPECT_EQ(watch.Check(kStart), std::nullopt);
  watch.OnDiskFree(99);
  EXPECT_EQ(watch.Check(kStart), EndedBy::kDisk);
  watch.OnFolderBytes(501);
  EXPECT_EQ(watch.Check(kStart), EndedBy::kOutput) << "the run's own doing tells more";
}

TEST(LimitWatchTest, CpuTimeNeverFalls) {
  LimitWatch watch(Limits(), kStart, absl::InfiniteFuture());
  watch.OnSample(kStart, 1, 3.0);
  watch.OnSample(kStart, 1, 2.0);
  EXPECT_EQ(watch.cpu_seconds(), 3.0);
}

InitSpec FullSpec() {
  InitSpec spec;
  spec.bwrap = "/usr/bin/bwrap";
  spec.uid = 210001;
  spec.defences.system_call_filter = false;
  spec.sandbox.argv = {"/go/bin/go", "install", "", "with\nnewline 12\n"};
  spec.sandbox.environment = {{"A", ""}, {"B", "x=y\n"}};
  spec.sandbox.working_directory = "/job";
  spec.sandbox.binds = {{"/host/a b", "/src", false}, {"/host/out", "/out", true}};
  spec.sandbox.overlays = {{"/host/seed", "/host/scratch", "/zigcache"}};
  spec.sandbox.network = true;
  spec.sandbox.endless_devices = true;
  spec.sandbox.limits.processes = 77;
  spec.sandbox.limits.output_bytes = 12345;
  return spec;
}

TEST(InitSpecTest, ComesBackAsItWasWritten) {
  const absl::StatusOr<InitSpec> read = DecodeInitSpec(EncodeInitSpec(FullSpec()));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(EncodeInitSpec(*read), EncodeInitSpec(FullSpec()));
  EXPECT_EQ(read->sandbox.argv, FullSpec().sandbox.argv);
  EXPECT_EQ(read->sandbox.environment, FullSpec().sandbox.environment);
  EXPECT_EQ(read->sandbox.binds[1].dest, "/out");
  EXPECT_TRUE(read->sandbox.binds[1].writable);
  EXPECT_TRUE(read->sandbox.endless_devices);
  EXPECT_FALSE(read->defences.system_call_filter);
  EXPECT_EQ(read->uid, 210001);
}

TEST(InitSpecTest, EveryTruncationIsRefused) {
  const std::string whole = EncodeInitSpec(FullSpec());
  for (size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(DecodeInitSpec(whole.substr(0, n)).ok()) << n;
  EXPECT_FALSE(DecodeInitSpec(whole + "0\n").ok());
}

TEST(InitSpecTest, SpecsThatMakeNoSandboxAreRefusedWithTheReason) {
  const auto refused = [](auto change) {
    SandboxSpec spec = FullSpec().sandbox;
    change(spec);
    const absl::Status status = CheckSpec(spec);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_TRUE(CheckSpec(FullSpec().sandbox).ok());
  using ::testing::HasSubstr;
  EXPECT_THAT(refused([](SandboxSpec& s) { s.argv.clear(); }), HasSubstr("no command"));
  EXPECT_THAT(refused([](SandboxSpec& s) { s.argv[1] = std::string("a\0b", 3); }), HasSubstr("zero byte"));
  EXPECT_THAT(refused([](SandboxSpec& s) { s.environment[0].first = "A=B"; }), HasSubstr("bad name"));
  for (const char* dest : {"src", "/", "/a/../b", "/a//b", "/a/", "/./a", "/proc/x", "/etc", "/dev/shm", "/tmp/x"}) {
    EXPECT_THAT(refused([dest](SandboxSpec& s) { s.binds[0].dest = dest; }), HasSubstr("mount at")) << dest;
    refused([dest](SandboxSpec& s) { s.overlays[0].dest = dest; });
  }
  EXPECT_THAT(refused([](SandboxSpec& s) { s.working_directory = "job"; }), HasSubstr("working directory"));
  EXPECT_THAT(refused([](SandboxSpec& s) { s.limits.memory_bytes = 0; }), HasSubstr("limit"));
  EXPECT_THAT(refused([](SandboxSpec& s) { s.slot = -1; }), HasSubstr("slot"));
}

TEST(BwrapOptionsTest, FoldersComeBeforeWhatIsMountedInThem) {
  Staged staged;
  staged.mounts = {{"/mnt/m0", "/job/src", false}, {"/mnt/m1", "/job", true}};
  const std::vector<std::string> args = BwrapOptions(FullSpec(), staged);
  const auto at = [&args](const std::string& word) { return std::find(args.begin(), args.end(), word) - args.begin(); };
  EXPECT_LT(at("/job"), at("/job/src"));
  EXPECT_EQ(args[at("/job") - 2], "--bind");
  EXPECT_EQ(args[at("/job/src") - 2], "--ro-bind");
  EXPECT_EQ(args[args.size() - 1], "-1");
}

TEST(BwrapOptionsTest, TheNetworkIsCutOffUnlessAskedFor) {
  InitSpec spec = FullSpec();
  EXPECT_THAT(BwrapOptions(spec, Staged{}), ::testing::Not(::testing::Contains("--unshare-net")));
  spec.sandbox.network = false;
  EXPECT_THAT(BwrapOptions(spec, Staged{}), ::testing::Contains("--unshare-net"));
}

std::vector<sock_filter> Filter(Target machine) {
  const std::string bytes = SeccompProgram(machine);
  EXPECT_EQ(bytes.size() % sizeof(sock_filter), 0U);
  std::vector<sock_filter> code(bytes.size() / sizeof(sock_filter));
  memcpy(code.data(), bytes.data(), code.size() * sizeof(sock_filter));
  return code;
}

TEST(SeccompTest, EveryJumpStaysInsideTheProgram) {
  for (const Target machine : kAllTargets) {
    const std::vector<sock_filter> code = Filter(machine);
    for (size_t i = 0; i < code.size(); ++i) {
      if (BPF_CLASS(code[i].code) == BPF_JMP) {
        EXPECT_LT(i + 1 + std::max(code[i].jt, code[i].jf), code.size());
      }
    }
    EXPECT_EQ(BPF_CLASS(code.back().code), BPF_RET);
  }
}

// What the kernel would answer to a call: the filter's few instructions, as Linux defines them.
uint32_t Answer(const std::vector<sock_filter>& code, const seccomp_data& call) {
  uint32_t value = 0;
  for (size_t at = 0; at < code.size(); ++at) {
    const sock_filter& now = code[at];
    switch (now.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        memcpy(&value, reinterpret_cast<const char*>(&call) + now.k, sizeof value);
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        at += value == now.k ? now.jt : now.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        at += value >= now.k ? now.jt : now.jf;
        break;
      case BPF_RET | BPF_K:
        return now.k;
      default:
        ADD_FAILURE() << "instruction " << now.code;
        return 0;
    }
  }
  ADD_FAILURE() << "no answer";
  return 0;
}

TEST(SeccompTest, EachMachineHasItsOwnNumbers) {
  constexpr uint32_t kNoSuchCall = SECCOMP_RET_ERRNO | ENOSYS;
  constexpr uint32_t kNoSuchFamily = SECCOMP_RET_ERRNO | EAFNOSUPPORT;
  struct Row {
    Target machine;
    uint32_t arch;
    int mount, ptrace, write, socket;
  };
  // As the kernel's headers of each have them.
  for (const Row& row : {Row{Target::kX86_64, AUDIT_ARCH_X86_64, 165, 101, 1, 41},
                         Row{Target::kAarch64, AUDIT_ARCH_AARCH64, 40, 117, 64, 198},
                         Row{Target::kRiscv64, AUDIT_ARCH_RISCV64, 40, 117, 64, 198},
                         Row{Target::kLoongarch64, 0xC0000102, 40, 117, 64, 198}}) {
    const std::vector<sock_filter> code = Filter(row.machine);
    const auto answer = [&](uint32_t arch, int number, uint64_t first) {
      seccomp_data call{};
      call.arch = arch;
      call.nr = number;
      call.args[0] = first;
      return Answer(code, call);
    };
    EXPECT_EQ(answer(row.arch, row.mount, 0), kNoSuchCall);
    EXPECT_EQ(answer(row.arch, row.ptrace, 0), kNoSuchCall);
    EXPECT_EQ(answer(row.arch, 425 /* io_uring_setup */, 0), kNoSuchCall);
    EXPECT_EQ(answer(row.arch, row.write, 0), SECCOMP_RET_ALLOW);
    EXPECT_EQ(answer(row.arch, row.socket, AF_INET), SECCOMP_RET_ALLOW);
    EXPECT_EQ(answer(row.arch, row.socket, 40 /* AF_VSOCK */), kNoSuchFamily);
    EXPECT_EQ(answer(row.arch + 1, row.write, 0), kNoSuchCall) << "a call of another architecture";
  }
}

TEST(HostMachineTest, IsReadFromTheProgramThatRunsBuilds) {
  const std::string path = ::testing::TempDir() + "/gofarm-machine-test";
  for (const Target machine : kAllTargets) {
    std::ofstream(path, std::ios::binary) << gofarm::testing::StaticPie(machine);
    EXPECT_EQ(MachineOf(path), machine);
  }
  const Target own = MachineOf(*process::SelfExecutable());
  std::ofstream(path) << "#!/bin/sh\n";
  EXPECT_EQ(MachineOf(path), own) << "a script";
  EXPECT_EQ(MachineOf("/no/such/file"), own);
  unlink(path.c_str());
}

TEST(HostMachineTest, BubblewrapBesideTheProgramComesBeforePath) {
  const std::string self = *process::SelfExecutable();
  const std::string name = "bwrap-of-" + std::to_string(getpid());
  const std::string beside = self.substr(0, self.rfind('/') + 1) + name;
  EXPECT_FALSE(FindBwrap(name).ok());
  std::ofstream(beside) << "#!/bin/sh\n";
  chmod(beside.c_str(), 0755);
  EXPECT_EQ(FindBwrap(name).value_or(""), beside);
  unlink(beside.c_str());
  EXPECT_EQ(FindBwrap("sh").value_or(""), process::FindProgram("sh").value_or("-")) << "PATH is next";
  EXPECT_EQ(FindBwrap("./bwrap").value_or(""), "./bwrap");
}

class TreeTest : public ::testing::Test {
 protected:
  TreeTest() {
    char name[] = "/tmp/gofarm-tree-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~TreeTest() override { EXPECT_TRUE(RemoveTree(path_).ok()); }
  void Write(const std::string& name, const std::string& text) { std::ofstream(path_ + "/" + name) << text; }
  unsigned Mode(const std::string& name) {
    struct stat st = {};
    EXPECT_EQ(lstat((path_ + "/" + name).c_str(), &st), 0);
    return st.st_mode & 07777;
  }
  std::string path_;
};

TEST_F(TreeTest, RemovesFoldersWithoutPermissionsAndLeavesTargetsOfLinksAlone) {
  std::filesystem::create_directories(path_ + "/victim");
  Write("victim/file", "stays");
  std::filesystem::create_directories(path_ + "/job/closed/inner");
  Write("job/closed/inner/file", "x");
  std::filesystem::create_symlink(path_ + "/victim", path_ + "/job/link");
  chmod((path_ + "/job/closed").c_str(), 0);
  EXPECT_TRUE(RemoveTree(path_ + "/job").ok());
  EXPECT_FALSE(std::filesystem::exists(path_ + "/job"));
  EXPECT_TRUE(std::filesystem::exists(path_ + "/victim/file"));
  EXPECT_TRUE(RemoveTree(path_ + "/job").ok()) << "a second time";
}

// Folders too deep to walk are moved up under names of our own, which a build may have taken.
TEST_F(TreeTest, RemovesDeepFoldersUnderTheVeryNamesTheyAreMovedTo) {
  std::string deep = path_ + "/job/gofarm-moved-up-0";
  for (int i = 0; i < 300; ++i) deep += "/d";
  std::filesystem::create_directories(deep);
  std::filesystem::create_directories(path_ + "/job/gofarm-moved-up-1/inner");
  const absl::Status removed = RemoveTree(path_ + "/job");
  EXPECT_TRUE(removed.ok()) << removed;
  EXPECT_FALSE(std::filesystem::exists(path_ + "/job"));
}

// RESOURCE_EXHAUSTED is what a full disk is told by, and such a failure is tried again and again.
TEST_F(TreeTest, ATooDeepFolderIsNotGivenAwayAndIsNoFullDisk) {
  std::string deep = path_ + "/src";
  for (int i = 0; i < 200; ++i) deep += "/d";
  std::filesystem::create_directories(deep);
  EXPECT_EQ(GiveTree(path_ + "/src", -1, false).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(TreeTest, CountsFilesAndEmptyOnes) {
  EXPECT_EQ(TreeBytes(path_, 1 << 30, {}), kEntryBytes);
  for (int i = 0; i < 10; ++i) Write(Cat("empty-", i), "");
  EXPECT_EQ(TreeBytes(path_, 1 << 30, {}), 11 * kEntryBytes);
  Write("big", std::string(1 << 20, 'x'));
  EXPECT_GE(TreeBytes(path_, 1 << 30, {}), (1 << 20) + 11 * kEntryBytes);
  std::filesystem::create_symlink("/usr", path_ + "/link");
  EXPECT_LT(TreeBytes(path_, 1 << 30, {}), (1 << 20) + 20 * kEntryBytes);
  EXPECT_EQ(TreeBytes(path_ + "/nowhere", 1 << 30, {}), 0);
}

TEST_F(TreeTest, GivingDropsSetIdBitsAndFollowsNoLink) {
  Write("file", "x");
  Write("program", "x");
  Write("outside", "x");
  std::filesystem::create_directory(path_ + "/sub");
  std::filesystem::create_symlink(path_ + "/outside", path_ + "/sub/link");
  chmod((path_ + "/file").c_str(), 0400);
  chmod((path_ + "/program").c_str(), 06711);
  std::filesystem::rename(path_ + "/file", path_ + "/sub/file");
  std::filesystem::rename(path_ + "/program", path_ + "/sub/program");
  chmod((path_ + "/outside").c_str(), 0600);
  ASSERT_TRUE(GiveTree(path_ + "/sub", -1, true).ok());
  EXPECT_EQ(Mode("sub"), 0777U);
  EXPECT_EQ(Mode("sub/file"), 0666U);
  EXPECT_EQ(Mode("sub/program"), 0777U);
  EXPECT_EQ(Mode("outside"), 0600U);
  ASSERT_TRUE(GiveTree(path_ + "/sub", -1, false).ok());
  EXPECT_EQ(Mode("sub"), 0700U);
  EXPECT_EQ(Mode("sub/file"), 0600U);
  EXPECT_EQ(Mode("sub/program"), 0700U);
  EXPECT_FALSE(GiveTree(path_ + "/nowhere", -1, true).ok());
}

}  // namespace
}  // namespace gofarm::exec
