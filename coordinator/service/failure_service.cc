#include "coordinator/service/failure_service.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/status_macros.h"

namespace gofarm::service {

std::shared_ptr<const domain::Failures> FailureService::Fresh(BatchId batch) const {
  const absl::MutexLock lock(&mutex_);
  const auto kept = kept_.find(batch);
  return kept != kept_.end() && clock_.Now() - kept->second.at < kFailuresFresh ? kept->second.failures : nullptr;
}

absl::StatusOr<std::shared_ptr<const domain::Failures>> FailureService::List(const Scope& scope, BatchId batch) {
  if (std::shared_ptr<const domain::Failures> fresh = Fresh(batch); fresh != nullptr) return fresh;
  const absl::Time now = clock_.Now();
  GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::FailedJob> jobs, queries_.FailedJobs(scope, batch));
  domain::FailureGrouper grouper;
  for (const domain::FailedJob& job : jobs) grouper.Add(job);
  auto made = std::make_shared<domain::Failures>(grouper.Take(0));
  made->older_left_out = jobs.size() == static_cast<size_t>(store::kFailedJobsMax);
  std::shared_ptr<const domain::Failures> failures = std::move(made);
  const absl::MutexLock lock(&mutex_);
  kept_[batch] = {failures, now};
  if (kept_.size() > kFailureListsMax) {
    kept_.erase(std::min_element(kept_.begin(), kept_.end(),
                                 [](const auto& a, const auto& b) { return a.second.at < b.second.at; }));
  }
  return failures;
}

}  // namespace gofarm::service
