#include "coordinator/store/database_clock.h"

#include <algorithm>

#include "common/base/text.h"
#include "common/obs/log.h"
#include "coordinator/domain/retry_policy.h"
#include "coordinator/store/transaction.h"

namespace gofarm::store {

absl::Duration StepBetween(const ClockAhead& before, const ClockAhead& now) {
  if (now.least > before.most) return now.least - before.most;
  if (now.most < before.least) return now.most - before.least;
  return absl::ZeroDuration();
}

ClockAhead DatabaseClock::Follow(Txn& txn) const {
  const absl::Time before = clock_.Now();
  const absl::Time theirs = TimeOf(txn.Run("database_clock")[0]["now_us"]);
  const ClockAhead ahead{.least = theirs - clock_.Now(), .most = theirs - before};
  const absl::MutexLock lock(&mutex_);
  if (!ahead_) return ahead;
  const absl::Duration step = StepBetween(*ahead_, ahead);
  // Together two looks tell more than either, as long as nobody set the clock.
  if (step == absl::ZeroDuration()) {
    return {.least = std::max(ahead_->least, ahead.least), .most = std::min(ahead_->most, ahead.most)};
  }
  if (absl::AbsDuration(step) < kClockStepMin) return ahead;
  const double seconds = absl::ToDoubleSeconds(step);
  obs::Warn("database_clock_was_set", {{"seconds", Cat(seconds)}});
  txn.Run("shift_leases", seconds);
  txn.Run("shift_backoffs", seconds);
  // Should the answer to the commit be lost, all this is done again; no backoff may grow by that.
  txn.Run("shorten_backoffs", absl::ToDoubleSeconds(domain::kRetryWaitMax));
  return ahead;
}

void DatabaseClock::Keep(const ClockAhead& ahead) {
  const absl::MutexLock lock(&mutex_);
  ahead_ = ahead;
}

}  // namespace gofarm::store
