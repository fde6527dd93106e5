// The one door to the logs. Workers' bytes go in by the attempt's token; operators read them by job and number of the
// attempt, at once or followed to the attempt's end. Thread-safe; Read blocks its thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/base/scope.h"
#include "coordinator/blob/log_store.h"
#include "coordinator/service/log_growth.h"
#include "coordinator/service/progress_board.h"
#include "coordinator/service/query_service.h"

namespace gofarm::service {

inline constexpr size_t kLogSliceMax = 256 << 10;
inline constexpr absl::Duration kFollowCheck =
    absl::Milliseconds(500);  // the database is asked no more often, per reader

class LogService {
 public:
  LogService(QueryService& queries, blob::LogStore& logs, const ProgressBoard& board);

  // Gives the log from `offset` on to `sink`, piece by piece, until its end; with `follow`, until the attempt ended
  // (and first until there is one). `attempt`: 1 = the first, 0 = the last. NOT_FOUND: no such job or attempt. What
  // `sink` returns ends the reading.
  using Sink = std::function<absl::Status(std::string piece)>;
  absl::Status Read(const Scope& scope, JobId job, int attempt, int64_t offset, bool follow, const Sink& sink);

  // As of LogStore. Append wakes those who follow this log.
  absl::StatusOr<int64_t> StoredOffset(AttemptToken token) { return logs_.StoredOffset(token); }
  // For LogTails, and for who reads without a wait.
  LogGrowth& growth() { return growth_; }
  blob::LogStore& store() { return logs_; }
  absl::Status Append(AttemptToken token, int64_t offset, std::string_view data, blob::LogStore::Done done);

 private:
  absl::StatusOr<domain::Attempt> AwaitAttempt(const Scope& scope, JobId job, int attempt, bool follow);

  QueryService& queries_;
  blob::LogStore& logs_;
  const ProgressBoard& board_;
  LogGrowth growth_;
};

}  // namespace gofarm::service
