// What running attempts do right now, in memory only: the latest progress of each token, and a bounded ring of job
// events for the plain lines of `watch`. A restarted coordinator starts with an empty board; the store is the truth,
// and a watch that starts late makes up what it missed from there (batch_watch.h). Thread-safe; listeners are called
// outside the lock, must be quick and must not call back.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/vocab/failure.h"
#include "common/vocab/target.h"

namespace gofarm::service {

inline constexpr size_t kBoardEventsMax = 65'536;

struct LiveProgress {
  Phase phase = Phase::kNone;
  std::string variant;
  std::string detail;  // escaped already
  int64_t bytes_done = 0;
  int64_t bytes_total = 0;
  double phase_seconds = 0;
};

struct BoardJob {
  JobId id;
  std::string module;
  std::string version;
  Target target = Target::kX86_64;
};

struct BoardEvent {
  int64_t sequence = 0;
  BoardJob job;
  std::string what;  // a job state or a phase name
  std::string detail;
};

class ProgressBoard {
 public:
  // An attempt runs (accepted by its worker, or announced again after a restart). Repeats change nothing.
  void Started(AttemptToken token, const BoardJob& job, std::string_view worker);
  // Of an unknown or ended token: ignored. False: another worker than this one runs the attempt, and nothing was taken.
  bool Report(AttemptToken token, std::string_view worker, LiveProgress progress);
  // The attempt is over and its job is in state `state`. Phases among `phases` that come after what reports told are
  // made up first, so that a quick job shows all of its steps.
  void Ended(AttemptToken token, const std::vector<Phase>& phases, JobState state, std::string_view detail);
  // The attempt is gone without a result; its job waits again.
  void Lost(AttemptToken token, std::string_view detail);
  // Events that belong to no running attempt: "queued", "cancelled".
  void Tell(const BoardJob& job, std::string_view what, std::string_view detail);

  std::optional<LiveProgress> Of(AttemptToken token) const;
  // Of the attempts that run on `worker`.
  std::vector<std::pair<AttemptToken, BoardJob>> RunningOn(std::string_view worker) const;

  // Number of the newest event; what happens later has a larger one.
  int64_t Newest() const;
  // Events after `sequence`, oldest first, at most `limit`; those that fell out of the ring are skipped.
  std::vector<BoardEvent> Since(int64_t sequence, size_t limit) const;

  // `changed` is called after every change until Unlisten.
  int64_t Listen(std::function<void()> changed);
  void Unlisten(int64_t id);

 private:
  struct Live {
    BoardJob job;
    std::string worker;
    LiveProgress progress;
    Phase phase_told = Phase::kNone;  // the latest; no earlier one is told after it
  };
  void Push(const BoardJob& job, std::string_view what, std::string_view detail) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TellPhase(Live& live, Phase phase, std::string_view detail) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Notify() ABSL_LOCKS_EXCLUDED(mutex_, listeners_mutex_);

  mutable absl::Mutex mutex_;
  absl::flat_hash_map<AttemptToken, Live> live_ ABSL_GUARDED_BY(mutex_);
  std::deque<BoardEvent> events_ ABSL_GUARDED_BY(mutex_);
  int64_t newest_ ABSL_GUARDED_BY(mutex_) = 0;

  absl::Mutex listeners_mutex_;
  std::map<int64_t, std::function<void()>> listeners_ ABSL_GUARDED_BY(listeners_mutex_);
  int64_t next_listener_ ABSL_GUARDED_BY(listeners_mutex_) = 1;
};

}  // namespace gofarm::service
