// Every defence twice: inside the sandbox the attack must fail, and the same program without that defence must succeed
// (a positive control, else a broken attacker would pass for a good defence).
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "common/base/text.h"
#include "common/process/pipes.h"
#include "common/process/proc_fs.h"
#include "common/process/run.h"
#include "common/process/spawn.h"
#include "tests/unit/worker_exec/sandbox_fixture.h"
#include "worker/exec/sampler.h"

namespace gofarm::exec {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

class HostileTest : public SandboxTest {};

struct Listener {
  io::Fd fd;
  std::string name;
};

Listener ListenTcp() {
  Listener listener{io::Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), ""};
  sockaddr_in at = {};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  EXPECT_EQ(bind(listener.fd.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
  EXPECT_EQ(listen(listener.fd.get(), 8), 0);
  getsockname(listener.fd.get(), reinterpret_cast<sockaddr*>(&at), &size);
  listener.name = Cat(ntohs(at.sin_port));
  return listener;
}

Listener ListenAbstract() {
  Listener listener{io::Fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), Cat("gofarm-test-", getpid())};
  sockaddr_un at = {};
  at.sun_family = AF_UNIX;
  memcpy(at.sun_path + 1, listener.name.data(), listener.name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + listener.name.size());
  EXPECT_EQ(bind(listener.fd.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
  EXPECT_EQ(listen(listener.fd.get(), 8), 0);
  return listener;
}

TEST_F(HostileTest, ReachesNoListenerOfTheHostOverTcp) {
  const Listener listener = ListenTcp();
  EXPECT_TRUE(Run({"tcp", listener.name}).Exited(1)) << Run({"tcp", listener.name});
  SandboxSpec with_network = Spec({"tcp", listener.name});
  with_network.network = true;
  const Seen control = Run(with_network);
  EXPECT_TRUE(control.Exited(0)) << control;
}

TEST_F(HostileTest, ReachesNoAbstractUnixSocketOfTheHost) {
  const Listener listener = ListenAbstract();
  const Seen seen = Run({"abstract", listener.name});
  EXPECT_TRUE(seen.Exited(1)) << seen;
  SandboxSpec with_network = Spec({"abstract", listener.name});
  with_network.network = true;
  const Seen control = Run(with_network);
  EXPECT_TRUE(control.Exited(0)) << control;
}

// A network namespace does not keep AF_VSOCK in: in a virtual machine it reaches the host of it.
TEST_F(HostileTest, OpensSocketsOfTheUnixAndIpFamiliesOnly) {
  const Seen other = Run({"socket", Cat(AF_NETLINK)});
  EXPECT_TRUE(other.Exited(1)) << other;
  EXPECT_THAT(other.output, HasSubstr("Address family not supported"));
  const Seen control = RunWeakened(Spec({"socket", Cat(AF_NETLINK)}), {.system_call_filter = false});
  EXPECT_TRUE(control.Exited(0)) << control;
  for (const int family : {AF_VSOCK, AF_PACKET, AF_ALG}) EXPECT_TRUE(Run({"socket", Cat(family)}).Exited(1)) << family;
  for (const int family : {AF_UNIX, AF_INET, AF_INET6}) EXPECT_TRUE(Run({"socket", Cat(family)}).Exited(0)) << family;
  EXPECT_TRUE(Run({"socket-pair", Cat(AF_UNIX)}).Exited(0));
  EXPECT_THAT(Run({"socket-pair", Cat(AF_TIPC)}).output, HasSubstr("Address family not supported"));
}

TEST_F(HostileTest, SeesOnlyTheEnvironmentItWasGiven) {
  setenv("FARM_SECRET_TOKEN", "hunter2-in-the-environment", 1);
  EXPECT_THAT(RunBare({"environment"}).output, HasSubstr("hunter2-in-the-environment"));
  const Seen seen = Run({"environment"});
  EXPECT_TRUE(seen.Exited(0)) << seen;
  EXPECT_EQ(seen.output, "PATH=/go/bin\nHOME=/job/home\nPWD=/\n");
  // The processes around it inherit nothing either.
  for (const char* file : {"/proc/1/environ", "/proc/1/cmdline"}) {
    const Seen first = Run({"read", file});
    EXPECT_THAT(first.output, AllOf(Not(HasSubstr("hunter2")), Not(HasSubstr(folder_)))) << file;
  }
}

TEST_F(HostileTest, SeesNoProcessOfTheHost) {
  ASSERT_FALSE(ProcessesWith(SelfExe()).empty() && RunBare({"processes"}).output.empty());
  const std::string host = RunBare({"processes"}).output;
  EXPECT_THAT(host, HasSubstr("suite"));
  const Seen seen = Run({"processes"});
  EXPECT_TRUE(seen.Exited(0)) << seen;
  EXPECT_THAT(seen.output, AllOf(HasSubstr("/probe"), Not(HasSubstr("suite"))));
}

TEST_F(HostileTest, ReadsNoFileOfTheHost) {
  Write("farm.json", "the farm's own");
  for (const std::string& file : {std::string("/etc/passwd"), std::string("/usr/include/stdio.h"),
                                  std::string("/etc/os-release"), Path("farm.json"), SelfExe()}) {
    EXPECT_EQ(RunBare({"read", file}).exit_code, 0) << "control: " << file;
    const Seen seen = Run({"read", file});
    if (file == "/etc/passwd") {
      EXPECT_EQ(seen.output, "build:x:1000:1000::/job/home:/nonexistent\n");
    } else {
      EXPECT_TRUE(seen.Exited(1)) << file << ": " << seen;
    }
  }
  EXPECT_EQ(RunBare({"list", "/usr"}).exit_code, 0);
  for (const char* folder : {"/root", "/home", "/usr", "/var", "/sys", "/run", "/mnt"}) {
    const Seen seen = Run({"list", folder});
    EXPECT_TRUE(seen.Exited(1)) << folder << ": " << seen;
  }
}

TEST_F(HostileTest, FindsOnlyWhatWasMountedInItsRootAndEtc) {
  const Seen root = Run({"list", "/"});
  EXPECT_EQ(root.output.find("mnt"), std::string::npos);
  EXPECT_THAT(root.output, AllOf(HasSubstr("probe\n"), HasSubstr("src\n"), HasSubstr("out\n"), HasSubstr("proc\n")));
  EXPECT_EQ(std::count(root.output.begin(), root.output.end(), '\n'), 7) << root.output;  // and dev, etc, tmp
  const Seen etc = Run({"list", "/etc"});
  EXPECT_EQ(std::count(etc.output.begin(), etc.output.end(), '\n'), 3) << etc.output;  // passwd, group, hosts
}

TEST_F(HostileTest, ReadsNoFolderOfAnotherJob) {
  Write("seed/secret", "of another job");
  EXPECT_EQ(RunBare({"read", Path("seed/secret")}).output, "of another job");
  const Seen seen = Run({"read", Path("seed/secret")});
  EXPECT_TRUE(seen.Exited(1)) << seen;
  Write("src/mine", "of this job");
  EXPECT_EQ(Run({"read", "/src/mine"}).output, "of this job");
}

TEST_F(HostileTest, WritesToNoReadOnlyMountRootOrDev) {
  Write("src/file", "source");
  chmod(Path("src").c_str(), 0777);
  chmod(Path("src/file").c_str(), 0666);
  for (const char* file : {"/src/file", "/src/new", "/new", "/dev/new", "/dev/shm/new", "/etc/passwd", "/probe"}) {
    const Seen seen = Run({"write", file});
    EXPECT_TRUE(seen.Exited(1)) << file << ": " << seen;
  }
  EXPECT_EQ(Read("src/file"), "source");
  SandboxSpec writable = Spec({"write", "/src/file"});
  writable.binds[1].writable = true;
  const Seen control = Run(writable);
  EXPECT_TRUE(control.Exited(0)) << control;
  EXPECT_EQ(Read("src/file"), "hostile\n");
}

TEST_F(HostileTest, HasNoCapability) {
  const std::string control = RunBare({"root-in-namespace", "read", "/proc/self/status"}).output;
  EXPECT_THAT(control, Not(HasSubstr("CapEff:\t0000000000000000")));
  EXPECT_THAT(control, HasSubstr("CapEff:\t"));
  const Seen seen = Run({"read", "/proc/self/status"});
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
    EXPECT_THAT(seen.output, HasSubstr(Cat(set, ":\t0000000000000000\n")));
  }
}

TEST_F(HostileTest, IsNeverKernelUidZero) {
  const std::string marker = Cat("uid-marker-", getpid());
  std::thread run([&] {
    SandboxSpec spec = Spec({"hold", "3", marker});
    spec.slot = 3;
    const Seen seen = Run(spec);
    EXPECT_TRUE(seen.Exited(0)) << seen;
  });
  ASSERT_TRUE(EventuallyAtLeast(marker, 1, absl::Seconds(10)));
  int checked = 0;
  for (const int pid : ProcessesWith(marker)) {
    const std::string status = process::ReadProcFile(Cat("/proc/", pid, "/status"));
    if (status.empty()) continue;
    ++checked;
    const int uid = sandbox_.BuildUid(3);
    EXPECT_NE(uid, 0);
    EXPECT_THAT(status, HasSubstr(Cat("Uid:\t", uid, "\t", uid, "\t", uid, "\t", uid, "\n")));
  }
  EXPECT_GE(checked, 1);
  run.join();
  EXPECT_THAT(Run({"identity"}).output, HasSubstr("uid=1000 euid=1000 gid=1000 umask=0 host=gofarm"));
}

TEST_F(HostileTest, MakesNoUserNamespace) {
  const SandboxSpec spec = Spec({"user-namespace"});
  const Seen seen = Run(spec);
  EXPECT_TRUE(seen.Exited(1)) << seen;
  const Seen without_filter = RunWeakened(spec, {.system_call_filter = false});
  EXPECT_TRUE(without_filter.Exited(1)) << without_filter;
  const Seen control = RunWeakened(spec, {.system_call_filter = false, .no_nested_user_namespaces = false});
  EXPECT_TRUE(control.Exited(0)) << control;
}

TEST_F(HostileTest, MountsNothing) {
  EXPECT_EQ(RunBare({"root-in-namespace", "mount", Path("out")}).exit_code, 0);
  const Seen seen = Run({"mount", "/out"});
  EXPECT_TRUE(seen.Exited(1)) << seen;
  const Seen without_filter = RunWeakened(Spec({"mount", "/out"}), {.system_call_filter = false});
  EXPECT_TRUE(without_filter.Exited(1)) << without_filter;
  const Seen control = RunWeakened(Spec({"root-in-namespace", "mount", "/out"}),
                                   {.system_call_filter = false, .no_nested_user_namespaces = false});
  EXPECT_TRUE(control.Exited(0)) << control;
}

TEST_F(HostileTest, HidesNoMemoryFromTheSampler) {
  for (const char* verb : {"memfd", "shm"}) {
    const Seen seen = Run({verb});
    EXPECT_TRUE(seen.Exited(1)) << verb << ": " << seen;
    const Seen control = RunWeakened(Spec({verb}), {.system_call_filter = false});
    EXPECT_TRUE(control.Exited(0)) << verb << ": " << control;
  }
}

TEST_F(HostileTest, TracesAndSignalsNoProcessOfTheHost) {
  process::Command victim;
  const std::string marker = Cat("victim-", getpid());
  victim.argv = {AttackerExe(), "hold", "60", marker};
  std::stop_source stop;
  std::thread holder([&] { (void)process::Run(Scope::For(absl::Minutes(1), stop.get_token()), victim); });
  ASSERT_TRUE(EventuallyAtLeast(marker, 1, absl::Seconds(10)));
  const std::string pid = Cat(ProcessesWith(marker).at(0));
  EXPECT_EQ(RunBare({"signal", pid}).exit_code, 0);
  EXPECT_EQ(RunBare({"ptrace", pid}).exit_code, 0);
  for (const char* verb : {"signal", "ptrace"}) {
    const Seen seen = RunWeakened(Spec({verb, pid}), {.system_call_filter = false});
    EXPECT_TRUE(seen.Exited(1)) << verb << ": " << seen;
  }
  stop.request_stop();
  holder.join();
}

TEST_F(HostileTest, GainsNothingFromSetUidPrograms) {
  EXPECT_THAT(RunBare({"read", "/proc/self/status"}).output, HasSubstr("NoNewPrivs:\t0"));
  EXPECT_THAT(Run({"read", "/proc/self/status"}).output, HasSubstr("NoNewPrivs:\t1"));
  if (SetUidAttacker().empty()) return;  // only root can make one: the same suite started by root shows the rest
  // Control: an ordinary user of the host becomes root by it.
  const pid_t pid = fork();
  if (pid == 0) {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(9);
    execl(SetUidAttacker().c_str(), "attacker", "list", "/root", nullptr);
    _exit(9);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0) << "control";
  SandboxSpec spec = Spec({"identity"});
  spec.binds[0].source = SetUidAttacker();
  const Seen seen = Run(spec);
  EXPECT_THAT(seen.output, HasSubstr("uid=1000 euid=1000")) << seen;
}

TEST_F(HostileTest, InheritsNoFileDescriptor) {
  Write("secret", "open in the worker");
  const int leaked = open(Path("secret").c_str(), O_RDONLY);  // without close-on-exec, as a careless library would
  ASSERT_GE(leaked, 0);
  FILE* control = popen(Cat(AttackerExe(), " list /proc/self/fd").c_str(), "r");
  char text[4096] = {};
  const size_t n = fread(text, 1, sizeof text - 1, control);
  pclose(control);
  EXPECT_THAT(std::string(text, n), HasSubstr(Cat(leaked, "\n")));
  const Seen seen = Run({"list", "/proc/self/fd"});
  EXPECT_EQ(seen.output, "0\n1\n2\n3\n") << "3 is the listing itself";
  close(leaked);
}

int ForksMade(const std::string& output) {
  const size_t at = output.find("forks ");
  return at == std::string::npos ? -1 : atoi(output.c_str() + at + 6);
}

TEST_F(HostileTest, AForkStormStopsAtTheLimit) {
  SandboxSpec spec = Spec({"forks", "100", "0"});
  spec.limits.processes = 30;
  const Seen seen = Run(spec);
  EXPECT_GE(ForksMade(seen.output), 20) << seen;
  EXPECT_LE(ForksMade(seen.output), 30) << seen;
  spec.limits.processes = 200;
  const Seen control = Run(spec);
  EXPECT_EQ(ForksMade(control.output), 100) << control;
}

TEST_F(HostileTest, AForkStormDoesNotStarveAnotherSlot) {
  const std::string marker = Cat("storm-", getpid());
  SandboxSpec storm = Spec({"forks", "100", "30", marker});
  storm.limits.processes = 30;
  std::stop_source stop;
  std::thread first([&] {
    EXPECT_TRUE(Run(storm, Scope{absl::InfiniteFuture(), stop.get_token()}).EndedBy(EndedBy::kStopped));
  });
  EXPECT_TRUE(EventuallyAtLeast(marker, 20, absl::Seconds(10)));
  SandboxSpec neighbour = Spec({"forks", "20", "0"});
  neighbour.limits.processes = 30;
  neighbour.slot = 1;
  const Seen seen = Run(neighbour);
  EXPECT_EQ(ForksMade(seen.output), 20) << seen;
  stop.request_stop();
  first.join();
}

TEST_F(HostileTest, DiesWithTheWorkerWhateverKillsIt) {
  const std::string marker = Cat("orphan-", getpid());
  for (const std::string how : {"sandbox", "bare"}) {
    process::ChildSpec worker;
    worker.path = SelfExe();
    worker.argv = {worker.path, "drive", how, marker};
    worker.environment = process::InheritedEnvironment();
    const absl::StatusOr<io::Fd> null = process::MakeMemoryFile("");
    worker.fds = {{null->get(), 0}, {null->get(), 1}, {null->get(), 2}};
    const absl::StatusOr<pid_t> pid = process::SpawnChild(worker);
    ASSERT_TRUE(pid.ok()) << pid.status();
    // Between fork and exec a child still looks like its parent.
    ASSERT_TRUE(how == "bare" ? EventuallyAtLeast(marker + "-held", 1, absl::Seconds(20))
                              : EventuallyAtLeast(marker, 7, absl::Seconds(20)))
        << how;
    kill(*pid, SIGKILL);
    waitpid(*pid, nullptr, 0);
    if (how == "sandbox") {
      EXPECT_TRUE(EventuallyNone(marker, absl::Seconds(5)));
    } else {
      EXPECT_FALSE(EventuallyNone(marker, absl::Seconds(1))) << "control: a plain child lives on";
      for (const int left : ProcessesWith(marker)) kill(left, SIGKILL);
    }
  }
}

}  // namespace
}  // namespace gofarm::exec
