// When a part of the farm that ended is started again. Pure: the time and the random number are given.
#pragma once

#include "absl/time/time.h"

namespace gofarm::embedded {

inline constexpr absl::Duration kFirstRestartDelay = absl::Milliseconds(500);
inline constexpr absl::Duration kLongestRestartDelay = absl::Seconds(30);
// A part that ran this long was healthy: its failures are forgotten.
inline constexpr absl::Duration kHealthyAfter = absl::Seconds(60);
// From this many failures in a row on it is said to keep crashing.
inline constexpr int kCrashingFailures = 3;

class RestartPolicy {
 public:
  void Started(absl::Time now) { started_at_ = now; }
  // Ended, or could not be started.
  void Failed(absl::Time now, double random);
  // Tried again at once: somebody asked for it.
  void Forgive() { *this = RestartPolicy(); }

  absl::Time next_start() const { return next_start_; }
  int failures() const { return failures_; }
  bool crashing() const { return failures_ >= kCrashingFailures; }

 private:
  int failures_ = 0;
  absl::Time started_at_ = absl::InfiniteFuture();
  absl::Time next_start_ = absl::InfinitePast();
};

}  // namespace gofarm::embedded
