#include "worker/fetch/command.h"

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/process/run_watched.h"
#include "common/sync/wait.h"
#include "worker/exec/sampler.h"

namespace gofarm::fetch {

absl::StatusOr<process::CommandResult> RunWatched(const Scope& scope, const process::Command& spec,
                                                  const std::function<bool()>& tick, int64_t memory_max) {
  process::Watch watch{.tick = tick, .sample = nullptr};
  if (memory_max > 0) {
    watch.sample = [memory_max](pid_t pid) {
      return exec::SampleTree(pid).resident_bytes + exec::ResidentBytes(pid) <= memory_max;
    };
  }
  absl::StatusOr<process::CommandResult> result = process::RunWatched(scope, spec, watch);
  if (absl::IsAborted(result.status())) {
    return absl::AbortedError(Cat(spec.argv[0], " held more than ", memory_max >> 20, " MiB of memory"));
  }
  return result;
}

absl::StatusOr<io::FileLock> WaitForLock(const Scope& scope, const std::string& path,
                                         const std::function<void()>& waiting) {
  bool announced = false;
  while (true) {
    absl::StatusOr<io::FileLock> lock = io::FileLock::TryAcquire(path);
    if (lock.ok() || lock.status().code() != absl::StatusCode::kUnavailable) return lock;
    if (!announced && waiting) waiting();
    announced = true;
    GOFARM_RETURN_IF_ERROR_CTX(scope.Check(), Cat("wait for lock ", path));
    sync::SleepFor(scope, absl::Milliseconds(100));
  }
}

}  // namespace gofarm::fetch
