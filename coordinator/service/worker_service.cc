#include "coordinator/service/worker_service.h"

#include <utility>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/obs/log.h"

namespace gofarm::service {
namespace {

absl::Status ThrowOut(const Scope& scope, IdentityService& identities, const std::string& worker,
                      const domain::Actor& actor) {
  const absl::StatusOr<domain::Identity> identity = identities.OfName(scope, worker);
  if (absl::IsNotFound(identity.status())) return absl::OkStatus();  // it came over the socket
  GOFARM_RETURN_IF_ERROR(identity.status());
  if (identity->role != Role::kWorker || identity->revoked()) return absl::OkStatus();
  return identities.Revoke(scope, worker, actor).status();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> WorkerService::SetDrained(const Scope& scope,
                                                                   const domain::WorkerChoice& choice, bool drained) {
  if (choice.name.empty() == choice.labels.empty()) {
    return absl::InvalidArgumentError("name one worker, or labels of several: one of both");
  }
  GOFARM_RETURN_IF_ERROR(CheckLabels(choice.labels));
  GOFARM_ASSIGN_OR_RETURN(std::vector<domain::DrainChange> changes,
                          store_.SetDrained(scope, dispatch_.Epoch(), choice, drained));
  std::vector<std::string> names;
  for (const domain::DrainChange& change : changes) names.push_back(change.worker);
  obs::Info(drained ? "workers_drained" : "workers_undrained",
            {{"workers", Cat(names.size())}, {"first", names.front()}});
  GOFARM_RETURN_IF_ERROR(dispatch_.Post(dispatch::DrainsChanged{std::move(changes)}));
  return names;
}

absl::StatusOr<domain::RemovedWorker> WorkerService::Remove(const Scope& scope, const std::string& worker,
                                                            const domain::Actor& actor, IdentityService* identities) {
  GOFARM_RETURN_IF_ERROR(dispatch_.MayRemove(worker));
  domain::RemovedWorker removed{.was_connected = dispatch_.IsThere(worker)};
  GOFARM_ASSIGN_OR_RETURN(domain::ExpiredSessions ended, store_.Remove(scope, dispatch_.Epoch(), worker));
  removed.jobs = static_cast<int>(ended.lost.size());
  reports_.Forget(worker);
  obs::Info("worker_removed", {{"worker", worker}, {"jobs", Cat(removed.jobs)}});
  GOFARM_RETURN_IF_ERROR(dispatch_.Post(dispatch::WorkerRemoved{worker, std::move(ended)}));
  if (identities == nullptr) return removed;
  if (const absl::Status out = ThrowOut(scope, *identities, worker, actor); !out.ok()) {
    return Annotate(
        out, Cat("worker ", worker, " is removed, but not thrown out; do it with gofarm identity revoke ", worker));
  }
  return removed;
}

}  // namespace gofarm::service
