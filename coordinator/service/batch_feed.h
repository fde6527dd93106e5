// One feed per watched batch: a thread that reads how the batch stands at most ten times a second, gathers the steps of
// its jobs from the board, and gives both to all who watch, however many they are. It begins with the first watcher and
// ends with the last. What the store proves and the board holds when it begins is a watcher's Backfill; nothing is made
// up. A watcher that does not keep up gets what is known again instead of a queue that grows.
//
// Thread-safe. Each watcher is used by one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/base/scope.h"
#include "coordinator/domain/live.h"
#include "coordinator/service/batch_source.h"
#include "coordinator/service/progress_board.h"

namespace gofarm::service {

inline constexpr size_t kFeedsMax = 128;
inline constexpr int kWatchersMax = 128;               // of one feed
inline constexpr size_t kFeedEventsMax = 4'096;        // kept for watchers that are behind
inline constexpr size_t kFeedEventBytesMax = 2 << 20;  // of all of them
inline constexpr size_t kEventsPerUpdate = 1'000;
inline constexpr size_t kUpdateEventBytesMax = 1 << 20;  // of them; the rest comes with the next update
inline constexpr size_t kRunningShownMax = 200;
inline constexpr absl::Duration kFeedReadMax = absl::Minutes(1);  // for one reading of the store

struct FeedPace {
  absl::Duration least = absl::Milliseconds(100);      // at most ten updates a second
  absl::Duration refresh = absl::Seconds(1);           // counts are read again, also when nothing is heard
  absl::Duration heartbeat = absl::Seconds(5);         // an update at least this often
  absl::Duration cancel_patience = absl::Seconds(15);  // for the last jobs of a cancelled batch
};

class BatchFeed;
class BatchFeeds;

class BatchWatcher {
 public:
  ~BatchWatcher();
  BatchWatcher(const BatchWatcher&) = delete;
  BatchWatcher& operator=(const BatchWatcher&) = delete;

  // Waits for the next update; the first comes at once, with the steps that are known. None: the batch has ended, and
  // all was given. NOT_FOUND: no such batch; what `scope` says when it is done; what the store says.
  absl::StatusOr<std::optional<domain::BatchUpdate>> Next(const Scope& scope);

 private:
  friend class BatchFeeds;
  BatchWatcher(BatchFeeds& feeds, std::shared_ptr<BatchFeed> feed) : feeds_(feeds), feed_(std::move(feed)) {}

  BatchFeeds& feeds_;
  const std::shared_ptr<BatchFeed> feed_;
  int64_t version_ = 0;                   // of the state that was given last
  int64_t cursor_ = -1;                   // number of the feed's event that was taken last; -1: none yet
  int64_t sequence_ = 0;                  // of the events that this watcher was given
  std::deque<domain::JobEvent> backlog_;  // of a snapshot; at most kBackfillJobsMax jobs' steps
  absl::Time next_at_ = absl::InfinitePast();
};

class BatchFeeds {
 public:
  // Why a job that is queued waits, in words; empty: not known.
  using WhyWaiting = std::function<std::string(const domain::Job&)>;
  BatchFeeds(BatchSource& source, ProgressBoard& board, WhyWaiting why_waiting, FeedPace pace = {});
  ~BatchFeeds();  // no watcher may be left

  // RESOURCE_EXHAUSTED: too many batches are watched, or too many watch this one.
  absl::StatusOr<std::unique_ptr<BatchWatcher>> Watch(BatchId batch);
  size_t open() const;

 private:
  friend class BatchWatcher;
  friend class BatchFeed;
  void Leave(const std::shared_ptr<BatchFeed>& feed);

  BatchSource& source_;
  ProgressBoard& board_;
  const WhyWaiting why_waiting_;
  const FeedPace pace_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<BatchId, std::shared_ptr<BatchFeed>> feeds_ ABSL_GUARDED_BY(mutex_);  // that take watchers
  size_t open_ ABSL_GUARDED_BY(mutex_) = 0;  // also those that ended and have watchers still
};

// No more than a fifth of the time goes into reading the counts of a huge batch.
absl::Duration PaceAfter(absl::Duration least, absl::Duration reading);

}  // namespace gofarm::service
