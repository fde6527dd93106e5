// The only state machine of a job. Pure.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "common/vocab/failure.h"

namespace gofarm::domain {

enum class JobEvent : int {
  kStarted = 1,  // a worker took the offer
  kRequeued,     // its attempt failed or was lost, and it is tried again
  kBuilt,
  kPartial,
  kNothingToBuild,
  kFailed,  // for good
  kCancelled,
};
inline constexpr int kJobEvents = 7;

// FAILED_PRECONDITION when `event` cannot happen in `state`; an ended job takes no event.
absl::StatusOr<JobState> Apply(JobState state, JobEvent event);

std::string_view Name(JobEvent event);

}  // namespace gofarm::domain
