// Runs a trusted program (`go list`, `go mod download`, pip) outside the sandbox: an environment made from nothing, a
// deadline, a stop token, bounded output, and nothing of it left when the call returns. For untrusted code: sandbox.h.
//
// Thread-safe. Blocks the calling thread; that thread must live as long as the call, since the kernel kills the child
// when it dies (PR_SET_PDEATHSIG), so that no child outlives the worker.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/scope.h"

namespace gofarm::exec {

struct SubprocessSpec {
  std::vector<std::string> argv;                                 // argv[0]: a path; a bare name is looked up in PATH
  std::vector<std::pair<std::string, std::string>> environment;  // all there is; nothing is inherited
  std::string working_directory;                                 // empty: the worker's own
  std::string input;                                             // stdin; empty: /dev/null

  // With a sink the output goes there as it comes (from the calling thread) and is not kept; the limits hold all the
  // same.
  std::function<void(std::string_view)> on_stdout;
  std::function<void(std::string_view)> on_stderr;
  std::function<void(pid_t)> on_started;  // from the calling thread; the pid is good until RunSubprocess returns
  size_t stdout_max = size_t{64} << 20;   // more ends the child: RESOURCE_EXHAUSTED
  size_t stderr_max = size_t{1} << 20;    // more is dropped in the middle: first half and last half are kept
};

struct SubprocessResult {
  int exit_code = 0;  // 128 + signal when a signal ended it
  std::string out;
  std::string err;
  double seconds = 0;
  double cpu_seconds = 0;
  std::optional<int64_t> bytes_written;  // as BytesWrittenBy, to its end; for an ordinary user what went to disks
};

// What a process and the children it has waited for have written by write(2) so far, to files and pipes alike. nullopt
// when the kernel keeps no such account, or the process is gone.
std::optional<int64_t> BytesWrittenBy(pid_t pid);

// A program that ran is a result, whatever its exit code. Errors: NOT_FOUND, PERMISSION_DENIED and the like when it
// cannot be started, CANCELLED on stop, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED when it writes more than stdout_max.
absl::StatusOr<SubprocessResult> RunSubprocess(const Scope& scope, const SubprocessSpec& spec);

// The whole environment of this process as pairs, for a child that needs the user's own (proxy variables, HOME),
// without any name in `drop`.
std::vector<std::pair<std::string, std::string>> InheritedEnvironment(const std::vector<std::string>& drop);

}  // namespace gofarm::exec
