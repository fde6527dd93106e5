#include "cli/embedded/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <set>

#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"

extern char** environ;

namespace gofarm::embedded {
namespace {

struct Stat {
  char state = 0;
  int parent = 0;
  int64_t start_time = 0;
};

std::optional<Stat> ReadStat(int pid) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  io::Fd fd(open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  char buffer[1024];
  const ssize_t n = read(fd.get(), buffer, sizeof buffer - 1);
  if (n <= 0) return std::nullopt;
  buffer[n] = '\0';
  // The second field is the program's name in parentheses and may hold anything, also parentheses.
  const char* after = std::strrchr(buffer, ')');
  if (after == nullptr) return std::nullopt;
  Stat stat;
  long long start = 0;
  if (std::sscanf(after + 1, " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %lld",
                  &stat.state, &stat.parent, &start) != 3) {
    return std::nullopt;
  }
  stat.start_time = start;
  return stat;
}

bool IsDead(char state) { return state == 'Z' || state == 'X'; }

template <typename Visit>
void ForEachProcess(const Visit& visit) {
  DIR* const proc = opendir("/proc");
  if (proc == nullptr) return;
  while (const dirent* entry = readdir(proc)) {
    const int pid = std::atoi(entry->d_name);
    if (pid <= 0) continue;
    if (const std::optional<Stat> stat = ReadStat(pid)) visit(pid, *stat);
  }
  closedir(proc);
}

// What the child needs, made before fork: between fork and exec only system calls are safe.
struct Image {
  std::vector<std::string> texts;
  std::vector<char*> argv;
  std::vector<char*> envp;
  bool user_namespace = false;
  std::string uid_map;
  std::string gid_map;
};

// An ordinary user that every Debian knows by name: initdb looks its own up and gives up without one.
struct Ids {
  unsigned uid = 65534;
  unsigned gid = 65534;
};
Ids PlainUser() {
  for (const char* name : {"postgres", "nobody"}) {
    if (const passwd* const user = getpwnam(name); user != nullptr && user->pw_uid != 0)
      return {user->pw_uid, user->pw_gid};
  }
  return {};
}

Image MakeImage(const SpawnSpec& spec) {
  Image image;
  std::vector<std::string> environment;
  if (!spec.clean_environment) {
    for (char** e = environ; *e != nullptr; ++e) {
      const std::string_view entry(*e);
      const bool replaced = std::any_of(spec.environment.begin(), spec.environment.end(), [&](const auto& pair) {
        return entry.substr(0, pair.first.size() + 1) == pair.first + "=";
      });
      if (!replaced) environment.emplace_back(entry);
    }
  }
  for (const auto& [name, value] : spec.environment) environment.push_back(name + "=" + value);
  const size_t arguments = spec.argv.size();
  image.texts = spec.argv;
  image.texts.insert(image.texts.end(), environment.begin(), environment.end());
  for (size_t i = 0; i < image.texts.size(); ++i) {
    (i < arguments ? image.argv : image.envp).push_back(image.texts[i].data());
  }
  image.argv.push_back(nullptr);
  image.envp.push_back(nullptr);
  image.user_namespace = spec.not_as_root && (geteuid() == 0 || getpwuid(geteuid()) == nullptr);
  if (image.user_namespace) {
    const Ids inside = PlainUser();
    image.uid_map = Cat(inside.uid, " ", geteuid(), " 1");
    image.gid_map = Cat(inside.gid, " ", getegid(), " 1");
  }
  return image;
}

struct ChildFailure {
  int error = 0;
  char step[32] = {};
};

[[noreturn]] void Report(int fd, int error, const char* step) {
  ChildFailure failure;
  failure.error = error;
  std::strncpy(failure.step, step, sizeof failure.step - 1);
  [[maybe_unused]] const ssize_t n = write(fd, &failure, sizeof failure);
  _exit(127);
}

bool WriteMap(const char* path, const std::string& text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool ok = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  return ok;
}

// The same as `bwrap --unshare-user --uid UID --gid GID --dev-bind / /`, without a process in between that would have
// to pass signals on.
void EnterUserNamespace(const Image& image, int report_fd) {
  if (syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */) != 0) Report(report_fd, errno, "unshare(user namespace)");
  static const std::string kDeny = "deny";
  WriteMap("/proc/self/setgroups", kDeny);  // absent on old kernels; the next write fails where it was needed
  if (!WriteMap("/proc/self/uid_map", image.uid_map)) Report(report_fd, errno, "write uid_map");
  if (!WriteMap("/proc/self/gid_map", image.gid_map)) Report(report_fd, errno, "write gid_map");
}

void PrepareChild(const SpawnSpec& spec, const Image& image, int in, int out, int err, int report_fd, pid_t parent) {
  setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int s : {SIGPIPE, SIGHUP, SIGINT, SIGTERM, SIGCHLD}) signal(s, SIG_DFL);
  if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) Report(report_fd, errno, "dup2");
  if (image.user_namespace) EnterUserNamespace(image, report_fd);
  if (spec.death_signal != 0) {
    // After the namespace: a change of credentials clears it.
    if (prctl(PR_SET_PDEATHSIG, spec.death_signal) != 0) Report(report_fd, errno, "prctl(PDEATHSIG)");
    if (getppid() != parent) _exit(127);
  }
  execve(image.argv[0], image.argv.data(), image.envp.data());
  Report(report_fd, errno, "execve");
}

// Forks with the three descriptors as stdin, stdout and stderr; returns once the child has become the program.
absl::StatusOr<pid_t> Fork(const SpawnSpec& spec, int in, int out, int err) {
  if (spec.argv.empty()) return absl::InternalError("no program to start");
  const Image image = MakeImage(spec);
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  io::Fd report_read(report[0]);
  io::Fd report_write(report[1]);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return ErrnoStatus(errno, Cat("fork for ", spec.argv[0]));
  if (pid == 0) PrepareChild(spec, image, in, out, err, report_write.get(), parent);
  report_write.Close();
  ChildFailure failure;
  ssize_t n;
  do {
    n = read(report_read.get(), &failure, sizeof failure);
  } while (n < 0 && errno == EINTR);
  if (n == sizeof failure) {
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    failure.step[sizeof failure.step - 1] = '\0';
    return ErrnoStatus(failure.error, Cat("start ", spec.argv[0], ": ", failure.step));
  }
  return pid;
}

}  // namespace

ProcessId Identify(int pid) {
  if (pid <= 0) return {};
  const std::optional<Stat> stat = ReadStat(pid);
  if (!stat || IsDead(stat->state)) return {};
  return {.pid = pid, .start_time = stat->start_time};
}

bool IsAlive(const ProcessId& process) { return process.pid > 0 && Identify(process.pid) == process; }

bool SendSignal(const ProcessId& process, int signal) {
  if (process.pid <= 0) return false;
  // Opened first, compared after: from here on the descriptor means this process and no later one.
  io::Fd fd(static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0)));
  const bool unsupported = !fd && errno == ENOSYS;
  if (!IsAlive(process)) return false;
  if (unsupported) return kill(process.pid, signal) == 0;
  return fd && syscall(SYS_pidfd_send_signal, fd.get(), signal, nullptr, 0) == 0;
}

bool WaitUntilGone(const Scope& scope, const ProcessId& process) {
  while (IsAlive(process)) {
    if (scope.Done()) return false;
    absl::SleepFor(absl::Milliseconds(20));
  }
  return true;
}

std::vector<ProcessId> DescendantsOf(const std::vector<ProcessId>& roots) {
  std::vector<std::pair<int, Stat>> all;
  ForEachProcess([&](int pid, const Stat& stat) { all.emplace_back(pid, stat); });
  std::set<int> family;
  for (const ProcessId& root : roots) {
    if (IsAlive(root)) family.insert(root.pid);
  }
  std::vector<ProcessId> found;
  for (bool grown = true; grown;) {
    grown = false;
    for (const auto& [pid, stat] : all) {
      if (family.count(stat.parent) == 0 || !family.insert(pid).second) continue;
      grown = true;
      if (!IsDead(stat.state)) found.push_back({.pid = pid, .start_time = stat.start_time});
    }
  }
  return found;
}

std::vector<ProcessId> ChildrenOfSelf() {
  std::vector<ProcessId> found;
  const int self = getpid();
  ForEachProcess([&](int pid, const Stat& stat) {
    if (stat.parent == self && !IsDead(stat.state)) found.push_back({.pid = pid, .start_time = stat.start_time});
  });
  return found;
}

absl::StatusOr<ProcessId> SpawnDaemon(const SpawnSpec& spec) {
  io::Fd log(open(spec.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!log) return ErrnoStatus(errno, Cat("open ", spec.log_file));
  io::Fd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null) return ErrnoStatus(errno, "open /dev/null");
  GOFARM_ASSIGN_OR_RETURN(const pid_t pid, Fork(spec, null.get(), log.get(), log.get()));
  const std::optional<Stat> stat = ReadStat(pid);
  // A zombie already: the caller's wait finds out how it ended.
  return ProcessId{.pid = pid, .start_time = stat ? stat->start_time : 0};
}

absl::StatusOr<CommandResult> RunCommand(const Scope& scope, const SpawnSpec& given, const std::string& input) {
  SpawnSpec spec = given;
  spec.death_signal = SIGKILL;
  int in[2], out[2], err[2];
  if (pipe2(in, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  io::Fd in_read(in[0]), in_write(in[1]);
  if (pipe2(out, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  io::Fd out_read(out[0]), out_write(out[1]);
  if (pipe2(err, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  io::Fd err_read(err[0]), err_write(err[1]);
  GOFARM_ASSIGN_OR_RETURN(
      const pid_t pid, Fork(spec, in_read.get(), out_write.get(), spec.show_errors ? STDERR_FILENO : err_write.get()));
  in_read.Close();
  out_write.Close();
  err_write.Close();
  // Inputs are a few lines and fit the pipe, so this cannot wait.
  if (input.size() <= PIPE_BUF) {
    [[maybe_unused]] const ssize_t n = write(in_write.get(), input.data(), input.size());
  }
  in_write.Close();
  CommandResult result;
  const auto drain = [](io::Fd& fd, std::string& text) {
    char buffer[4096];
    const ssize_t n = read(fd.get(), buffer, sizeof buffer);
    if (n > 0 && text.size() < kCommandOutputMax) text.append(buffer, static_cast<size_t>(n));
    if (n == 0) fd.Close();
  };
  bool killed = false;
  while (out_read || err_read) {
    if (scope.Done() && !killed) {
      kill(-pid, SIGKILL);
      killed = true;
    }
    pollfd fds[2] = {{out_read.get(), POLLIN, 0}, {err_read.get(), POLLIN, 0}};
    if (poll(fds, 2, 100) < 0 && errno != EINTR) break;
    if (out_read && fds[0].revents != 0) drain(out_read, result.output);
    if (err_read && fds[1].revents != 0) drain(err_read, result.errors);
    if (killed && scope.Remaining() < -absl::Seconds(5)) break;
  }
  int status = 0;
  while (true) {
    const pid_t done = waitpid(pid, &status, WNOHANG);
    if (done == pid || (done < 0 && errno != EINTR)) break;
    if (scope.Done()) {
      kill(-pid, SIGKILL);
      killed = true;
    }
    absl::SleepFor(absl::Milliseconds(5));
  }
  if (killed) return absl::DeadlineExceededError(Cat(spec.argv[0], " did not end in time and was killed"));
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

absl::Status SpawnDetached(const std::vector<std::string>& argv, const std::string& log_file) {
  io::Fd log(open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!log) return ErrnoStatus(errno, Cat("open ", log_file));
  io::Fd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null) return ErrnoStatus(errno, "open /dev/null");
  const Image image = MakeImage({.argv = argv});
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  io::Fd report_read(report[0]), report_write(report[1]);
  const pid_t pid = fork();
  if (pid < 0) return ErrnoStatus(errno, "fork");
  if (pid == 0) {
    setsid();
    const pid_t second = fork();
    if (second != 0) _exit(second < 0 ? 1 : 0);
    if (dup2(null.get(), 0) < 0 || dup2(log.get(), 1) < 0 || dup2(log.get(), 2) < 0) {
      Report(report_write.get(), errno, "dup2");
    }
    [[maybe_unused]] const int moved = chdir("/");
    execve(image.argv[0], image.argv.data(), image.envp.data());
    Report(report_write.get(), errno, "execve");
  }
  report_write.Close();
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  ChildFailure failure;
  if (read(report_read.get(), &failure, sizeof failure) == sizeof failure) {
    failure.step[sizeof failure.step - 1] = '\0';
    return ErrnoStatus(failure.error, Cat("start ", argv[0], ": ", failure.step));
  }
  return absl::OkStatus();
}

std::string SelfExecutable() {
  char buffer[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", buffer, sizeof buffer);
  std::string path(buffer, n > 0 ? static_cast<size_t>(n) : 0);
  // A running program whose file was replaced: its new file is the one to start.
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.size() > kDeleted.size() && path.compare(path.size() - kDeleted.size(), kDeleted.size(), kDeleted) == 0) {
    path.resize(path.size() - kDeleted.size());
  }
  return path;
}

std::string FindInPath(const std::string& name) {
  const char* const path = std::getenv("PATH");
  for (const absl::string_view folder : absl::StrSplit(path == nullptr ? "/usr/bin:/bin" : path, ':')) {
    if (folder.empty() || folder[0] != '/') continue;
    const std::string candidate = Cat(folder, "/", name);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

absl::StatusOr<std::string> FindSibling(const std::string& name) {
  const std::string self = SelfExecutable();
  const std::string folder = self.substr(0, self.rfind('/'));
  const std::string beside = Cat(folder, "/", name);
  if (access(beside.c_str(), X_OK) == 0) return beside;
  std::string found = FindInPath(name);
  if (!found.empty()) return found;
  return absl::NotFoundError(Cat(name, " is neither in ", folder, " (beside gofarm) nor in PATH; install it there"));
}

}  // namespace gofarm::embedded
