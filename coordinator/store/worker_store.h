// What operators decide about workers: which get no new jobs, which are gone for good. Over PostgreSQL.
//
// Errors: FAILED_PRECONDITION when another coordinator leads, NOT_FOUND when nobody is meant; else as in transaction.h.
// Thread-safe.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "coordinator/domain/dispatch_store.h"
#include "coordinator/domain/types.h"
#include "coordinator/store/attempt_store.h"
#include "coordinator/store/pool.h"

namespace gofarm::store {

class WorkerStore {
 public:
  explicit WorkerStore(Pool& pool, Random random = SystemRandom) : pool_(pool), random_(std::move(random)) {}

  // Of all that are meant, also those of which nothing changed; by name.
  absl::StatusOr<std::vector<domain::DrainChange>> SetDrained(const Scope& scope, int64_t epoch,
                                                              const domain::WorkerChoice& choice, bool drained);
  // Ends its sessions (attempts lost, not counted among a job's tries) and forgets it.
  absl::StatusOr<domain::ExpiredSessions> Remove(const Scope& scope, int64_t epoch, const std::string& worker);

 private:
  Pool& pool_;
  const Random random_;
};

}  // namespace gofarm::store
