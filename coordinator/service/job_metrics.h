// The series of jobs and attempts on /metrics: how long jobs wait and attempts take, what came of them, how often they
// are tried again. Each stands there from the start, at 0. Lives as long as the process, so that its counters outlive a
// leadership. Thread-safe, never waits.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/metrics/metrics.h"
#include "coordinator/domain/dispatch_store.h"
#include "coordinator/domain/queries.h"
#include "coordinator/domain/types.h"

namespace gofarm::service {

inline constexpr size_t kTrackedAttemptsMax = 65'536;  // of more, the oldest are counted without target and time

class JobMetrics {
 public:
  JobMetrics(metrics::Registry& registry, const Clock& clock);
  JobMetrics(const JobMetrics&) = delete;
  JobMetrics& operator=(const JobMetrics&) = delete;

  void Offered(AttemptToken token, const domain::QueuedJob& job);
  // `since`: as DispatchObserver::Running.
  void Running(AttemptToken token, const domain::QueuedJob& job, absl::Time since);
  void Lost(AttemptToken token, JobState job_state);
  void LostUnseen(const domain::LostAttempt& attempt);
  // Jobs that waited and will not run.
  void Cancelled(const std::vector<domain::JobRef>& jobs);
  void Ended(const domain::CompletedAttempt& attempt, const domain::CompleteResult& result);

 private:
  struct Tracked {
    Target target = Target::kX86_64;
    std::optional<absl::Time> started;  // null: offered, not yet accepted
  };
  // What is known of an attempt; it is forgotten.
  std::optional<Tracked> Take(AttemptToken token);
  void Track(AttemptToken token, Tracked tracked) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountAttempt(AttemptOutcome outcome, FailureClass failure, std::optional<Target> target,
                    const std::optional<Tracked>& tracked);
  void CountLost(JobState job_state, std::optional<Target> target, const std::optional<Tracked>& tracked);
  void CountJobs(JobState state, std::optional<Target> target, int64_t count);
  void CountResult(const domain::CompletedAttempt& attempt, std::optional<Target> target);

  metrics::Registry& registry_;
  const Clock& clock_;
  std::map<Target, metrics::Histogram*> waits_;
  std::map<Target, metrics::Histogram*> attempts_;
  std::map<Phase, metrics::Histogram*> phases_;
  std::map<FailureClass, metrics::Counter*> failures_;
  std::map<std::string, metrics::Counter*, std::less<>> requeued_;
  std::map<Smoke, metrics::Counter*> smoke_;
  std::map<Target, metrics::Counter*> executables_;
  std::map<Target, metrics::Counter*> executable_bytes_;
  absl::Mutex mutex_;
  std::map<AttemptToken, Tracked> tracked_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::service
