#include "cli/embedded/restart_policy.h"

#include "common/base/backoff.h"

namespace gofarm::embedded {

void RestartPolicy::Failed(absl::Time now, double random) {
  if (now - started_at_ >= kHealthyAfter) failures_ = 0;
  ++failures_;
  started_at_ = absl::InfiniteFuture();
  next_start_ = now + BackoffDelay({.first = kFirstRestartDelay, .longest = kLongestRestartDelay}, failures_, random);
}

}  // namespace gofarm::embedded
