// What operators read. Thread-safe, read-only. Pages are cut by keyset: a page of jobs costs five statements whatever
// its size, and what ends meanwhile disturbs nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "coordinator/domain/failures.h"
#include "coordinator/domain/matrix.h"
#include "coordinator/domain/queries.h"
#include "coordinator/domain/types.h"
#include "coordinator/store/pool.h"

namespace gofarm::store {

inline constexpr int kJobPageMax = 500;
inline constexpr int kMatrixJobsMax = 400;
inline constexpr int kJobIdPageMax = 20'000;
inline constexpr int kFailedJobsMax = 20'000;  // with up to a kilobyte of detail each
inline constexpr int kArtifactPageMax = 2000;
inline constexpr int kWorkerPageMax = 32;                                // reports have up to 3 MiB
inline constexpr absl::Duration kWorkerRetention = absl::Hours(7 * 24);  // unseen for longer: forgotten

inline constexpr int kJobsCountedAtOnce = 200'000;             // in one statement of KeepJobCounts
inline constexpr absl::Duration kJobsSettle = absl::Hours(1);  // far longer than any transaction that makes jobs

class QueryStore {
 public:
  explicit QueryStore(Pool& pool) : pool_(pool) {}

  // NOT_FOUND names the id.
  absl::StatusOr<domain::Job> GetJob(const Scope& scope, JobId id);
  // In id order, those after `after`, at most min(limit, kJobPageMax). Empty: the end. Variants come without their
  // commands and go.mod: only GetJob has those.
  absl::StatusOr<std::vector<domain::Job>> JobPage(const Scope& scope, const domain::JobFilter& filter, JobId after,
                                                   int limit);
  // Modules of a batch, each with all of its jobs in it: those of the first kMatrixJobsMax jobs after `after` (in
  // `state`; none: all), but for modules that stood on a page before.
  absl::StatusOr<domain::MatrixPage> MatrixPage(const Scope& scope, BatchId batch, std::optional<JobState> state,
                                                JobId after);
  // Only the ids, of a batch: in order, those after `after`, at most kJobIdPageMax. Empty: the end.
  absl::StatusOr<std::vector<JobId>> JobIdPage(const Scope& scope, BatchId batch, JobId after);
  // The newest failed and partial jobs, newest first, at most kFailedJobsMax. `batch` 0: of all.
  absl::StatusOr<std::vector<domain::FailedJob>> FailedJobs(const Scope& scope, BatchId batch);
  // Executables of the jobs' results, by job and import path. Empty: the end.
  absl::StatusOr<std::vector<domain::ArtifactRow>> ArtifactPage(const Scope& scope,
                                                                const domain::ArtifactFilter& filter,
                                                                const domain::ArtifactCursor& after, int limit);
  // In bytewise order of their names, those after `after`, at most kWorkerPageMax. Fewer: the end.
  // `names`: of these only; empty: of all.
  absl::StatusOr<std::vector<domain::WorkerInfo>> WorkerPage(const Scope& scope, const std::string& after,
                                                             domain::WorkerDetail detail,
                                                             const std::vector<std::string>& names = {});
  // Forgets workers that were not seen for `unseen`, have no session and run nothing; their names.
  absl::StatusOr<std::vector<std::string>> ForgetWorkers(const Scope& scope, absl::Duration unseen);
  // The last report of a worker, for `worker list` after a restart.
  absl::Status SaveWorkerReport(const Scope& scope, const std::string& worker, const WorkerReport& report);
  absl::StatusOr<domain::JobCounts> CountJobs(const Scope& scope);
  // Keeps what the oldest jobs came to, as far as all have ended, so that CountJobs costs only the later ones.
  absl::Status KeepJobCounts(const Scope& scope);
  // Of the job's attempts the `number`th (1 = the first, 0 = the last), as brief as in JobPage. NOT_FOUND: no such job
  // or attempt.
  absl::StatusOr<domain::Attempt> FindAttempt(const Scope& scope, JobId job, int number);
  // All attempts of the job, oldest first; without their reports, which may be megabytes. NOT_FOUND: no such job.
  absl::StatusOr<std::vector<domain::AttemptRef>> AttemptsOf(const Scope& scope, JobId job);
  // For log and blob uploads.
  absl::StatusOr<domain::TokenFacts> FactsOf(const Scope& scope, AttemptToken token);

 private:
  Pool& pool_;
};

}  // namespace gofarm::store
