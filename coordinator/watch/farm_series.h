// The farm's figures as series: what the dispatcher publishes, and what workers say of their hosts, for workers that
// nobody but the coordinator reaches. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/metrics/exposition.h"
#include "coordinator/domain/dispatch_figures.h"
#include "coordinator/service/worker_reports.h"

namespace gofarm::watch {

// `wall`: now by the wall clock, which the queue's times are compared with.
std::vector<metrics::Family> QueueSeries(const dispatch::DispatchFigures& figures, absl::Time wall);

// Of at most dispatch::kWorkersFiguredMax workers; `host`: what the last report of a worker says, null: none came.
// `now`: of the clock that the figures go by.
using HostOf = std::function<std::optional<service::WorkerReports::HostFigures>(const std::string& worker)>;
std::vector<metrics::Family> WorkerSeries(const dispatch::DispatchFigures& figures, const HostOf& host, absl::Time now);

}  // namespace gofarm::watch
