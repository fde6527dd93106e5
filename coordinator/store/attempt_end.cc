#include "coordinator/store/attempt_end.h"

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/vocab/target.h"
#include "coordinator/domain/job.h"
#include "coordinator/store/json.h"

namespace gofarm::store {

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
  domain::TryContext context = ending.context;
  if (context.others && domain::BlamesWorker(ending.end.failure)) {
    const pqxx::result failed =
        txn.Run("failed_on_workers", job.id.value, ending.worker, Array(domain::BlamingFailures()));
    context.failed_on = failed[0][0].as<int>();
  }
  const domain::EndDecision decided =
      domain::DecideEnd(ending.end, job.cancel_requested, context, job.counts, random());
  const domain::AttemptEnd& end = decided.end;
  const domain::RetryDecision& retry = decided.retry;
  GOFARM_ASSIGN_OR_RETURN_CTX(const JobState next, domain::Apply(job.state, decided.transition),
                              Cat("end attempt ", ending.token.value));

  const int answered = end.outcome == AttemptOutcome::kLost ? 0 : static_cast<int>(next);
  const pqxx::result ended = txn.Run("end_attempt", ending.token.value, static_cast<int>(end.outcome),
                                     static_cast<int>(end.failure), end.detail, answered);
  if (ended.affected_rows() != 1) {
    return absl::InternalError(Cat("attempt ", ending.token.value, " holds a lease but has ended"));
  }
  txn.Run("delete_lease", ending.token.value, job.id.value);

  Ended result{.job_state = next, .requeued = {}, .decided = decided};
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
  txn.Run("end_job", job.id.value, static_cast<int>(next), failed ? static_cast<int>(end.failure) : 0,
          failed ? end.detail : "", ending.token.value, ending.executables, retry.counts.infra_failures,
          retry.counts.worker_failures);
  txn.Run("delete_from_queue", Array(std::vector<JobId>{job.id}));
  return result;
}

domain::QueuedJob QueuedJobOf(const pqxx::row& row) {
  const absl::Duration wait = absl::Milliseconds(row["wait_ms"].as<int64_t>());
  return {.id = JobId{row["job_id"].as<int64_t>()},
          .module = row["module"].as<std::string>(),
          .version = row["version"].as<std::string>(),
          .target = static_cast<Target>(row["target"].as<int>()),
          .toolset = row["toolset"].as<std::string>(),
          .recipe_digest = row["recipe_digest"].as<std::string>(),
          .priority = row["priority"].as<int>(),
          .queued_at = TimeOf(row["queued_us"]),
          .not_before = wait > absl::ZeroDuration() ? SteadyNow() + wait : absl::InfinitePast(),
          .avoid_worker = row["avoid_worker"].as<std::string>(),
          .submitter = row["submitter"].as<std::string>(),
          .labels = LabelsFromJson(row["labels"].c_str()),
          .memory_bytes = row["memory_bytes"].as<int64_t>(),
          .cold_caches = row["is_rebuild"].as<bool>()};
}

std::vector<domain::QueuedJob> QueuedJobs(Txn& txn, const std::vector<JobId>& ids) {
  std::vector<domain::QueuedJob> jobs;
  for (const pqxx::row& row : txn.Run("queued_jobs", Array(ids))) jobs.push_back(QueuedJobOf(row));
  return jobs;
}

}  // namespace gofarm::store
