#include "coordinator/domain/job.h"

#include "common/base/text.h"

namespace gofarm::domain {

absl::StatusOr<JobState> Apply(JobState state, JobEvent event) {
  switch (state) {
    case JobState::kQueued:
      switch (event) {
        case JobEvent::kStarted:
          return JobState::kRunning;
        case JobEvent::kCancelled:
          return JobState::kCancelled;
        default:
          break;
      }
      break;
    case JobState::kRunning:
      switch (event) {
        case JobEvent::kRequeued:
          return JobState::kQueued;
        case JobEvent::kBuilt:
          return JobState::kBuilt;
        case JobEvent::kPartial:
          return JobState::kPartial;
        case JobEvent::kNothingToBuild:
          return JobState::kNothingToBuild;
        case JobEvent::kFailed:
          return JobState::kFailed;
        case JobEvent::kCancelled:
          return JobState::kCancelled;
        case JobEvent::kStarted:
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
  return absl::FailedPreconditionError(Cat("a job that is ", Name(state), " cannot become ", Name(event)));
}

std::string_view Name(JobEvent event) {
  switch (event) {
    case JobEvent::kStarted:
      return "started";
    case JobEvent::kRequeued:
      return "requeued";
    case JobEvent::kBuilt:
      return "built";
    case JobEvent::kPartial:
      return "partial";
    case JobEvent::kNothingToBuild:
      return "nothing_to_build";
    case JobEvent::kFailed:
      return "failed";
    case JobEvent::kCancelled:
      return "cancelled";
  }
  return "";
}

}  // namespace gofarm::domain
