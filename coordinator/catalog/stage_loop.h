// The thread of one stage: as long as the stage is turned on it has turns, one after the other, and rests when nothing
// was due. Errors end a turn, are counted by class and logged at most once a kErrorLogEvery; the next turn comes after
// a backoff.
//
// Thread-safe. One turn at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "common/catalog/types.h"
#include "coordinator/catalog/catalog_metrics.h"
#include "coordinator/catalog/rate_meter.h"

namespace gofarm::catalog {

inline constexpr absl::Duration kTurnMax = absl::Minutes(30);  // of one claimed set, where the stage says nothing else
inline constexpr absl::Duration kRestFirst = absl::Milliseconds(200);
inline constexpr absl::Duration kRestMax = absl::Seconds(2);
inline constexpr absl::Duration kErrorRestMax = absl::Minutes(1);
inline constexpr absl::Duration kErrorLogEvery = absl::Seconds(30);

// What one stage does. Called on the stage's thread only.
class StageTurn {
 public:
  virtual ~StageTurn() = default;
  struct Done {
    int64_t taken_up = 0;                   // changes that were read; 0 and no modules: nothing is due
    int64_t modules = 0;                    // that have a result now
    std::map<std::string, int64_t> errors;  // of single modules, by class: one of kStageErrors
  };
  virtual absl::StatusOr<Done> Turn(const Scope& scope) = 0;
  // A turn that takes longer has failed.
  virtual absl::Duration TurnMax() const { return kTurnMax; }
};

struct StageFacts {
  bool running = false;
  bool resting = false;  // the last turn found nothing to do, and none has begun since
  double rate = 0;       // modules a second over the last minute
  std::map<std::string, int64_t> errors;
  std::string last_error;  // empty: the last turn was well
  // When it last finished or took up anything, or was turned on.
  absl::Time progress_at = absl::InfinitePast();
};

class StageLoop {
 public:
  // `turn` and `counters` must outlive the loop. `lost`: called once when another coordinator leads.
  StageLoop(Stage stage, StageTurn& turn, StageCounters& counters, std::function<void(const absl::Status&)> lost);
  ~StageLoop();  // Stop
  StageLoop(const StageLoop&) = delete;
  StageLoop& operator=(const StageLoop&) = delete;

  Stage stage() const { return stage_; }
  void Start();
  // Ends the turn under way at its next wait, and joins.
  void Stop();
  void SetRunning(bool running);
  // Something may be due now.
  void Kick();
  StageFacts Facts() const;

 private:
  void Run(const std::stop_token& stop);
  // Until it is turned on, kicked, or `rest` is over. False: stopped.
  bool Await(absl::Duration rest);
  bool Awake() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || (running_ && kicked_); }
  bool On() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || running_; }
  void Note(const absl::StatusOr<StageTurn::Done>& done);

  const Stage stage_;
  StageTurn& turn_;
  StageCounters& counters_;
  const std::function<void(const absl::Status&)> lost_;
  mutable absl::Mutex mutex_;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  bool kicked_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool resting_ ABSL_GUARDED_BY(mutex_) = false;
  RateMeter meter_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int64_t> errors_ ABSL_GUARDED_BY(mutex_);
  std::string last_error_ ABSL_GUARDED_BY(mutex_);
  absl::Time progress_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Time logged_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::jthread thread_;
};

}  // namespace gofarm::catalog
