#include "worker/exec/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "worker/exec/fd.h"

namespace gofarm::exec {
namespace {

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& s : strings) pointers.push_back(const_cast<char*>(s.c_str()));
  pointers.push_back(nullptr);
  return pointers;
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
  bool die_with_thread;
  pid_t parent;
};

// Runs in the child: async-signal-safe calls only. CloseFrom's fallback reads a folder, so old kernels rely on
// close-on-exec alone.
[[noreturn]] void ChildMain(const Prepared& p) {
  struct sigaction plain = {};
  plain.sa_handler = SIG_DFL;
  for (int s = 1; s < NSIG; ++s) sigaction(s, &plain, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  setsid();
  int failed = 0;
  if (p.die_with_thread) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != p.parent) _exit(127);  // it died before the line above
  }
  for (size_t i = 0; i < p.fd_count && failed == 0; ++i) {
    if (dup2(p.fds[i].first, p.fds[i].second) < 0) failed = errno;
  }
  if (failed == 0 && dup2(p.error_fd, p.close_from) < 0) failed = errno;
  if (failed == 0) fcntl(p.close_from, F_SETFD, FD_CLOEXEC);
#ifdef SYS_close_range
  syscall(SYS_close_range, static_cast<unsigned>(p.close_from + 1), ~0U, 0U);
#endif
  if (failed == 0 && p.working_directory != nullptr && chdir(p.working_directory) != 0) failed = errno;
  if (failed == 0) {
    execve(p.path, p.argv, p.environment);
    failed = errno;
  }
  ssize_t ignored = write(p.close_from, &failed, sizeof failed);
  (void)ignored;
  _exit(127);
}

}  // namespace

absl::StatusOr<pid_t> SpawnChild(const ChildSpec& spec) {
  GOFARM_ASSIGN_OR_RETURN(PipeEnds errors, MakePipe());
  const std::vector<char*> argv = Pointers(spec.argv);
  const std::vector<char*> environment = Pointers(spec.environment);
  int highest = -1;
  for (const auto& [ours, theirs] : spec.fds) {
    GOFARM_CHECK(ours >= 10 && theirs < 9);
    highest = std::max(highest, theirs);
  }
  const Prepared prepared = {
      spec.path.c_str(),    argv.data(),
      environment.data(),   spec.working_directory.empty() ? nullptr : spec.working_directory.c_str(),
      spec.fds.data(),      spec.fds.size(),
      errors.write.get(),   highest + 1,
      spec.die_with_thread, getpid()};
  // No signal handler of ours may run in the child before it has put the defaults back.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = fork();
  if (pid == 0) ChildMain(prepared);
  const int fork_errno = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return ErrnoStatus(fork_errno, Cat("start ", spec.path));

  errors.write.Reset();
  int failed = 0;
  ssize_t n = 0;
  do {
    n = read(errors.read.get(), &failed, sizeof failed);
  } while (n < 0 && errno == EINTR);
  if (n == 0) return pid;  // closed by exec
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (n != sizeof failed) return absl::InternalError(Cat("start ", spec.path, ": no answer from the child"));
  return ErrnoStatus(failed,
                     Cat("start ", spec.path, spec.working_directory.empty() ? "" : " in ", spec.working_directory));
}

absl::StatusOr<std::string> ResolveProgram(const std::string& name) {
  if (name.empty()) return absl::InvalidArgumentError("no program named");
  if (name.find('/') != std::string::npos) return name;
  const char* path = getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
  while (!rest.empty()) {
    const size_t colon = rest.find(':');
    const std::string_view folder = rest.substr(0, colon);
    rest.remove_prefix(colon == std::string_view::npos ? rest.size() : colon + 1);
    if (folder.empty()) continue;
    std::string candidate = Cat(folder, "/", name);
    struct stat st;
    if (stat(candidate.c_str(), &st) == 0 && S_ISREG(st.st_mode) && access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
  }
  return absl::NotFoundError(Cat(name, ": not found in PATH"));
}

int PidFd(pid_t pid) {
#ifdef SYS_pidfd_open
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
#else
  (void)pid;
  return -1;
#endif
}

}  // namespace gofarm::exec
