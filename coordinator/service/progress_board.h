// What running attempts do right now, in memory only: the latest report of each attempt, and a bounded ring of the
// steps of all jobs. The board publishes what it is given (an offer, an Accept, a report, an end), each step of an
// attempt once, and adds nothing of its own. A restarted coordinator begins with an empty board; the store is the
// truth, and what was missed is read from there (batch_steps.h). Thread-safe; listeners are called outside the board's
// lock, must be quick and must not call back.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/vocab/failure.h"
#include "coordinator/domain/live.h"
#include "coordinator/service/event_ring.h"

namespace gofarm::service {

inline constexpr size_t kBoardEventsMax = 65'536;
inline constexpr size_t kBoardEventBytesMax = 32 << 20;  // of all of them: their texts come from outside
// Offers that were not accepted yet; the oldest are forgotten beyond it. One whose offer was forgotten is taken up
// again when it runs; only its reports before that are lost.
inline constexpr size_t kBoardOffersMax = 16'384;
inline constexpr size_t kBoardEndedMax = 8'192;  // newest ended attempts: late news of them changes nothing

class ProgressBoard {
 public:
  // An offer of this attempt goes to `worker`. Nothing is published; its reports are taken from now on. It takes the
  // place of what the job was offered as before.
  void Offered(AttemptToken token, const domain::JobRef& job, std::string_view worker);
  // The attempt runs: accepted, or announced again after a restart. Repeats change nothing.
  void Started(AttemptToken token, const domain::JobRef& job, std::string_view worker, absl::Time since);
  // Of an unknown or ended attempt: ignored. False: another worker than this one has the attempt, and nothing was
  // taken.
  bool Report(AttemptToken token, std::string_view worker, Progress progress);
  // The store took the attempt's end, and its job is in state `state` now; kQueued: it waits again. `phases`: those
  // that the worker's report names; what was not published of them yet comes first. Of an unknown attempt: ignored.
  void Ended(AttemptToken token, const std::vector<Phase>& phases, JobState state, std::string_view detail);
  // The attempt is over, and the store knows what became of its job: nothing is published.
  void Forget(AttemptToken token);
  // A step that belongs to no attempt: queued, or cancelled while it waited.
  void Publish(const domain::JobRef& job, JobState state, std::string_view detail);

  // Also of an attempt that is only offered yet.
  std::optional<Progress> Of(AttemptToken token) const;
  // What runs, by token: those that `wanted` says yes to, at most `limit`. `wanted` is called under the lock.
  std::vector<domain::RunningJob> Running(size_t limit,
                                          const std::function<bool(const domain::RunningJob&)>& wanted) const;

  // Number of the newest event; what happens later has a larger one.
  int64_t Newest() const;
  // Events after `sequence`, oldest first, at most `limit`; those that fell out of the ring are skipped.
  std::vector<domain::JobEvent> Since(int64_t sequence, size_t limit) const;
  size_t EventBytes() const;  // that the ring holds

  // `changed` is called after every change until Unlisten.
  int64_t Listen(std::function<void()> changed);
  void Unlisten(int64_t id);

 private:
  struct Live {
    domain::RunningJob now;
    bool runs = false;  // else it is offered
    std::set<Phase> published;
  };
  using Step = std::variant<JobState, Phase>;

  // Ended, or its job has a newer attempt.
  bool IsOver(AttemptToken token, JobId job) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  Live& Take(AttemptToken token, const domain::JobRef& job, std::string_view worker)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remove(AttemptToken token) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Run(Live& live) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PublishPhases(Live& live, const std::vector<Phase>& phases) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Push(const domain::JobRef& job, AttemptToken token, Step step, std::string_view detail)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Notify() ABSL_LOCKS_EXCLUDED(mutex_, listeners_mutex_);

  mutable absl::Mutex mutex_;
  std::map<AttemptToken, Live> live_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<JobId, AttemptToken> by_job_ ABSL_GUARDED_BY(mutex_);  // of live_: the newest attempt
  std::set<AttemptToken> offered_ ABSL_GUARDED_BY(mutex_);                   // of live_: those that do not run
  std::set<AttemptToken> ended_ ABSL_GUARDED_BY(mutex_);
  EventRing events_ ABSL_GUARDED_BY(mutex_){kBoardEventsMax, kBoardEventBytesMax};
  int64_t newest_ ABSL_GUARDED_BY(mutex_) = 0;

  absl::Mutex listeners_mutex_;
  std::map<int64_t, std::function<void()>> listeners_ ABSL_GUARDED_BY(listeners_mutex_);
  int64_t next_listener_ ABSL_GUARDED_BY(listeners_mutex_) = 1;
};

}  // namespace gofarm::service
