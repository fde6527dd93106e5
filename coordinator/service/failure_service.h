// What failed, by what is behind it. A list of one batch, or of all, is made of the newest failed jobs and kept for
// kFailuresFresh, so that pages and reports that ask again and again read the store once. Thread-safe; blocks its
// thread where it asks the store.
#pragma once

#include <map>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/scope.h"
#include "coordinator/domain/failures.h"
#include "coordinator/service/query_service.h"

namespace gofarm::service {

inline constexpr absl::Duration kFailuresFresh = absl::Seconds(5);
inline constexpr size_t kFailureListsMax = 16;  // kept at once; the oldest goes

class FailureService {
 public:
  FailureService(QueryService& queries, const Clock& clock) : queries_(queries), clock_(clock) {}

  // All groups that are given, at most domain::kFailureGroupsMax. `batch` 0: of all jobs. NOT_FOUND: no such batch.
  absl::StatusOr<std::shared_ptr<const domain::Failures>> List(const Scope& scope, BatchId batch);

 private:
  struct Kept {
    std::shared_ptr<const domain::Failures> failures;
    absl::Time at;
  };
  std::shared_ptr<const domain::Failures> Fresh(BatchId batch) const ABSL_LOCKS_EXCLUDED(mutex_);

  QueryService& queries_;
  const Clock& clock_;
  mutable absl::Mutex mutex_;
  std::map<BatchId, Kept> kept_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::service
