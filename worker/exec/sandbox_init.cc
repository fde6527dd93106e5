// The process between a worker's Run and bubblewrap: makes the mounts, gives up root, starts bubblewrap, and stays as
// the reaper of the whole tree: orphans of the sandbox become its children, so that it alone can say when the last
// process is gone and what all of them used. One thread.
//
// To the worker (descriptor 4), one line each: "error CODE TEXT" (set-up failed), "ran CODE" (the command ran and
// exited so), "end STATUS CPU_MICROSECONDS LARGEST_BYTES" (everything is gone). When the worker closes its side, for
// whatever reason, the tree is killed.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/process/limits.h"
#include "common/process/pipes.h"
#include "worker/exec/bwrap_args.h"
#include "worker/exec/host_machine.h"
#include "worker/exec/host_probe.h"
#include "worker/exec/init_spec.h"
#include "worker/exec/sampler.h"
#include "worker/exec/sandbox.h"
#include "worker/exec/seccomp.h"
#include "worker/exec/staging.h"

namespace gofarm::exec {
namespace {

constexpr int kSpecFd = 3;
constexpr int kControlFd = 4;
constexpr size_t kStatusMax = 65536;
constexpr int kKillIntervalMs = 10;
constexpr rlim_t kOpenFilesMax = 8192;
// The kernel's own choice under memory pressure should fall on a build and not on worker or database.
constexpr std::string_view kOomScore = "700";

void Send(std::string_view line) {
  const std::string text = Cat(line, "\n");
  ssize_t ignored = send(kControlFd, text.data(), text.size(), MSG_NOSIGNAL);
  (void)ignored;
}

absl::Status LimitTo(int resource, rlim_t value, const char* name) {
  rlimit limit = {};
  if (getrlimit(resource, &limit) != 0) return ErrnoStatus(errno, name);
  limit.rlim_max = std::min(limit.rlim_max, value);
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(resource, &limit) != 0) return ErrnoStatus(errno, name);
  return absl::OkStatus();
}

absl::Status SetLimits(const SandboxLimits& limits) {
  // A dump would be the input of a program of the host, with the memory of a hostile process.
  GOFARM_RETURN_IF_ERROR(process::ForbidCoreDumps());
  GOFARM_RETURN_IF_ERROR(LimitTo(RLIMIT_NOFILE, kOpenFilesMax, "limit open files"));
  // One file alone cannot pass the output limit between two looks at the folders, not even an unlinked one.
  GOFARM_RETURN_IF_ERROR(LimitTo(RLIMIT_FSIZE, static_cast<rlim_t>(limits.output_bytes), "limit file sizes"));
  // The process limit itself comes later (LimitProcesses): here it would count what else this uid runs on the host.
  return LimitTo(RLIMIT_NPROC, RLIM_INFINITY, "raise the process limit to its hard value");
}

// Since Linux 5.14 processes are counted per user namespace. Set on the sandbox's first process, once it is in there,
// the limit counts this sandbox alone: neither other slots nor other programs of the same user.
absl::Status LimitProcesses(pid_t first, int processes) {
  rlimit now = {};
  if (prlimit(first, RLIMIT_NPROC, nullptr, &now) != 0) return ErrnoStatus(errno, "read the process limit");
  const rlim_t value = std::min(now.rlim_max, static_cast<rlim_t>(processes));
  const rlimit wanted = {value, value};
  if (prlimit(first, RLIMIT_NPROC, &wanted, nullptr) != 0) return ErrnoStatus(errno, "limit processes");
  return absl::OkStatus();
}

std::optional<int> JsonNumber(const std::string& text, std::string_view key) {
  const size_t at = text.find(Cat("\"", key, "\":"));
  if (at == std::string::npos) return std::nullopt;
  size_t begin = at + key.size() + 3;
  while (begin < text.size() && text[begin] == ' ') ++begin;
  size_t end = begin;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
  int number = 0;
  // Without what follows, more digits may still be on their way.
  if (end == text.size() || !absl::SimpleAtoi(Av(std::string_view(text).substr(begin, end - begin)), &number)) {
    return std::nullopt;
  }
  return number;
}

class Supervisor {
 public:
  explicit Supervisor(const InitSpec& spec) : spec_(spec) {}

  absl::Status Start(Staged staged);
  void WatchUntilAllGone();

 private:
  void OnBwrapStatus();
  void Reap();
  void KillChildren();

  const InitSpec& spec_;
  io::Fd status_, block_, child_events_;
  pid_t bwrap_ = 0;
  int bwrap_result_ = 0;
  std::string json_;
  bool released_ = false;
  bool exit_sent_ = false;
  bool killing_ = false;
  bool all_gone_ = false;
};

// Replaces the child by bubblewrap; everything was made before.
[[noreturn]] void BecomeBwrap(const InitSpec& spec, const std::vector<int>& inherited, int args_fd, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != parent) _exit(127);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  umask(0);  // builds of different slots share folders
  for (const int fd : inherited) fcntl(fd, F_SETFD, 0);
  // Options go by descriptor, so that /proc/1/cmdline inside shows the command only.
  std::vector<std::string> words = {"bwrap", "--args", Cat(args_fd), "--"};
  words.insert(words.end(), spec.sandbox.argv.begin(), spec.sandbox.argv.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  char* const empty[] = {nullptr};
  execve(spec.bwrap.c_str(), argv.data(), empty);
  const std::string message = ErrnoStatus(errno, Cat("start ", spec.bwrap)).ToString();
  Send(Cat("error ", static_cast<int>(absl::StatusCode::kFailedPrecondition), " ", message));
  _exit(127);
}

absl::Status Supervisor::Start(Staged staged) {
  GOFARM_ASSIGN_OR_RETURN(process::PipeEnds status, process::MakePipe());
  GOFARM_ASSIGN_OR_RETURN(process::PipeEnds block, process::MakePipe());
  io::Fd filter;
  if (spec_.defences.system_call_filter) {
    GOFARM_ASSIGN_OR_RETURN(filter, process::MakeMemoryFile(SeccompProgram(MachineOf(spec_.bwrap))));
  }
  staged.status_fd = status.write.get();
  staged.block_fd = block.read.get();
  staged.seccomp_fd = filter.get();
  std::string joined;
  for (const std::string& arg : BwrapOptions(spec_, staged)) joined.append(arg).push_back('\0');
  GOFARM_ASSIGN_OR_RETURN(const io::Fd args, process::MakeMemoryFile(joined));

  // A worker that runs under qemu-user gets EINVAL, which no kernel says. It loses the orphans of a bubblewrap that is
  // killed, which end with their pid namespace; one that ends by itself ends after all of them.
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0 && errno != EINVAL) return ErrnoStatus(errno, "become the reaper");
  sigset_t child_signal;
  sigemptyset(&child_signal);
  sigaddset(&child_signal, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child_signal, nullptr);
  child_events_ = io::Fd(signalfd(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!child_events_) return ErrnoStatus(errno, "watch children");

  std::vector<int> inherited = {staged.status_fd, staged.block_fd, args.get()};
  if (filter) inherited.push_back(filter.get());
  const pid_t self = getpid();
  bwrap_ = fork();
  if (bwrap_ < 0) return ErrnoStatus(errno, "fork for bubblewrap");
  if (bwrap_ == 0) BecomeBwrap(spec_, inherited, args.get(), self);
  status_ = std::move(status.read);
  block_ = std::move(block.write);
  process::SetNonBlocking(status_.get());
  // Its output pipe is the build's alone: the worker sees its end when the build is gone.
  const io::Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (null) {
    dup2(null.get(), STDOUT_FILENO);
    dup2(null.get(), STDERR_FILENO);
  }
  return absl::OkStatus();
}

void Supervisor::OnBwrapStatus() {
  char buffer[4096];
  const ssize_t n = read(status_.get(), buffer, sizeof buffer);
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) status_.Close();
  if (n > 0 && json_.size() < kStatusMax) json_.append(buffer, static_cast<size_t>(n));
  if (!released_ && !killing_) {
    const std::optional<int> first = JsonNumber(json_, "child-pid");
    if (!first) return;
    if (absl::Status limited = LimitProcesses(*first, spec_.sandbox.limits.processes); !limited.ok()) {
      Send(Cat("error ", limited.raw_code(), " ", limited.message()));
      killing_ = true;
      return;
    }
    released_ = true;
    ssize_t ignored = write(block_.get(), "x", 1);
    (void)ignored;
    block_.Close();
  }
  if (exit_sent_) return;
  if (const std::optional<int> code = JsonNumber(json_, "exit-code")) {
    exit_sent_ = true;
    Send(Cat("ran ", *code));
  }
}

void Supervisor::Reap() {
  signalfd_siginfo ignored;
  while (read(child_events_.get(), &ignored, sizeof ignored) > 0) {
  }
  while (true) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid == 0) return;
    if (pid < 0) {
      all_gone_ = errno == ECHILD;
      return;
    }
    if (pid != bwrap_) continue;
    bwrap_result_ = status;
    killing_ = true;  // whatever it left behind goes now
  }
}

// Orphans have become children, so a few rounds reach everything, also what a dying pid namespace has not ended yet.
void Supervisor::KillChildren() {
  for (const pid_t pid : SampleTree(getpid()).pids) kill(pid, SIGKILL);
}

void Supervisor::WatchUntilAllGone() {
  while (!all_gone_) {
    pollfd fds[] = {
        {killing_ ? -1 : kControlFd, POLLIN, 0}, {status_.get(), POLLIN, 0}, {child_events_.get(), POLLIN, 0}};
    if (poll(fds, std::size(fds), killing_ ? kKillIntervalMs : -1) < 0 && errno != EINTR) break;
    if (fds[1].revents != 0) OnBwrapStatus();
    // The worker never writes: readable means closed.
    if (fds[0].revents != 0) killing_ = true;
    Reap();
    if (killing_ && !all_gone_) KillChildren();
  }
  while (status_) {  // bubblewrap is gone: what it said is all in the pipe
    const size_t before = json_.size();
    OnBwrapStatus();
    if (json_.size() == before) break;
  }
  rusage usage = {};
  getrusage(RUSAGE_CHILDREN, &usage);
  const int64_t cpu = (int64_t{usage.ru_utime.tv_sec} + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
                      usage.ru_stime.tv_usec;
  Send(Cat("end ", bwrap_result_, " ", cpu, " ", int64_t{usage.ru_maxrss} * 1024));
}

absl::Status Main() {
  process::CloseFrom(kControlFd + 1);
  fcntl(kSpecFd, F_SETFD, FD_CLOEXEC);
  fcntl(kControlFd, F_SETFD, FD_CLOEXEC);
  GOFARM_ASSIGN_OR_RETURN(const std::string bytes, io::ReadAll(kSpecFd, kInitSpecMax, "the sandbox spec"));
  close(kSpecFd);
  GOFARM_ASSIGN_OR_RETURN(const InitSpec spec, DecodeInitSpec(bytes));

  GOFARM_RETURN_IF_ERROR(SetLimits(spec.sandbox.limits));
  if (const io::Fd score(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)); score) {
    ssize_t ignored = write(score.get(), kOomScore.data(), kOomScore.size());
    (void)ignored;
  }
  GOFARM_RETURN_IF_ERROR(EnterNamespaces(spec));
  GOFARM_ASSIGN_OR_RETURN(Staged staged, StageMounts(spec));
  GOFARM_RETURN_IF_ERROR(DropPrivileges(spec));
  Supervisor supervisor(spec);
  GOFARM_RETURN_IF_ERROR(supervisor.Start(std::move(staged)));
  supervisor.WatchUntilAllGone();
  return absl::OkStatus();
}

}  // namespace

int SandboxInitMain() {
  if (getenv(kHostProbeVariable) != nullptr) HostProbeMain();
  const absl::Status status = Main();
  if (status.ok()) return 0;
  Send(Cat("error ", status.raw_code(), " ", EscapeForPrint(Sv(status.message()))));
  return 1;
}

}  // namespace gofarm::exec
