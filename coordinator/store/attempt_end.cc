#include "coordinator/store/attempt_end.h"

#include "common/base/status_macros.h"
#include "common/vocab/target.h"
#include "coordinator/domain/job.h"

namespace gofarm::store {
namespace {

domain::JobEvent EventOf(AttemptOutcome outcome) {
  switch (outcome) {
    case AttemptOutcome::kBuilt: return domain::JobEvent::kBuilt;
    case AttemptOutcome::kPartial: return domain::JobEvent::kPartial;
    case AttemptOutcome::kNothingToBuild: return domain::JobEvent::kNothingToBuild;
    case AttemptOutcome::kCancelled: return domain::JobEvent::kCancelled;
    case AttemptOutcome::kFailed:
    case AttemptOutcome::kLost:
    case AttemptOutcome::kRunning: break;
  }
  return domain::JobEvent::kFailed;
}

// A partial result is final, unless what failed is the farm's own fault: then the rest may still come.
bool MayBeTriedAgain(const Ending& ending) {
  switch (ending.outcome) {
    case AttemptOutcome::kFailed:
    case AttemptOutcome::kLost: return true;
    case AttemptOutcome::kPartial: return domain::RuleOf(ending.failure).retry == domain::Retry::kBounded;
    default: return false;
  }
}

}  // namespace

std::vector<LockedJob> LockJobs(Txn& txn, const std::vector<JobId>& ids) {
  std::vector<LockedJob> jobs;
  for (const pqxx::row& row : txn.Run("lock_jobs", Array(ids))) {
    jobs.push_back({.id = JobId{row["id"].as<int64_t>()},
                    .state = static_cast<JobState>(row["state"].as<int>()),
                    .counts = {.infra_failures = row["infra_failures"].as<int>(),
                               .worker_failures = row["worker_failures"].as<int>()},
                    .cancel_requested = row["cancel_requested"].as<bool>()});
  }
  return jobs;
}

absl::StatusOr<Ended> EndAttempt(Txn& txn, const LockedJob& job, const Ending& ending, const Random& random) {
  domain::JobEvent event = EventOf(ending.outcome);
  domain::RetryDecision retry{.counts = job.counts};
  if (MayBeTriedAgain(ending)) {
    if (job.cancel_requested) {
      event = domain::JobEvent::kCancelled;
    } else if (!ending.counts) {
      retry.again = true;
    } else {
      retry = domain::DecideRetry(ending.failure, job.counts, random());
    }
    if (retry.again) event = domain::JobEvent::kRequeued;
  }
  GOFARM_ASSIGN_OR_RETURN_CTX(const JobState next, domain::Apply(job.state, event), Cat("end attempt ", ending.token.value));

  const int answered = ending.outcome == AttemptOutcome::kLost ? 0 : static_cast<int>(next);
  const pqxx::result ended = txn.Run("end_attempt", ending.token.value, static_cast<int>(ending.outcome),
                                     static_cast<int>(ending.failure), ending.detail, answered);
  if (ended.affected_rows() != 1) {
    return absl::InternalError(Cat("attempt ", ending.token.value, " holds a lease but has ended"));
  }
  txn.Run("delete_lease", ending.token.value, job.id.value);

  Ended result{.job_state = next};
  if (next == JobState::kQueued) {
    txn.Run("requeue_job", job.id.value, static_cast<int>(next), retry.counts.infra_failures,
            retry.counts.worker_failures);
    txn.Run("requeue", job.id.value, absl::ToDoubleSeconds(retry.wait), retry.avoid_worker ? ending.worker : "");
    std::vector<domain::QueuedJob> queued = QueuedJobs(txn, {job.id});
    if (queued.empty()) return absl::InternalError(Cat("job ", job.id.value, " ran without a row in the queue"));
    result.requeued = std::move(queued.front());
    return result;
  }
  const bool failed = next == JobState::kFailed || next == JobState::kPartial;
  txn.Run("end_job", job.id.value, static_cast<int>(next), failed ? static_cast<int>(ending.failure) : 0,
          failed ? ending.detail : "", ending.token.value, ending.executables, retry.counts.infra_failures,
          retry.counts.worker_failures);
  txn.Run("delete_from_queue", Array(std::vector<JobId>{job.id}));
  return result;
}

domain::QueuedJob QueuedJobOf(const pqxx::row& row) {
  return {.id = JobId{row["job_id"].as<int64_t>()},
          .module = row["module"].as<std::string>(),
          .version = row["version"].as<std::string>(),
          .target = static_cast<Target>(row["target"].as<int>()),
          .toolset = row["toolset"].as<std::string>(),
          .recipe_digest = row["recipe_digest"].as<std::string>(),
          .priority = row["priority"].as<int>(),
          .queued_at = TimeOf(row["queued_us"]),
          .not_before = TimeOf(row["not_before_us"]),
          .excluded_worker = row["avoid_worker"].as<std::string>()};
}

std::vector<domain::QueuedJob> QueuedJobs(Txn& txn, const std::vector<JobId>& ids) {
  std::vector<domain::QueuedJob> jobs;
  for (const pqxx::row& row : txn.Run("queued_jobs", Array(ids))) jobs.push_back(QueuedJobOf(row));
  return jobs;
}

}  // namespace gofarm::store
