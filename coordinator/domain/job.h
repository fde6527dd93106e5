// The only state machine of a job. Pure.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "common/vocab/failure.h"

namespace gofarm::domain {

enum class JobTransition : int {
  kStarted = 1,  // a worker took the offer
  kRequeued,     // its attempt failed or was lost, and it is tried again
  kBuilt,
  kPartial,
  kNothingToBuild,
  kFailed,  // for good
  kCancelled,
};
inline constexpr int kJobTransitions = 7;

// FAILED_PRECONDITION when `transition` cannot happen in `state`; an ended job takes none.
absl::StatusOr<JobState> Apply(JobState state, JobTransition transition);

std::string_view Name(JobTransition transition);

}  // namespace gofarm::domain
