// Ends attempts: the one road for success, failure and disappearance. Thread-safe; every method is one transaction that
// holds the job's row.
#pragma once

#include <functional>
#include <optional>

#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "coordinator/domain/dispatch_store.h"
#include "coordinator/domain/queries.h"
#include "coordinator/domain/retry_policy.h"
#include "coordinator/domain/types.h"
#include "coordinator/store/pool.h"

namespace gofarm::store {

// In [0, 1); must be thread-safe.
using Random = std::function<double()>;
double SystemRandom();

class AttemptStore {
 public:
  explicit AttemptStore(Pool& pool, Random random = SystemRandom) : pool_(pool), random_(std::move(random)) {}

  // Ends the attempt if its token is the job's current one: report, executables, failed programs and artifacts are
  // recorded, and the job ends or goes back to the queue by retry_policy. See dispatch_store.h for the outcomes.
  // INVALID_ARGUMENT: the report contradicts itself (an executable twice).
  absl::StatusOr<domain::CompleteResult> Complete(const Scope& scope, const domain::CompletedAttempt& attempt,
                                                  const domain::TryContext& context = {});
  // What an earlier completion of this attempt was answered; none: it was never completed.
  absl::StatusOr<std::optional<domain::CompleteResult>> FirstAnswer(const Scope& scope,
                                                                    const domain::RunningRef& attempt);
  // Nothing: there is no such job.
  absl::StatusOr<std::optional<Target>> TargetOf(const Scope& scope, JobId job);

 private:
  Pool& pool_;
  Random random_;
};

}  // namespace gofarm::store
