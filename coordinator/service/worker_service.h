// What operators do with workers: drain, undrain, remove. The store comes first, the dispatcher hears of it.
// Thread-safe; blocks its thread where it asks the store.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "coordinator/domain/types.h"
#include "coordinator/service/dispatch_loop.h"
#include "coordinator/service/identity_service.h"
#include "coordinator/service/worker_reports.h"
#include "coordinator/store/worker_store.h"

namespace gofarm::service {

class WorkerService {
 public:
  WorkerService(store::WorkerStore& store, DispatchLoop& dispatch, WorkerReports& reports)
      : store_(store), dispatch_(dispatch), reports_(reports) {}

  // The names of all that are meant. INVALID_ARGUMENT: not one of name and labels; NOT_FOUND: nobody is meant.
  absl::StatusOr<std::vector<std::string>> SetDrained(const Scope& scope, const domain::WorkerChoice& choice,
                                                      bool drained);
  // The identity of one that joined goes with it: its name is free for whoever gets a token made for it. `identities`
  // null: nobody joins this farm. FAILED_PRECONDITION: it is connected, and not both drained and idle.
  absl::StatusOr<domain::RemovedWorker> Remove(const Scope& scope, const std::string& worker,
                                               const domain::Actor& actor, IdentityService* identities);

 private:
  store::WorkerStore& store_;
  DispatchLoop& dispatch_;
  WorkerReports& reports_;
};

}  // namespace gofarm::service
