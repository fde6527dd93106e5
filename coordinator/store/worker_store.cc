#include "coordinator/store/worker_store.h"

#include <algorithm>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "coordinator/store/json.h"
#include "coordinator/store/session_end.h"
#include "coordinator/store/transaction.h"

namespace gofarm::store {
namespace {

absl::Status NoWorker(const domain::WorkerChoice& choice) {
  return absl::NotFoundError(
      choice.name.empty() ? Cat("no worker has ", choice.labels.size() == 1 ? "the label " : "the labels ",
                                ToText(choice.labels), "; see: gofarm worker list")
                          : Cat("no worker is called \"", EscapeForPrint(choice.name), "\"; see: gofarm worker list"));
}

}  // namespace

absl::StatusOr<std::vector<domain::DrainChange>> WorkerStore::SetDrained(const Scope& scope, int64_t epoch,
                                                                         const domain::WorkerChoice& choice,
                                                                         bool drained) {
  using Changes = std::vector<domain::DrainChange>;
  return RunTransaction(pool_, scope, "drain workers", [&](Txn& txn) -> absl::StatusOr<Changes> {
    GOFARM_RETURN_IF_ERROR(CheckEpoch(txn, epoch));
    Changes changes;
    for (const pqxx::row& row : txn.Run("drain_workers", choice.name, LabelsJson(choice.labels), drained)) {
      changes.push_back({.worker = row["name"].as<std::string>(),
                         .mark = {.drained = drained, .change = row["drain_change"].as<int64_t>()}});
    }
    if (changes.empty()) return NoWorker(choice);
    std::sort(changes.begin(), changes.end(), [](const auto& a, const auto& b) { return a.worker < b.worker; });
    return changes;
  });
}

absl::StatusOr<domain::ExpiredSessions> WorkerStore::Remove(const Scope& scope, int64_t epoch,
                                                            const std::string& worker) {
  return RunTransaction(
      pool_, scope, Cat("remove worker ", worker), [&](Txn& txn) -> absl::StatusOr<domain::ExpiredSessions> {
        GOFARM_RETURN_IF_ERROR(CheckEpoch(txn, epoch));
        if (txn.Run("lock_worker", worker).empty()) return NoWorker({.name = worker, .labels = {}});
        GOFARM_ASSIGN_OR_RETURN(domain::ExpiredSessions ended,
                                EndSessionsIn(txn, Ids<SessionId>(txn.Run("sessions_of_worker", worker)),
                                              /*counts=*/false, "an operator removed its worker", random_));
        txn.Run("delete_worker", worker);
        return ended;
      });
}

}  // namespace gofarm::store
