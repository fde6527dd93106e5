// What operators read, page by page. Thread-safe; blocks its thread.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "coordinator/domain/types.h"
#include "coordinator/service/batch_source.h"
#include "coordinator/store/batch_store.h"
#include "coordinator/store/query_store.h"

namespace gofarm::service {

class QueryService final : public BatchSource {
 public:
  QueryService(store::BatchStore& batches, store::QueryStore& queries) : batches_(batches), queries_(queries) {}

  absl::StatusOr<domain::Batch> GetBatch(const Scope& scope, BatchId id) override;
  // 0: all; newest first. `before`: those older than it.
  absl::StatusOr<std::vector<domain::Batch>> ListBatches(const Scope& scope, int64_t limit, BatchId before = {});
  // As of BatchStore.
  absl::StatusOr<std::vector<domain::Batch>> ListRunningBatches(const Scope& scope, int64_t limit);
  absl::StatusOr<bool> HasBatch(const Scope& scope, BatchId id);
  // As of QueryStore.
  absl::StatusOr<domain::MatrixPage> MatrixPage(const Scope& scope, BatchId batch, std::optional<JobState> state,
                                                JobId after);
  absl::StatusOr<domain::Job> GetJob(const Scope& scope, JobId id);
  absl::Status ListJobs(const Scope& scope, const domain::JobFilter& filter, int64_t limit,
                        const Pages<domain::Job>& pages) override;
  absl::Status ListJobIds(const Scope& scope, BatchId batch, const Pages<JobId>& pages) override;
  // As of QueryStore. NOT_FOUND: no such batch.
  absl::StatusOr<std::vector<domain::FailedJob>> FailedJobs(const Scope& scope, BatchId batch);
  // By job and import path; limit 0: all. NOT_FOUND: the filter names an unknown batch.
  absl::Status ListArtifacts(const Scope& scope, const domain::ArtifactFilter& filter, int64_t limit,
                             const Pages<domain::ArtifactRow>& pages);
  absl::StatusOr<std::vector<domain::WorkerInfo>> WorkerPage(const Scope& scope, const std::string& after,
                                                             domain::WorkerDetail detail,
                                                             const std::vector<std::string>& names = {});
  absl::StatusOr<domain::JobCounts> CountJobs(const Scope& scope);
  absl::StatusOr<domain::Attempt> FindAttempt(const Scope& scope, JobId job, int number);
  absl::StatusOr<std::vector<domain::AttemptRef>> AttemptsOf(const Scope& scope, JobId job);

 private:
  // NOT_FOUND: there is no such batch. Counts nothing of it.
  absl::Status CheckBatch(const Scope& scope, BatchId id);

  store::BatchStore& batches_;
  store::QueryStore& queries_;
};

}  // namespace gofarm::service
