#include "coordinator/store/database_clock.h"

#include "common/base/text.h"
#include "common/obs/log.h"
#include "coordinator/store/transaction.h"

namespace gofarm::store {

absl::Duration DatabaseClock::Follow(Txn& txn) const {
  const absl::Duration ahead = TimeOf(txn.Run("database_clock")[0]["now_us"]) - clock_.Now();
  const absl::MutexLock lock(&mutex_);
  if (!ahead_) return ahead;
  const absl::Duration step = ahead - *ahead_;
  if (absl::AbsDuration(step) < kClockStepMin) return ahead;
  const double seconds = absl::ToDoubleSeconds(step);
  obs::Warn("database_clock_was_set", {{"seconds", Cat(seconds)}});
  txn.Run("shift_leases", seconds);
  txn.Run("shift_backoffs", seconds);
  return ahead;
}

void DatabaseClock::Keep(absl::Duration ahead) {
  const absl::MutexLock lock(&mutex_);
  ahead_ = ahead;
}

}  // namespace gofarm::store
