// The last report of each worker: shown at once, saved so that it outlives the coordinator. Thread-safe; Save blocks.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/base/scope.h"
#include "coordinator/domain/types.h"

namespace gofarm::service {

inline constexpr size_t kReportsMax = 5'000;  // workers; of more, only the store has the reports

class WorkerReports {
 public:
  // By the store.
  using SaveReport = std::function<absl::Status(const Scope&, const std::string& worker, const WorkerReport&)>;
  explicit WorkerReports(SaveReport save) : save_(std::move(save)) {}

  void Show(const std::string& worker, const WorkerReport& report);
  absl::Status Save(const Scope& scope, const std::string& worker, const WorkerReport& report) const {
    return save_(scope, worker, report);
  }
  void Forget(const std::string& worker);
  std::optional<WorkerReport> Of(const std::string& worker) const;

  // What a report says of its worker's host, without the rows for people.
  struct HostFigures {
    int64_t disk_free_bytes = 0;
    std::optional<WorkerFigures> figures;  // null: a worker of an earlier release
    double clock_skew_seconds = 0;         // by how much its wall clock was ahead of ours when the report came
  };
  std::optional<HostFigures> HostOf(const std::string& worker) const;

 private:
  struct Shown {
    WorkerReport report;
    double skew = 0;
  };

  const SaveReport save_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Shown> reports_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::service
