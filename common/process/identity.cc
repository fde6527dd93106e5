#include "common/process/identity.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>
#include <set>

#include "absl/time/time.h"
#include "common/io/fd.h"
#include "common/process/proc_fs.h"
#include "common/process/stop_wake.h"

namespace gofarm::process {
namespace {

// Without something to poll (kernels before 5.3) the process is looked at this often.
constexpr absl::Duration kNoPidFdInterval = absl::Milliseconds(20);

ProcessId IdOf(const ProcStat& stat) { return {.pid = stat.pid, .start_time = stat.start_time}; }

template <typename Belongs>
int KillAll(const Belongs& belongs) {
  int met = 0;
  for (const ProcStat& stat : AllProcesses()) {
    if (!belongs(stat) || stat.is_dead()) continue;
    ++met;
    kill(stat.pid, SIGKILL);
  }
  return met;
}

}  // namespace

ProcessId Identify(int pid) {
  if (pid <= 0) return {};
  const std::optional<ProcStat> stat = ReadProcStat(pid);
  if (!stat || stat->is_dead()) return {};
  return IdOf(*stat);
}

bool IsAlive(const ProcessId& process) { return process.pid > 0 && Identify(process.pid) == process; }

bool SendSignal(const ProcessId& process, int signal) {
  if (process.pid <= 0) return false;
  // Opened first, compared after: from here on the descriptor means this process and no later one.
  const io::Fd fd(PidFd(process.pid));
  const bool unsupported = !fd && errno == ENOSYS;
  if (!IsAlive(process)) return false;
  if (unsupported) return kill(process.pid, signal) == 0;
  return fd && syscall(SYS_pidfd_send_signal, fd.get(), signal, nullptr, 0) == 0;
}

bool WaitUntilGone(const Scope& scope, const ProcessId& process) {
  if (process.pid <= 0) return true;
  const io::Fd fd(PidFd(process.pid));
  const StopWake stop(scope.stop);
  while (IsAlive(process)) {
    if (scope.Done()) return false;
    pollfd fds[] = {{fd.get(), POLLIN, 0}, {stop.fd(), POLLIN, 0}};
    poll(fds, std::size(fds), PollTimeout(fd ? scope.Remaining() : std::min(scope.Remaining(), kNoPidFdInterval)));
  }
  return true;
}

std::vector<ProcessId> DescendantsOf(const std::vector<ProcessId>& roots) {
  const std::vector<ProcStat> all = AllProcesses();
  std::set<int> family;
  for (const ProcessId& root : roots) {
    if (IsAlive(root)) family.insert(root.pid);
  }
  std::vector<ProcessId> found;
  for (bool grown = true; grown;) {
    grown = false;
    for (const ProcStat& stat : all) {
      if (family.count(stat.parent) == 0 || !family.insert(stat.pid).second) continue;
      grown = true;
      if (!stat.is_dead()) found.push_back(IdOf(stat));
    }
  }
  return found;
}

std::vector<ProcessId> ChildrenOfSelf() {
  std::vector<ProcessId> found;
  const int self = getpid();
  for (const ProcStat& stat : AllProcesses()) {
    if (stat.parent == self && !stat.is_dead()) found.push_back(IdOf(stat));
  }
  return found;
}

int KillSession(pid_t leader) {
  return KillAll([&](const ProcStat& stat) { return stat.session == leader; });
}

int KillGroup(pid_t leader) {
  return KillAll([&](const ProcStat& stat) { return stat.group == leader; });
}

int PidFd(pid_t pid) {
#ifdef SYS_pidfd_open
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
#else
  (void)pid;
  errno = ENOSYS;
  return -1;
#endif
}

}  // namespace gofarm::process
