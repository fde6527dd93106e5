// What a process tree uses, read from /proc: works without cgroups and without any privilege. Thread-safe: no state.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
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
  double cpu_seconds = 0;   // of the living and of those they reaped: may fall when somebody outside reaps
};

// Everything below `root`, at most kTreeMax processes.
inline constexpr size_t kTreeMax = 16384;
TreeSample SampleTree(pid_t root);

// Ends what is left of a session, its leader included, by SIGKILL. The leader must not be reaped before (its number could
// be somebody else's). Returns the number of processes met.
int KillSession(pid_t session);

}  // namespace gofarm::exec
