// What the database costs, on /metrics: how long statements take by their name, how long callers wait for a connection,
// how many connections there are. Lives as long as the process. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/metrics/metrics.h"

namespace gofarm::store {

// Connections of a pool, or of several.
struct ConnectionFigures {
  int64_t busy = 0;
  int64_t idle = 0;
};

class DatabaseMetrics {
 public:
  explicit DatabaseMetrics(metrics::Registry& registry);
  DatabaseMetrics(const DatabaseMetrics&) = delete;
  DatabaseMetrics& operator=(const DatabaseMetrics&) = delete;

  // `name`: of a file of coordinator/sql. Its series begins with its first run.
  void AddStatement(const char* name, absl::Duration took, bool failed);
  // Until a connection was given, or none could be had (`failed`), which fails the statement that wanted it.
  void AddWait(absl::Duration took, bool failed);
  void Show(const ConnectionFigures& all);

 private:
  metrics::Registry& registry_;
  metrics::Histogram* wait_;
  metrics::Counter* failures_;
  metrics::Gauge* busy_;
  metrics::Gauge* idle_;
  absl::Mutex mutex_;
  std::map<std::string, metrics::Histogram*, std::less<>> statements_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::store
