// Batches: insert with the join rules, cancel, retry. Thread-safe; every method is one transaction.
//
// Locks: a job's row is the mutex of all that concerns the job. Whoever links a live job to a batch holds it FOR KEY
// SHARE, whoever ends or cancels one FOR UPDATE; rows are locked in the order of their ids or of their digests, and a
// deadlock between the two orders is tried again by RunTransaction.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "coordinator/domain/queries.h"
#include "coordinator/domain/types.h"
#include "coordinator/store/pool.h"

namespace gofarm::store {

// A job that ended and is to be built again, as it was recorded.
struct EndedJob {
  domain::JobRef ref;
  std::string toolset, recipe_digest;
  JobId rebuild_of;  // 0: it is no rebuild
};
// Whether this farm still builds it the way its recipe digest says. Pure: called inside the transaction.
using CheckRetry = std::function<absl::Status(const EndedJob&)>;

struct InsertedBatch {
  domain::Batch batch;
  bool repeated = false;                      // the request id was known: the first answer, nothing stored
  int64_t new_jobs = 0;                       // not joined
  JobId lowest_changed;                       // of the queue's rows that are new or more urgent now; 0: none
  std::vector<domain::JobRef> queued_sample;  // the first kSampleMax new ones, for progress lines
};
inline constexpr size_t kSampleMax = 256;
// A submission repeated within this time gets the first answer; after that its request id is unknown again.
inline constexpr absl::Duration kRequestIdRetention = absl::Hours(24 * 7);
inline constexpr int kRequestIdsAtOnce = 10'000;  // forgotten in one statement
// Batches whose counts are kept in one statement. More that a list sees are kept when they are listed again.
inline constexpr size_t kCountsKeptAtOnce = 100;

struct CancelledJobs {
  std::vector<domain::JobRef> cancelled;      // they waited; they are cancelled now
  std::vector<domain::RunningRef> to_cancel;  // they run: their workers must stop them
};

class BatchStore {
 public:
  explicit BatchStore(Pool& pool) : pool_(pool) {}

  // `jobs` in any order; equal digests count once. All or nothing. ALREADY_EXISTS as of FindByRequestId.
  absl::StatusOr<InsertedBatch> Insert(const Scope& scope, const domain::SubmitRequest& request,
                                       const std::vector<domain::WantedJob>& jobs, const std::string& toolset);
  // NOT_FOUND names the id.
  absl::StatusOr<domain::Batch> Get(const Scope& scope, BatchId id);
  // The batch that a request id made, if any. ALREADY_EXISTS: of other content than this; an empty digest, given or
  // stored, is no other.
  absl::StatusOr<std::optional<domain::Batch>> FindByRequestId(const Scope& scope, const std::string& request_id,
                                                               const std::string& content_sha256);
  // Forgets the request ids of batches older than `retention`; the batches stay. How many.
  absl::StatusOr<int64_t> ForgetRequestIds(const Scope& scope, absl::Duration retention);
  // Keeps the counts of all batches that ended and were not looked at since. How many.
  absl::StatusOr<int64_t> KeepEndedCounts(const Scope& scope);
  // Newest first; limit 0: all. Those older than `before`; 0: from the newest on.
  absl::StatusOr<std::vector<domain::Batch>> List(const Scope& scope, int64_t limit, BatchId before = {});
  // Those that run, newest first; limit 0: all. Costs them, and once each batch that ended and was not looked at since.
  absl::StatusOr<std::vector<domain::Batch>> ListRunning(const Scope& scope, int64_t limit);
  // Whether there is one, without a count of its jobs.
  absl::StatusOr<bool> Exists(const Scope& scope, BatchId id);

  struct Cancelled {
    domain::Batch batch;
    CancelledJobs jobs;
  };
  // Ends the batch's jobs that no other live batch wants. A batch that is done or cancelled stays as it is.
  absl::StatusOr<Cancelled> Cancel(const Scope& scope, BatchId id);

  struct Retried {
    domain::Batch batch;
    std::vector<domain::JobRef> queued;  // at most kSampleMax
    int64_t retried = 0;
    JobId lowest_queued;  // 0: all were joined
  };
  // The batch's failed and partial jobs get a new generation (or join one that somebody made already), linked in place
  // of the old job: a retry is the same recipe once more, with the same toolset. FAILED_PRECONDITION for a cancelled
  // batch; what `check` says of the first job that it refuses, and nothing is changed.
  absl::StatusOr<Retried> RetryFailed(const Scope& scope, BatchId id, const CheckRetry& check);

  // NOT_FOUND; FAILED_PRECONDITION when it ended already.
  absl::StatusOr<CancelledJobs> CancelJob(const Scope& scope, JobId id);
  // The job that takes its place in every live batch that had it. FAILED_PRECONDITION unless it failed, was cancelled
  // or is partial; what `check` says.
  absl::StatusOr<domain::JobRef> RetryJob(const Scope& scope, JobId id, const CheckRetry& check);

 private:
  Pool& pool_;
};

}  // namespace gofarm::store
