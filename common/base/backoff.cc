#include "common/base/backoff.h"

#include <algorithm>

namespace gofarm {

absl::Duration BackoffDelay(const BackoffPolicy& policy, int failures, double random) {
  absl::Duration step = policy.first;
  for (int i = 1; i < failures && step < policy.longest; ++i) step *= policy.factor;
  step = std::min(step, policy.longest);
  return step * (0.5 + 0.5 * random);
}

}  // namespace gofarm
