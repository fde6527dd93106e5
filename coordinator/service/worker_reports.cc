#include "coordinator/service/worker_reports.h"

namespace gofarm::service {

void WorkerReports::Show(const std::string& worker, const WorkerReport& report) {
  absl::MutexLock lock(&mutex_);
  if (reports_.size() >= kReportsMax && !reports_.contains(worker)) return;
  reports_[worker] = report;
}

void WorkerReports::Forget(const std::string& worker) {
  absl::MutexLock lock(&mutex_);
  reports_.erase(worker);
}

std::optional<WorkerReport> WorkerReports::Of(const std::string& worker) const {
  absl::MutexLock lock(&mutex_);
  const auto it = reports_.find(worker);
  if (it == reports_.end()) return std::nullopt;
  return it->second;
}

}  // namespace gofarm::service
