// The one reader of /proc: what the kernel reports about processes, without any privilege. A process may be gone, or be
// another one of the same number, by the time an answer is used: identity.h has what is safe against that.
// Thread-safe: no state. Uses memory, so nothing of this runs between fork and exec.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gofarm::process {

struct ProcStat {
  pid_t pid = 0;
  char state = '?';
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  int64_t own_ticks = 0;     // user and system time of the process
  int64_t reaped_ticks = 0;  // of the children it waited for
  int64_t start_time = 0;    // clock ticks since boot

  // It runs no more: only its parent has not asked yet how it ended.
  bool is_dead() const { return state == 'Z' || state == 'X'; }
};

// One line of /proc/PID/stat. The name of a program may hold blanks and parentheses.
std::optional<ProcStat> ParseProcStat(std::string_view line);
std::optional<ProcStat> ReadProcStat(pid_t pid);

// A small file of /proc, at most 64 KiB; empty when it cannot be read.
std::string ReadProcFile(const std::string& path);

// The numbers among the names in a folder: "/proc" (all processes), "/proc/PID/fd".
std::vector<int> NumbersIn(const std::string& folder);

// All of this moment.
std::vector<ProcStat> AllProcesses();

// Everything below `root`, without it, at most `most` processes.
std::vector<pid_t> Descendants(pid_t root, size_t most);

// What a process and the children it has waited for have written by write(2) so far, to files and pipes alike. nullopt
// when the kernel keeps no such account or shows it to others only, or the process is gone.
std::optional<int64_t> BytesWrittenBy(pid_t pid);

// True when the process's working folder is `folder`.
bool WorksIn(pid_t pid, const std::string& folder);

}  // namespace gofarm::process
