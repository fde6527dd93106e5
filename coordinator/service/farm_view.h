// The farm as operators see it: rows that are put together from more than one source, namely what the store says, what
// the dispatcher knows, what the board shows and what workers report. Thread-safe; blocks its thread where it asks the
// store.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "coordinator/domain/live.h"
#include "coordinator/service/dispatch_loop.h"
#include "coordinator/service/progress_board.h"
#include "coordinator/service/query_service.h"
#include "coordinator/service/worker_reports.h"

namespace gofarm::service {

inline constexpr size_t kWorkersRunningMax = 20'000;  // jobs shown below their workers

class FarmView {
 public:
  FarmView(QueryService& queries, const DispatchLoop& dispatch, const ProgressBoard& board,
           const WorkerReports& reports)
      : queries_(queries), dispatch_(dispatch), board_(board), reports_(reports) {}

  // A job of the store with why it waits, or with what its running attempt does.
  domain::JobView ViewOf(domain::Job job) const;
  // In words, with the reason's name first; empty: it does not wait, or why is not known.
  std::string WhyWaiting(const domain::Job& job) const;

  // As QueryService's.
  absl::Status ListJobs(const Scope& scope, const domain::JobFilter& filter, int64_t limit,
                        const Pages<domain::JobView>& pages) const;

  // Every worker that is connected or known, by name: in pages, since reports of thousands fit no memory. `names`:
  // these only; empty: all.
  absl::Status ListWorkers(const Scope& scope, domain::WorkerDetail detail, const std::vector<std::string>& names,
                           const Pages<domain::WorkerView>& pages) const;
  absl::StatusOr<domain::FarmStatus> Status(const Scope& scope) const;

 private:
  QueryService& queries_;
  const DispatchLoop& dispatch_;
  const ProgressBoard& board_;
  const WorkerReports& reports_;
};

}  // namespace gofarm::service
