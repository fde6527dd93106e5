#include "tests/support/fake_clock.h"

namespace gofarm::testing {

absl::Time FakeClock::Now() const {
  absl::MutexLock lock(&mutex_);
  return now_;
}

void FakeClock::Advance(absl::Duration d) {
  absl::MutexLock lock(&mutex_);
  now_ += d;
}

}  // namespace gofarm::testing
