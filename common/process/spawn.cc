#include "common/process/spawn.h"

#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/process/pipes.h"
#include "common/process/proc_fs.h"
#include "common/process/program.h"

extern char** environ;

namespace gofarm::process {
namespace {

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& s : strings) pointers.push_back(const_cast<char*>(s.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// An ordinary user that every Debian knows by name: initdb looks its own up and gives up without one.
struct Ids {
  unsigned uid = 65534;
  unsigned gid = 65534;
};
Ids PlainUser() {
  for (const char* name : {"postgres", "nobody"}) {
    const passwd* const user = getpwnam(name);
    if (user != nullptr && user->pw_uid != 0) return {user->pw_uid, user->pw_gid};
  }
  return {};
}

// What the child needs, all made before fork.
struct Prepared {
  const char* path;
  char* const* argv;
  char* const* environment;
  const char* working_directory;
  const std::pair<int, int>* fds;
  size_t fd_count;
  int error_fd;
  int close_from;
  Leads leads;
  int death_signal;
  bool detached;
  const char* oom_score;  // nullptr: as the parent
  const char* uid_map;    // nullptr: no user namespace
  const char* gid_map;
  pid_t parent;
};

// What a child that could not become the program writes. `step` is a literal, which the parent has at the same address.
struct ChildFailure {
  int error;
  const char* step;
};

// From here to ChildMain: runs in the child, async-signal-safe calls only.

[[noreturn]] void Fail(int report_fd, const char* step) {
  const ChildFailure failure = {errno, step};
  [[maybe_unused]] const ssize_t n = write(report_fd, &failure, sizeof failure);
  _exit(127);
}

bool WriteMap(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t length = static_cast<ssize_t>(strlen(text));
  const bool ok = write(fd, text, static_cast<size_t>(length)) == length;
  const int error = errno;
  close(fd);
  errno = error;
  return ok;
}

// The same as `bwrap --unshare-user --uid UID --gid GID --dev-bind / /`, without a process in between that would have
// to pass signals on.
void EnterUserNamespace(const Prepared& p, int report_fd) {
  if (syscall(SYS_unshare, CLONE_NEWUSER) != 0) Fail(report_fd, ": unshare(user namespace)");
  WriteMap("/proc/self/setgroups", "deny");  // absent on old kernels; the next write fails where it was needed
  if (!WriteMap("/proc/self/uid_map", p.uid_map)) Fail(report_fd, ": write uid_map");
  if (!WriteMap("/proc/self/gid_map", p.gid_map)) Fail(report_fd, ": write gid_map");
}

// CloseFrom's fallback reads a folder, so old kernels rely on close-on-exec alone.
[[noreturn]] void ChildMain(const Prepared& p) {
  struct sigaction plain = {};
  plain.sa_handler = SIG_DFL;
  for (int s = 1; s < NSIG; ++s) sigaction(s, &plain, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (p.leads == Leads::kSession) {
    setsid();
  } else {
    setpgid(0, 0);
  }
  if (p.detached) {
    const pid_t second = fork();
    if (second < 0) Fail(p.error_fd, ": fork");
    if (second > 0) _exit(0);
  }
  for (size_t i = 0; i < p.fd_count; ++i) {
    if (dup2(p.fds[i].first, p.fds[i].second) < 0) Fail(p.error_fd, ": dup2");
  }
  const int report_fd = p.close_from;
  if (dup2(p.error_fd, report_fd) < 0) Fail(p.error_fd, ": dup2");
  fcntl(report_fd, F_SETFD, FD_CLOEXEC);
#ifdef SYS_close_range
  syscall(SYS_close_range, static_cast<unsigned>(report_fd + 1), ~0U, 0U);
#endif
  if (p.uid_map != nullptr) EnterUserNamespace(p, report_fd);
  if (p.death_signal != 0) {
    // After the namespace: a change of credentials clears it.
    if (prctl(PR_SET_PDEATHSIG, p.death_signal, 0, 0, 0) != 0) Fail(report_fd, ": prctl(PDEATHSIG)");
    if (getppid() != p.parent) _exit(127);  // it died before the line above
  }
  if (p.oom_score != nullptr) WriteMap("/proc/self/oom_score_adj", p.oom_score);  // raising needs no right
  if (p.working_directory != nullptr && chdir(p.working_directory) != 0) Fail(report_fd, "");
  execve(p.path, p.argv, p.environment);
  Fail(report_fd, "");
}

std::vector<std::string> Assignments(const Variables& variables) {
  std::vector<std::string> all;
  all.reserve(variables.size());
  for (const auto& [name, value] : variables) all.push_back(Cat(name, "=", value));
  return all;
}

absl::StatusOr<pid_t> SpawnWithLog(ChildSpec child, const std::string& log_file) {
  GOFARM_ASSIGN_OR_RETURN(const io::Fd log, OpenForChild(log_file, O_WRONLY | O_CREAT | O_APPEND));
  GOFARM_ASSIGN_OR_RETURN(const io::Fd null, OpenForChild("/dev/null", O_RDONLY));
  child.fds = {{null.get(), 0}, {log.get(), 1}, {log.get(), 2}};
  return SpawnChild(child);
}

}  // namespace

Variables InheritedEnvironment(const std::vector<std::string>& drop) {
  Variables all;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    std::string name(text.substr(0, equals));
    if (std::find(drop.begin(), drop.end(), name) != drop.end()) continue;
    all.emplace_back(std::move(name), text.substr(equals + 1));
  }
  return all;
}

Variables InheritedWith(const Variables& variables) {
  std::vector<std::string> names;
  for (const auto& [name, value] : variables) names.push_back(name);
  Variables all = InheritedEnvironment(names);
  all.insert(all.end(), variables.begin(), variables.end());
  return all;
}

absl::StatusOr<pid_t> SpawnChild(const ChildSpec& spec) {
  GOFARM_ASSIGN_OR_RETURN(PipeEnds errors, MakePipe());
  const std::vector<char*> argv = Pointers(spec.argv);
  const std::vector<std::string> assignments = Assignments(spec.environment);
  const std::string oom_score = Cat(spec.oom_score_adj);
  const std::vector<char*> environment = Pointers(assignments);
  int highest = -1;
  for (const auto& [ours, theirs] : spec.fds) {
    GOFARM_CHECK(ours >= 10 && theirs < 9);
    highest = std::max(highest, theirs);
  }
  std::string uid_map, gid_map;
  if (spec.not_as_root && (geteuid() == 0 || getpwuid(geteuid()) == nullptr)) {
    const Ids inside = PlainUser();
    uid_map = Cat(inside.uid, " ", geteuid(), " 1");
    gid_map = Cat(inside.gid, " ", getegid(), " 1");
  }
  const Prepared prepared = {
      .path = spec.path.c_str(),
      .argv = argv.data(),
      .environment = environment.data(),
      .working_directory = spec.working_directory.empty() ? nullptr : spec.working_directory.c_str(),
      .fds = spec.fds.data(),
      .fd_count = spec.fds.size(),
      .error_fd = errors.write.get(),
      .close_from = highest + 1,
      .leads = spec.leads,
      .death_signal = spec.death_signal,
      .detached = spec.detached,
      .oom_score = spec.oom_score_adj == 0 ? nullptr : oom_score.c_str(),
      .uid_map = uid_map.empty() ? nullptr : uid_map.c_str(),
      .gid_map = gid_map.empty() ? nullptr : gid_map.c_str(),
      .parent = getpid(),
  };
  // No signal handler of ours may run in the child before it has put the defaults back.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = fork();
  if (pid == 0) ChildMain(prepared);
  const int fork_errno = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return ErrnoStatus(fork_errno, Cat("start ", spec.path));

  errors.write.Close();
  ChildFailure failed = {};
  ssize_t n = 0;
  do {
    n = read(errors.read.get(), &failed, sizeof failed);
  } while (n < 0 && errno == EINTR);
  if (n == 0 && !spec.detached) return pid;  // closed by exec
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (n == 0) return 0;
  if (n != sizeof failed) return absl::InternalError(Cat("start ", spec.path, ": no answer from the child"));
  return ErrnoStatus(failed.error, Cat("start ", spec.path, spec.working_directory.empty() ? "" : " in ",
                                       spec.working_directory, std::string_view(failed.step)));
}

absl::StatusOr<ProcessId> SpawnDaemon(const DaemonSpec& spec) {
  if (spec.argv.empty()) return absl::InvalidArgumentError("start: no program named");
  ChildSpec child = {.argv = spec.argv,
                     .environment = spec.environment,
                     .leads = Leads::kGroup,
                     .death_signal = spec.death_signal,
                     .not_as_root = spec.not_as_root};
  GOFARM_ASSIGN_OR_RETURN(child.path, FindProgram(spec.argv[0]));
  GOFARM_ASSIGN_OR_RETURN(const pid_t pid, SpawnWithLog(std::move(child), spec.log_file));
  const std::optional<ProcStat> stat = ReadProcStat(pid);
  return ProcessId{.pid = pid, .start_time = stat ? stat->start_time : 0};
}

absl::Status SpawnDetached(const std::vector<std::string>& argv, const std::string& log_file) {
  if (argv.empty()) return absl::InvalidArgumentError("start: no program named");
  ChildSpec child = {.argv = argv, .environment = InheritedEnvironment(), .working_directory = "/", .detached = true};
  GOFARM_ASSIGN_OR_RETURN(child.path, FindProgram(argv[0]));
  return SpawnWithLog(std::move(child), log_file).status();
}

}  // namespace gofarm::process
