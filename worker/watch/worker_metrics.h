// What a worker counts of its own work, for its own /metrics and for the report by which the coordinator shows workers
// that nobody else reaches. Without a registry of metrics: the worker is one static file, and has few series.
// Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/metrics/exposition.h"
#include "common/vocab/failure.h"
#include "common/vocab/report.h"
#include "common/vocab/worker_report.h"
#include "worker/build/runner.h"

namespace gofarm::watch {

// What the host has, as it is now.
struct HostNow {
  int64_t memory_free_bytes = 0;
  double load = 0;
};
// Of /proc/meminfo and /proc/loadavg; what is not there is 0.
HostNow ParseHost(std::string_view meminfo, std::string_view loadavg);
HostNow ReadHostNow();

class WorkerMetrics {
 public:
  // `slots`: builds that it may run at a time.
  explicit WorkerMetrics(int slots) : slots_(slots) {}
  WorkerMetrics(const WorkerMetrics&) = delete;
  WorkerMetrics& operator=(const WorkerMetrics&) = delete;

  void AttemptBegins();
  void AttemptEnded(const AttemptReport& report);
  void SeedEnded(bool made);  // else it failed for good
  void CacheBytes(const std::map<CacheKind, int64_t>& bytes);
  void Connected(bool connected);
  // Room in a folder that the worker writes to: "work" or "cache".
  void DiskFree(const std::string& folder, int64_t bytes);

  // What the report carries of it.
  std::vector<CacheFigures> Caches() const;
  // The worker's own series; `program`, `version`: of gofarm_build_info.
  std::vector<metrics::Family> Collect(const std::string& program, const std::string& version) const;

 private:
  struct Lookups {
    int64_t hits = 0, misses = 0;
  };
  struct Phases {
    std::vector<uint64_t> counts;  // by bound, one more for what lies beyond the last
    double sum = 0;
  };

  const int slots_;
  mutable absl::Mutex mutex_;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
  bool connected_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<AttemptOutcome, int64_t> attempts_ ABSL_GUARDED_BY(mutex_);
  std::map<Phase, Phases> phases_ ABSL_GUARDED_BY(mutex_);
  std::map<CacheKind, Lookups> lookups_ ABSL_GUARDED_BY(mutex_);
  std::map<CacheKind, int64_t> cache_bytes_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int64_t> disk_free_ ABSL_GUARDED_BY(mutex_);
  int64_t seeds_made_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t seeds_failed_ ABSL_GUARDED_BY(mutex_) = 0;
};

// A runner that counts what another one builds.
class MeteredRunner final : public build::Runner {
 public:
  // Both outlive this.
  MeteredRunner(build::Runner& runner, WorkerMetrics& metrics) : runner_(runner), metrics_(metrics) {}
  build::BuildReport Run(const Scope& scope, const build::AcceptedOffer& offer,
                         build::BuildListener& listener) override;

 private:
  build::Runner& runner_;
  WorkerMetrics& metrics_;
};

}  // namespace gofarm::watch
