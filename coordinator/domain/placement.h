// Which waiting job goes to which worker, and why one that waits does: by the mirror's order, where the source is, what
// a worker takes and what it is to be spared. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/domain/dispatch.h"
#include "coordinator/domain/retry_policy.h"

namespace gofarm::dispatch {

// Gives waiting jobs to free slots until one of both runs out; they are in kClaiming then.
std::vector<domain::ClaimRequest> Assign(DispatchState& state, absl::Time now);

// This session's worker has, or is about to have, the source of the job's module.
void NoteSource(DispatchState& state, Session& session, const domain::QueuedJob& job);

struct WhyWaiting {
  WaitReason reason = WaitReason::kNone;  // kNone: it runs, or was not read from the store yet
  std::string detail;
};
// Of a job that is queued or running.
WhyWaiting WhyItWaits(const DispatchState& state, JobId job, absl::Time now);

// Of a running attempt that is about to end. A failure on a suspect worker says nothing of the job while a sound one
// could build it. `failed_on` is the store's.
domain::TryContext ContextOf(const DispatchState& state, AttemptToken token);

}  // namespace gofarm::dispatch
