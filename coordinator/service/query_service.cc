#include "coordinator/service/query_service.h"

#include <algorithm>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::service {
namespace {

int NextPage(int64_t limit, int64_t taken, int page_max) {
  return static_cast<int>(limit == 0 ? page_max : std::min<int64_t>(page_max, limit - taken));
}

}  // namespace

absl::StatusOr<domain::Batch> QueryService::GetBatch(const Scope& scope, BatchId id) { return batches_.Get(scope, id); }

absl::StatusOr<std::vector<domain::Batch>> QueryService::ListBatches(const Scope& scope, int64_t limit,
                                                                     BatchId before) {
  return batches_.List(scope, limit, before);
}

absl::StatusOr<std::vector<domain::Batch>> QueryService::ListRunningBatches(const Scope& scope, int64_t limit) {
  return batches_.ListRunning(scope, limit);
}

absl::StatusOr<bool> QueryService::HasBatch(const Scope& scope, BatchId id) { return batches_.Exists(scope, id); }

absl::Status QueryService::CheckBatch(const Scope& scope, BatchId id) {
  GOFARM_ASSIGN_OR_RETURN(const bool there, batches_.Exists(scope, id));
  return there ? absl::OkStatus() : absl::NotFoundError(Cat("no batch ", id.value));
}

absl::StatusOr<domain::MatrixPage> QueryService::MatrixPage(const Scope& scope, BatchId batch,
                                                            std::optional<JobState> state, JobId after) {
  return queries_.MatrixPage(scope, batch, state, after);
}

absl::StatusOr<domain::Job> QueryService::GetJob(const Scope& scope, JobId id) { return queries_.GetJob(scope, id); }

absl::Status QueryService::ListJobs(const Scope& scope, const domain::JobFilter& filter, int64_t limit,
                                    const Pages<domain::Job>& pages) {
  if (filter.batch) GOFARM_RETURN_IF_ERROR(CheckBatch(scope, filter.batch));
  JobId after;
  for (int64_t taken = 0; limit == 0 || taken < limit;) {
    GOFARM_ASSIGN_OR_RETURN(std::vector<domain::Job> page,
                            queries_.JobPage(scope, filter, after, NextPage(limit, taken, store::kJobPageMax)));
    if (page.empty()) break;
    taken += static_cast<int64_t>(page.size());
    after = page.back().id;
    if (!pages(std::move(page))) break;
  }
  return absl::OkStatus();
}

absl::Status QueryService::ListJobIds(const Scope& scope, BatchId batch, const Pages<JobId>& pages) {
  for (JobId after;;) {
    GOFARM_ASSIGN_OR_RETURN(std::vector<JobId> page, queries_.JobIdPage(scope, batch, after));
    if (page.empty()) return absl::OkStatus();
    after = page.back();
    if (!pages(std::move(page))) return absl::OkStatus();
  }
}

absl::StatusOr<std::vector<domain::FailedJob>> QueryService::FailedJobs(const Scope& scope, BatchId batch) {
  if (batch) GOFARM_RETURN_IF_ERROR(CheckBatch(scope, batch));
  return queries_.FailedJobs(scope, batch);
}

absl::Status QueryService::ListArtifacts(const Scope& scope, const domain::ArtifactFilter& filter, int64_t limit,
                                         const Pages<domain::ArtifactRow>& pages) {
  if (filter.batch) GOFARM_RETURN_IF_ERROR(CheckBatch(scope, filter.batch));
  domain::ArtifactCursor after;
  for (int64_t taken = 0; limit == 0 || taken < limit;) {
    GOFARM_ASSIGN_OR_RETURN(
        std::vector<domain::ArtifactRow> page,
        queries_.ArtifactPage(scope, filter, after, NextPage(limit, taken, store::kArtifactPageMax)));
    if (page.empty()) break;
    taken += static_cast<int64_t>(page.size());
    after = {.job = page.back().job, .import_path = page.back().import_path};
    if (!pages(std::move(page))) break;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<domain::WorkerInfo>> QueryService::WorkerPage(const Scope& scope, const std::string& after,
                                                                         domain::WorkerDetail detail,
                                                                         const std::vector<std::string>& names) {
  return queries_.WorkerPage(scope, after, detail, names);
}

absl::StatusOr<domain::JobCounts> QueryService::CountJobs(const Scope& scope) { return queries_.CountJobs(scope); }

absl::StatusOr<domain::Attempt> QueryService::FindAttempt(const Scope& scope, JobId job, int number) {
  return queries_.FindAttempt(scope, job, number);
}

absl::StatusOr<std::vector<domain::AttemptRef>> QueryService::AttemptsOf(const Scope& scope, JobId job) {
  return queries_.AttemptsOf(scope, job);
}

}  // namespace gofarm::service
