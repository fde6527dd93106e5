// Batches: insert with the join rules, cancel, retry. Thread-safe; every method is one transaction.
//
// Locks: a job's row is the mutex of all that concerns the job. Whoever links a live job to a batch holds it FOR KEY
// SHARE, whoever ends or cancels one FOR UPDATE; rows are locked in the order of their ids or of their digests, and a
// deadlock between the two orders is tried again by RunTransaction.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "coordinator/domain/types.h"
#include "coordinator/store/pool.h"

namespace gofarm::store {

struct JobRef {
  JobId id;
  std::string module, version;
  Target target = Target::kX86_64;
};
struct RunningRef {
  Token token;
  JobId job;
};

struct InsertedBatch {
  domain::Batch batch;
  bool repeated = false;   // the request id was known: the first answer, nothing stored
  int64_t new_jobs = 0;    // not joined
  JobId lowest_changed;    // of the queue's rows that are new or more urgent now; 0: none
  std::vector<JobRef> queued_sample;  // the first kSampleMax new ones, for progress lines
};
inline constexpr size_t kSampleMax = 256;

struct CancelledJobs {
  std::vector<JobRef> cancelled;      // they waited; they are cancelled now
  std::vector<RunningRef> to_cancel;  // they run: their workers must be told
};

class BatchStore {
 public:
  explicit BatchStore(Pool& pool) : pool_(pool) {}

  // `jobs` in any order; equal digests count once. All or nothing.
  absl::StatusOr<InsertedBatch> Insert(const Scope& scope, const domain::SubmitRequest& request,
                                       const std::vector<domain::WantedJob>& jobs, const std::string& toolset);
  // NOT_FOUND names the id.
  absl::StatusOr<domain::Batch> Get(const Scope& scope, BatchId id);
  // The batch that a request id made, if any.
  absl::StatusOr<std::optional<domain::Batch>> FindByRequestId(const Scope& scope, const std::string& request_id);
  // Newest first; limit 0: all.
  absl::StatusOr<std::vector<domain::Batch>> List(const Scope& scope, int64_t limit);

  struct Cancelled {
    domain::Batch batch;
    CancelledJobs jobs;
  };
  // Ends the batch's jobs that no other live batch wants. A batch that is done or cancelled stays as it is.
  absl::StatusOr<Cancelled> Cancel(const Scope& scope, BatchId id);

  struct Retried {
    domain::Batch batch;
    std::vector<JobRef> queued;  // at most kSampleMax
    int64_t retried = 0;
    JobId lowest_queued;  // 0: all were joined
  };
  // The batch's failed and partial jobs get a new generation (or join one that somebody made already), linked in place of
  // the old job. FAILED_PRECONDITION for a cancelled batch.
  absl::StatusOr<Retried> RetryFailed(const Scope& scope, BatchId id);

  // NOT_FOUND; FAILED_PRECONDITION when it ended already.
  absl::StatusOr<CancelledJobs> CancelJob(const Scope& scope, JobId id);
  // The job that takes its place in every live batch that had it. FAILED_PRECONDITION unless it failed, was cancelled or
  // is partial.
  absl::StatusOr<JobRef> RetryJob(const Scope& scope, JobId id);

 private:
  Pool& pool_;
};

}  // namespace gofarm::store
