// What a process tree uses, read from /proc: works without cgroups and without any privilege. Thread-safe: no state.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string_view>
#include <vector>

namespace gofarm::exec {

struct ProcStat {
  pid_t pid = 0;
  char state = '?';
  pid_t parent = 0;
  pid_t session = 0;
  int64_t own_ticks = 0;     // user and system time of the process
  int64_t reaped_ticks = 0;  // of the children it waited for
};

// One line of /proc/PID/stat. The name of a program may hold blanks and parentheses.
std::optional<ProcStat> ParseProcStat(std::string_view line);
std::optional<ProcStat> ReadProcStat(pid_t pid);

struct TreeSample {
  std::vector<pid_t> pids;  // all below the root, without it
  int64_t resident_bytes = 0;
  double cpu_seconds = 0;  // of the living and of those they reaped: may fall when somebody outside reaps
};

// Everything below `root`, at most kTreeMax processes.
inline constexpr size_t kTreeMax = 16384;
TreeSample SampleTree(pid_t root);

// Bytes on disk of the regular files that processes below `root` hold open and that have no name any more: no look at a
// folder finds those. What is mapped only, on its way through a socket, or held by a process that shuts its /proc
// folder to an ordinary user stays unseen. Gives up early at `enough` or on stop.
int64_t OpenUnlinkedBytes(pid_t root, int64_t enough, const std::stop_token& stop);

// Ends what is left of a session, its leader included, by SIGKILL. The leader must not be reaped before (its number
// could be somebody else's). Returns the number of processes met.
int KillSession(pid_t session);

}  // namespace gofarm::exec
