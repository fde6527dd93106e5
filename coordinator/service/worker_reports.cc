#include "coordinator/service/worker_reports.h"

#include "absl/time/time.h"
#include "common/base/clock.h"

namespace gofarm::service {

void WorkerReports::Show(const std::string& worker, const WorkerReport& report) {
  absl::MutexLock lock(&mutex_);
  if (reports_.size() >= kReportsMax && !reports_.contains(worker)) return;
  const double clock = report.figures ? report.figures->clock_seconds : 0;
  reports_[worker] = {report, clock == 0 ? 0 : clock - absl::ToDoubleSeconds(WallNow() - absl::UnixEpoch())};
}

void WorkerReports::Forget(const std::string& worker) {
  absl::MutexLock lock(&mutex_);
  reports_.erase(worker);
}

std::optional<WorkerReport> WorkerReports::Of(const std::string& worker) const {
  absl::MutexLock lock(&mutex_);
  const auto it = reports_.find(worker);
  if (it == reports_.end()) return std::nullopt;
  return it->second.report;
}

std::optional<WorkerReports::HostFigures> WorkerReports::HostOf(const std::string& worker) const {
  absl::MutexLock lock(&mutex_);
  const auto it = reports_.find(worker);
  if (it == reports_.end()) return std::nullopt;
  const WorkerReport& report = it->second.report;
  return HostFigures{
      .disk_free_bytes = report.disk_free_bytes, .figures = report.figures, .clock_skew_seconds = it->second.skew};
}

}  // namespace gofarm::service
