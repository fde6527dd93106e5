// Starts one child from a process with many threads: between fork and exec only async-signal-safe calls, nothing
// inherited but the descriptors named. Thread-safe.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace gofarm::exec {

struct ChildSpec {
  std::string path;  // resolved: see ResolveProgram
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // NAME=value
  std::string working_directory;         // empty: the caller's
  std::vector<std::pair<int, int>> fds;  // {ours, the child's number}; ours at least 10, theirs 0 to n without a gap
  bool die_with_thread = false;          // SIGKILL when the calling thread ends
};

// The child leads a session of its own, with default signal handlers and none blocked. A failed exec is reported here,
// as the error of the call.
absl::StatusOr<pid_t> SpawnChild(const ChildSpec& spec);

// A name without a slash is looked up in PATH of this process.
absl::StatusOr<std::string> ResolveProgram(const std::string& name);

// Reads and writes a pid as something to poll; -1 where the kernel (before 5.3) has none.
int PidFd(pid_t pid);

}  // namespace gofarm::exec
