// Processes by identity: a pid together with its start time, so that a number used again never gets a signal meant for
// a dead process. Thread-safe: no state.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "common/base/scope.h"

namespace gofarm::process {

struct ProcessId {
  int pid = 0;
  int64_t start_time = 0;  // clock ticks since boot
  bool operator==(const ProcessId&) const = default;
};

// pid 0 when there is no such process, or only its zombie.
ProcessId Identify(int pid);
bool IsAlive(const ProcessId& process);
// False when the process is gone (or never was).
bool SendSignal(const ProcessId& process, int signal);
// False when it still lives at the end of `scope`.
bool WaitUntilGone(const Scope& scope, const ProcessId& process);
// All processes below the given ones, by the parent links of this moment; the given ones are not among them.
std::vector<ProcessId> DescendantsOf(const std::vector<ProcessId>& roots);
std::vector<ProcessId> ChildrenOfSelf();

// Ends what is left of a session or process group, its leader included, by SIGKILL. The leader must not be reaped
// before (its number could be somebody else's). Returns the number of processes met.
int KillSession(pid_t leader);
int KillGroup(pid_t leader);

// A process as something to poll: readable once it is dead. -1 when it is gone, or the kernel (before 5.3) has none.
int PidFd(pid_t pid);

}  // namespace gofarm::process
