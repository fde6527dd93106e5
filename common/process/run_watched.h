// Runs a program that downloads while the calling thread looks what it has done so far. Thread-safe: no state.
#pragma once

#include <sys/types.h>

#include <functional>

#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "common/process/run.h"

namespace gofarm::process {

struct Watch {
  // About once a second; false ends the child, and the result is RESOURCE_EXHAUSTED. A slow one is called less often.
  std::function<bool()> tick;
  // Every 100 ms, with the child's pid; false ends the child and all below it, and the result is ABORTED. May be empty.
  std::function<bool(pid_t)> sample;
};

// As Run; both functions are called from the calling thread. The kernel takes the child before this process when memory
// runs out.
absl::StatusOr<CommandResult> RunWatched(const Scope& scope, const Command& command, const Watch& watch);

}  // namespace gofarm::process
