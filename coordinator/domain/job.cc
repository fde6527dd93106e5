#include "coordinator/domain/job.h"

#include "common/base/text.h"

namespace gofarm::domain {

absl::StatusOr<JobState> Apply(JobState state, JobTransition transition) {
  switch (state) {
    case JobState::kQueued:
      switch (transition) {
        case JobTransition::kStarted:
          return JobState::kRunning;
        case JobTransition::kCancelled:
          return JobState::kCancelled;
        default:
          break;
      }
      break;
    case JobState::kRunning:
      switch (transition) {
        case JobTransition::kRequeued:
          return JobState::kQueued;
        case JobTransition::kBuilt:
          return JobState::kBuilt;
        case JobTransition::kPartial:
          return JobState::kPartial;
        case JobTransition::kNothingToBuild:
          return JobState::kNothingToBuild;
        case JobTransition::kFailed:
          return JobState::kFailed;
        case JobTransition::kCancelled:
          return JobState::kCancelled;
        case JobTransition::kStarted:
          break;
      }
      break;
    case JobState::kBuilt:
    case JobState::kPartial:
    case JobState::kNothingToBuild:
    case JobState::kFailed:
    case JobState::kCancelled:
      break;
  }
  return absl::FailedPreconditionError(Cat("a job that is ", Name(state), " cannot become ", Name(transition)));
}

std::string_view Name(JobTransition transition) {
  switch (transition) {
    case JobTransition::kStarted:
      return "started";
    case JobTransition::kRequeued:
      return "requeued";
    case JobTransition::kBuilt:
      return "built";
    case JobTransition::kPartial:
      return "partial";
    case JobTransition::kNothingToBuild:
      return "nothing_to_build";
    case JobTransition::kFailed:
      return "failed";
    case JobTransition::kCancelled:
      return "cancelled";
  }
  return "";
}

}  // namespace gofarm::domain
