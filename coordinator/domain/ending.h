// What the end of an attempt makes of its job: one rule for completion and disappearance, and for every store. Pure.
#pragma once

#include <string>

#include "common/vocab/failure.h"
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

// `cancel_requested`: somebody cancelled the running job. `counts`: among the job's tries; false only for losses that
// are no fault of worker or job. `random` in [0, 1).
//
// A worker that reports an attempt as cancelled when nobody asked is at fault itself: the attempt failed with class
// internal, and the job is tried again.
EndDecision DecideEnd(AttemptEnd end, bool cancel_requested, bool counts, const TryCounts& before, double random);

}  // namespace gofarm::domain
