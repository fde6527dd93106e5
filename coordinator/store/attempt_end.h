// How an attempt ends and what becomes of its job: one road for completion and disappearance, by the state machine and
// the retry table of the domain. Inside the store only; the caller's transaction holds the job's row (lock_jobs).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/vocab/failure.h"
#include "coordinator/domain/dispatch_store.h"
#include "coordinator/domain/ending.h"
#include "coordinator/domain/retry_policy.h"
#include "coordinator/domain/types.h"
#include "coordinator/store/attempt_store.h"
#include "coordinator/store/transaction.h"

namespace gofarm::store {

struct LockedJob {
  JobId id;
  JobState state = JobState::kQueued;
  domain::TryCounts counts;
  bool cancel_requested = false;
};
// In id order; those that exist.
std::vector<LockedJob> LockJobs(Txn& txn, const std::vector<JobId>& ids);

struct Ending {
  AttemptToken token;
  domain::AttemptEnd end;
  std::string worker;
  int executables = 0;
  domain::TryContext context;  // `failed_on` is counted here
};
struct Ended {
  JobState job_state = JobState::kQueued;
  std::optional<domain::QueuedJob> requeued;
  domain::EndDecision decided;
};
absl::StatusOr<Ended> EndAttempt(Txn& txn, const LockedJob& job, const Ending& ending, const Random& random);

// A row of load_queue_*, queued_jobs or running_attempts.
domain::QueuedJob QueuedJobOf(const pqxx::row& row);
std::vector<domain::QueuedJob> QueuedJobs(Txn& txn, const std::vector<JobId>& ids);

}  // namespace gofarm::store
