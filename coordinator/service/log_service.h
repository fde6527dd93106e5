// Logs as operators read them: by job and number of the attempt, at once or followed to the attempt's end. Thread-safe;
// blocks its thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/base/scope.h"
#include "coordinator/blob/log_store.h"
#include "coordinator/service/progress_board.h"
#include "coordinator/service/query_service.h"

namespace gofarm::service {

inline constexpr size_t kLogSliceMax = 256 << 10;
inline constexpr absl::Duration kFollowCheck =
    absl::Milliseconds(500);  // the database is asked no more often, per reader

class LogService {
 public:
  // Registers itself with the store as the one that is told of growth, so it is made before the store is used.
  LogService(QueryService& queries, blob::LogStore& logs, const ProgressBoard& board);

  // Gives the log from `offset` on to `sink`, piece by piece, until its end; with `follow`, until the attempt ended
  // (and first until there is one). `attempt`: 1 = the first, 0 = the last. NOT_FOUND: no such job or attempt. What
  // `sink` returns ends the reading.
  using Sink = std::function<absl::Status(std::string piece)>;
  absl::Status Read(const Scope& scope, JobId job, int attempt, int64_t offset, bool follow, const Sink& sink);

  blob::LogStore& store() { return logs_; }

 private:
  absl::StatusOr<domain::Attempt> AwaitAttempt(const Scope& scope, JobId job, int attempt, bool follow);
  // Until any log grew after `seen`, or kFollowCheck.
  void AwaitGrowth(const Scope& scope, int64_t seen);
  int64_t Growths() const;

  QueryService& queries_;
  blob::LogStore& logs_;
  const ProgressBoard& board_;
  mutable absl::Mutex mutex_;
  int64_t growths_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace gofarm::service
