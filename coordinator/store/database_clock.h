// Leases and backoffs stand in the database as times of its clock, and somebody may set that clock. This sees it, by
// comparing it with a clock that nobody sets, and moves them along: what had 20 s left has 20 s left.
//
// Thread-safe.
#pragma once

#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"

namespace gofarm::store {

class Txn;

// Less is slewing, or a database that took its time to answer.
inline constexpr absl::Duration kClockStepMin = absl::Seconds(3);

// How far the database's clock is ahead of ours, as closely as one look tells: it was read at some moment between two
// of ours, which lie far apart when this process stood still in between.
struct ClockAhead {
  absl::Duration least, most;
};

// By how much the clock was set between the two looks, at least; zero where the looks allow that it was not. Pure.
absl::Duration StepBetween(const ClockAhead& before, const ClockAhead& now);

class DatabaseClock {
 public:
  explicit DatabaseClock(const Clock& clock) : clock_(clock) {}

  // Within a transaction, before anything is judged by the database's clock. Returns what to Keep() when it committed.
  ClockAhead Follow(Txn& txn) const;
  void Keep(const ClockAhead& ahead);

 private:
  const Clock& clock_;
  mutable absl::Mutex mutex_;
  std::optional<ClockAhead> ahead_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::store
