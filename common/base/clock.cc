#include "common/base/clock.h"

#include <chrono>

namespace gofarm {
namespace {

class SteadyClock final : public Clock {
 public:
  absl::Time Now() const override { return SteadyNow(); }
};

// How far the wall clock is ahead. What passes between two readings is no difference.
absl::Duration Apart() { return absl::Floor(WallNow() - SteadyNow() + absl::Microseconds(500), absl::Milliseconds(1)); }

}  // namespace

absl::Time SteadyNow() {
  static const absl::Time wall = WallNow();
  static const std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  return wall + absl::FromChrono(std::chrono::steady_clock::now() - start);
}

// Not absl::Now(), which goes on from a reading that may be seconds old.
absl::Time WallNow() { return absl::FromChrono(std::chrono::system_clock::now()); }

absl::Time WallOf(absl::Time steady) { return steady + Apart(); }
absl::Time SteadyOf(absl::Time wall) { return wall - Apart(); }

const Clock& RealClock() {
  static const SteadyClock clock;
  return clock;
}

}  // namespace gofarm
