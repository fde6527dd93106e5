// What the end of an attempt makes of its job: one rule for completion and disappearance, and for every store. Pure.
#pragma once

#include <optional>
#include <string>

#include "common/vocab/failure.h"
#include "coordinator/domain/dispatch_store.h"
#include "coordinator/domain/job.h"
#include "coordinator/domain/retry_policy.h"

namespace gofarm::domain {

struct AttemptEnd {
  AttemptOutcome outcome = AttemptOutcome::kLost;
  FailureClass failure = FailureClass::kNone;
  std::string detail;
};

struct EndDecision {
  AttemptEnd end;  // as it is recorded
  JobTransition transition = JobTransition::kFailed;
  RetryDecision retry;  // `again` when the transition is kRequeued
};

// `cancel_requested`: somebody cancelled the running job. A loss that does not count is no fault of worker or job.
// `random` in [0, 1).
//
// A worker that reports an attempt as cancelled when nobody asked is at fault itself: the attempt failed with class
// internal, and the job is tried again.
EndDecision DecideEnd(AttemptEnd end, bool cancel_requested, const TryContext& context, const TryCounts& before,
                      double random);

// An attempt that ended by a completion, as it stands in the store.
struct AnsweredAttempt {
  AttemptOutcome outcome = AttemptOutcome::kBuilt;
  FailureClass failure = FailureClass::kNone;
  JobState job_state = JobState::kQueued;  // what the completion was answered with
};
// The answer to a completion whose token is not that of the job's running attempt. `answered`: an earlier completion of
// this token for this job; `offered`: the token is the job's open offer; `job_state`: of the job now.
CompleteResult AnswerToPast(const std::optional<AnsweredAttempt>& answered, bool offered, JobState job_state);
// The answer to the completion that ended the attempt.
CompleteResult AnswerToEnd(const EndDecision& decided, JobState job_state, std::optional<QueuedJob> requeued);

}  // namespace gofarm::domain
