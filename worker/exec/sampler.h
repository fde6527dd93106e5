// What a process tree uses, read from /proc: works without cgroups and without any privilege. Thread-safe: no state.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <stop_token>
#include <vector>

namespace gofarm::exec {

struct TreeSample {
  std::vector<pid_t> pids;  // all below the root, without it
  int64_t resident_bytes = 0;
  double cpu_seconds = 0;  // of the living and of those they reaped: may fall when somebody outside reaps
};

// Everything below `root`, at most kTreeMax processes.
inline constexpr size_t kTreeMax = 16384;
TreeSample SampleTree(pid_t root);

// Of one process alone; 0 when it is gone.
int64_t ResidentBytes(pid_t pid);

// Bytes on disk of the regular files that processes below `root` hold open and that have no name any more: no look at a
// folder finds those. What is mapped only, on its way through a socket, or held by a process that shuts its /proc
// folder to an ordinary user stays unseen. Gives up early at `enough` or on stop.
int64_t OpenUnlinkedBytes(pid_t root, int64_t enough, const std::stop_token& stop);

}  // namespace gofarm::exec
