// Runs a trusted program (`go list`, pip, initdb) outside the sandbox: an environment that the caller states, a
// deadline, a stop token, bounded output, and nothing of it left when the call returns. For untrusted code:
// worker/exec/sandbox.h.
//
// Thread-safe. Blocks the calling thread; that thread must live as long as the call, since the kernel kills the child
// when it dies (PR_SET_PDEATHSIG), so that no child outlives this process.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "common/process/spawn.h"

namespace gofarm::process {

struct Command {
  std::vector<std::string> argv;         // argv[0]: a path; a bare name is looked up in PATH
  Variables environment;                 // all there is; see InheritedEnvironment, InheritedWith
  std::string working_directory;         // empty: the caller's
  std::string input;                     // stdin; empty: /dev/null
  Leads leads = Leads::kSession;         // what is ended when the call returns
  bool not_as_root = false;              // as in ChildSpec
  int oom_score_adj = 0;                 // as in ChildSpec
  bool show_errors = false;              // stderr goes to ours as it comes, instead of into the result
  size_t stdout_max = size_t{64} << 20;  // bytes; more ends the child: RESOURCE_EXHAUSTED
  size_t stderr_max = size_t{1} << 20;   // more is dropped in the middle: first half and last half are kept

  // With a sink the output goes there as it comes (from the calling thread) and is not kept; the limits hold all the
  // same.
  std::function<void(std::string_view)> on_stdout;
  std::function<void(std::string_view)> on_stderr;
  std::function<void(pid_t)> on_started;  // from the calling thread; the pid is good until Run returns
};

struct CommandResult {
  int exit_code = 0;  // 128 + signal when a signal ended it
  std::string out;
  std::string err;
  double seconds = 0;
  double cpu_seconds = 0;
  std::optional<int64_t> bytes_written;  // as BytesWrittenBy, to its end; for an ordinary user what went to disks
};

// A program that ran is a result, whatever its exit code. Errors: NOT_FOUND, PERMISSION_DENIED and the like when it
// cannot be started, CANCELLED on stop, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED when it writes more than stdout_max.
absl::StatusOr<CommandResult> Run(const Scope& scope, const Command& command);

}  // namespace gofarm::process
