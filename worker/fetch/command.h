// Runs go within a limit of memory, and waits for locks that other processes hold. Thread-safe: no state.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "common/io/files.h"
#include "common/io/scratch_folder.h"
#include "common/process/run.h"

namespace gofarm::fetch {

using io::BytesSince;
using io::ScratchFolder;

// As process::RunWatched. When the child and all below it hold more than `memory_max` bytes in memory (0: no limit),
// they end and the result is ABORTED.
absl::StatusOr<process::CommandResult> RunWatched(const Scope& scope, const process::Command& spec,
                                                  const std::function<bool()>& tick, int64_t memory_max = 0);

// Polls until the lock is free. `waiting` is called once when it is not free at once. CANCELLED, DEADLINE_EXCEEDED.
absl::StatusOr<io::FileLock> WaitForLock(const Scope& scope, const std::string& path,
                                         const std::function<void()>& waiting = {});

}  // namespace gofarm::fetch
