// Pure retry schedule: exponential with full jitter in its upper half. `random` in [0, 1) is given by the caller.
#pragma once

#include "absl/time/time.h"

namespace gofarm {

struct BackoffPolicy {
  absl::Duration first = absl::Seconds(1);
  absl::Duration longest = absl::Minutes(1);
  double factor = 2.0;
};

// Wait before try number `failures` + 1; failures >= 1. Between half of the step and the whole step.
absl::Duration BackoffDelay(const BackoffPolicy& policy, int failures, double random);

}  // namespace gofarm
