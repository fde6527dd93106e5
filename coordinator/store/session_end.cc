#include "coordinator/store/session_end.h"

#include <utility>

#include "common/base/status_macros.h"

namespace gofarm::store {

std::vector<Lease> LockLeases(Txn& txn, const char* jobs_statement, const char* leases_statement,
                              const std::string& keys, absl::flat_hash_map<JobId, LockedJob>& jobs) {
  for (LockedJob& job : LockJobs(txn, Ids<JobId>(txn.Run(jobs_statement, keys)))) jobs[job.id] = job;
  std::vector<Lease> leases;
  for (const pqxx::row& row : txn.Run(leases_statement, keys)) {
    leases.push_back({.token = AttemptToken{row["token"].as<int64_t>()},
                      .job = JobId{row["job_id"].as<int64_t>()},
                      .worker = row["worker"].as<std::string>()});
  }
  return leases;
}

absl::StatusOr<std::vector<domain::LostAttempt>> Lose(Txn& txn, const std::vector<Lease>& leases,
                                                      const absl::flat_hash_map<JobId, LockedJob>& jobs, bool counts,
                                                      const std::string& detail, const Random& random) {
  std::vector<domain::LostAttempt> lost;
  for (const Lease& lease : leases) {
    const auto job = jobs.find(lease.job);
    // A lease that came between the two reads belongs to a job that we do not hold: the next round takes it.
    if (job == jobs.end()) continue;
    const Ending ending{
        .token = lease.token,
        .end = {.outcome = AttemptOutcome::kLost, .failure = FailureClass::kWorkerLost, .detail = detail},
        .worker = lease.worker,
        .context = {.counts = counts}};
    GOFARM_ASSIGN_OR_RETURN(Ended ended, EndAttempt(txn, job->second, ending, random));
    lost.push_back({.token = lease.token,
                    .job = lease.job,
                    .worker = lease.worker,
                    .requeued = std::move(ended.requeued),
                    .counts = counts,
                    .job_state = ended.job_state});
  }
  return lost;
}

absl::StatusOr<domain::ExpiredSessions> EndSessionsIn(Txn& txn, std::vector<SessionId> sessions, bool counts,
                                                      const std::string& detail, const Random& random) {
  domain::ExpiredSessions result;
  if (sessions.empty()) return result;
  const std::string keys = Array(sessions);
  absl::flat_hash_map<JobId, LockedJob> jobs;
  const std::vector<Lease> leases = LockLeases(txn, "jobs_of_sessions", "leases_of_sessions", keys, jobs);
  GOFARM_ASSIGN_OR_RETURN(result.lost, Lose(txn, leases, jobs, counts, detail, random));
  txn.Run("return_session_offers", keys);
  txn.Run("delete_sessions", keys);
  result.sessions = std::move(sessions);
  return result;
}

}  // namespace gofarm::store
