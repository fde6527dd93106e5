// Logs for readers that have no thread of their own, such as pages: each asks for what is there and is woken when there
// is more. One thread looks twice a second which of the followed logs grew or ended, so that hundreds of followers cost
// no more than what they are sent. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/base/scope.h"
#include "coordinator/blob/log_store.h"
#include "coordinator/service/log_growth.h"
#include "coordinator/service/progress_board.h"
#include "coordinator/service/query_service.h"

namespace gofarm::service {

inline constexpr absl::Duration kTailTick = absl::Milliseconds(500);
inline constexpr absl::Duration kTailStillThere = absl::Seconds(20);  // a wake at least this often
inline constexpr absl::Duration kTailAskMax = absl::Seconds(5);       // for one question to the store

class LogTails;

// One reader of one attempt's log. Used by one thread at a time; may outlive its LogTails, and says UNAVAILABLE then.
class LogTail {
 public:
  ~LogTail();
  LogTail(const LogTail&) = delete;
  LogTail& operator=(const LogTail&) = delete;

  struct Piece {
    blob::LogSlice slice;
    bool ended = false;  // the attempt ended before this was read: at the end of the slice is the end of the log
  };
  absl::StatusOr<Piece> Read(int64_t offset, size_t limit);
  // Once, before the first Read: `wake` is called from another thread when there may be more, and every now and then.
  void OnNews(std::function<void()> wake);

 private:
  friend class LogTails;
  struct Hub;
  LogTail(std::shared_ptr<Hub> hub, JobId job, AttemptToken token);

  const std::shared_ptr<Hub> hub_;
  const JobId job_;
  const AttemptToken token_;
  int64_t place_ = 0;  // among those that are woken; 0: none
};

class LogTails {
 public:
  // Whether the attempt has ended, by the store; asked once a tick at most for each followed log that is not on the
  // board.
  using HasEnded = std::function<absl::StatusOr<bool>(const Scope& scope, JobId job, AttemptToken token)>;
  LogTails(blob::LogStore& logs, LogGrowth& growth, const ProgressBoard& board, HasEnded has_ended);
  // Wakes all who follow; what they read then is UNAVAILABLE.
  ~LogTails();

  std::shared_ptr<LogTail> Open(JobId job, AttemptToken token);
  size_t followed() const;

 private:
  void Tick(const std::stop_token& stop);
  std::vector<std::function<void()>> Due(const std::stop_token& stop);

  const std::shared_ptr<LogTail::Hub> hub_;
  std::jthread thread_;
};

// Of the attempts of a job: HasEnded of the store.
absl::StatusOr<bool> HasAttemptEnded(QueryService& queries, const Scope& scope, JobId job, AttemptToken token);

}  // namespace gofarm::service
