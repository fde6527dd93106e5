// Processes by identity: a pid together with its start time, so that a number used again never gets a signal meant for
// a dead process. Also the two ways the embedded farm starts programs: daemons that outlive the call, and short
// commands with a deadline. Start daemons from the thread that lives longest: their parent-death signal is tied to it.
// No shared state.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/scope.h"

namespace gofarm::embedded {

struct ProcessId {
  int pid = 0;
  int64_t start_time = 0;  // field 22 of /proc/PID/stat: clock ticks since boot
  bool operator==(const ProcessId&) const = default;
};

// pid 0 when there is no such process, or only its zombie.
ProcessId Identify(int pid);
bool IsAlive(const ProcessId& process);
// False when the process is gone (or never was).
bool SendSignal(const ProcessId& process, int signal);
// False when it still lives at the deadline of `scope`.
bool WaitUntilGone(const Scope& scope, const ProcessId& process);
// All processes below the given ones, by the parent links of this moment; the given ones are not among them.
std::vector<ProcessId> DescendantsOf(const std::vector<ProcessId>& roots);
std::vector<ProcessId> ChildrenOfSelf();

struct SpawnSpec {
  std::vector<std::string> argv;  // argv[0]: path of the program
  // Set or replaced in the inherited environment; with `clean_environment` this is all there is.
  std::vector<std::pair<std::string, std::string>> environment;
  bool clean_environment = false;
  std::string log_file;  // stdout and stderr are appended here
  int death_signal = 0;  // sent by the kernel when the calling thread ends
  // For programs that refuse root, and users without a name (PostgreSQL), but must reach files in closed folders of
  // theirs: started by such a user they run in a user namespace where the caller's own ids appear as those of an
  // ordinary user that has a name.
  bool not_as_root = false;
  bool show_errors = false;  // RunCommand: stderr goes to ours as it comes, instead of into the result
};
// In a process group of its own, stdin from /dev/null. The error names the program and the step that failed.
absl::StatusOr<ProcessId> SpawnDaemon(const SpawnSpec& spec);

inline constexpr size_t kCommandOutputMax = 1 << 20;

struct CommandResult {
  int exit_code = 0;   // 128 + signal when one ended it
  std::string output;  // stdout; at most kCommandOutputMax
  std::string errors;  // stderr, likewise
};
// Runs a short command with `input` (a few lines) on its stdin; it dies with the calling thread. The error is for what
// could not be started or did not end in time.
absl::StatusOr<CommandResult> RunCommand(const Scope& scope, const SpawnSpec& spec, const std::string& input = "");

// Starts argv detached from this process and terminal (double fork, own session), output appended to `log_file`.
absl::Status SpawnDetached(const std::vector<std::string>& argv, const std::string& log_file);

// The path of the running program.
std::string SelfExecutable();
// `name` beside the running program, else in PATH; NOT_FOUND says where it was looked for.
absl::StatusOr<std::string> FindSibling(const std::string& name);
// Empty when no folder of PATH has it.
std::string FindInPath(const std::string& name);

}  // namespace gofarm::embedded
