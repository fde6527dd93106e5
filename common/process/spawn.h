// Starts children from a process with many threads: between fork and exec only async-signal-safe calls, nothing
// inherited but the descriptors named, default signal handlers and none blocked. An exec that failed is the error of
// the call. Start what has a death signal from the thread that lives longest: the signal is tied to that thread.
// Thread-safe: no state.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/process/identity.h"

namespace gofarm::process {

using Variables = std::vector<std::pair<std::string, std::string>>;

// The whole environment of this process, for a child that needs the user's own (proxy variables, HOME), without any
// name in `drop`.
Variables InheritedEnvironment(const std::vector<std::string>& drop = {});
// `variables` set or replaced in the environment of this process.
Variables InheritedWith(const Variables& variables);

// What a child leads: a session of its own (away from the terminal), or only a process group (Ctrl-C does not reach
// it).
enum class Leads { kSession, kGroup };

struct ChildSpec {
  std::string path;  // resolved: see FindProgram
  std::vector<std::string> argv;
  Variables environment;                 // all there is; nothing is inherited
  std::string working_directory;         // empty: the caller's
  std::vector<std::pair<int, int>> fds;  // {ours, the child's number}; ours at least 10, theirs 0 to n without a gap
  Leads leads = Leads::kSession;
  int death_signal = 0;  // sent by the kernel when the calling thread ends; 0: none
  // For programs that refuse root, and users without a name (PostgreSQL), but must reach files in closed folders of
  // theirs: started by such a user they run in a user namespace where the caller's own ids appear as those of an
  // ordinary user that has a name.
  bool not_as_root = false;
  // The child is no child of ours: its parent is init, or the next subreaper. There is no pid to return then, only 0.
  bool detached = false;
  // Added to what the kernel holds against the child when memory runs out: 700 ends it before its parent. 0: as the
  // parent.
  int oom_score_adj = 0;
};

absl::StatusOr<pid_t> SpawnChild(const ChildSpec& spec);

// A program that outlives the call: stdin from /dev/null, stdout and stderr appended to `log_file`, in a process group
// of its own.
struct DaemonSpec {
  std::vector<std::string> argv;  // argv[0]: a path; a bare name is looked up in PATH
  Variables environment;          // all there is
  std::string log_file;
  int death_signal = 0;      // as in ChildSpec
  bool not_as_root = false;  // as in ChildSpec
};
// The identity is that of a zombie (start time 0) when it has ended already: the caller's wait finds out how.
absl::StatusOr<ProcessId> SpawnDaemon(const DaemonSpec& spec);

// Starts argv, with the environment of this process, detached from this process and its terminal, in the folder "/".
absl::Status SpawnDetached(const std::vector<std::string>& argv, const std::string& log_file);

}  // namespace gofarm::process
