#include "common/base/clock.h"

#include <chrono>

namespace gofarm {
namespace {

using Steady = std::chrono::steady_clock;

class SteadyClock final : public Clock {
 public:
  absl::Time Now() const override { return SteadyNow(); }
};

// Both clocks at one moment.
struct Moment {
  absl::Time wall;
  Steady::time_point steady;
};

// A thread that has to wait for its processor between two readings would take its wait for a difference of the clocks:
// some milliseconds on a busy machine. The wall clock is read between two readings of the other, and the closest of
// some tries counts.
Moment ReadBoth() {
  constexpr int kTriesMax = 10;
  constexpr Steady::duration kCloseEnough = std::chrono::microseconds(20);
  Moment best;
  Steady::duration closest = Steady::duration::max();
  for (int i = 0; i < kTriesMax && closest > kCloseEnough; ++i) {
    const Steady::time_point before = Steady::now();
    const absl::Time wall = WallNow();
    const Steady::duration took = Steady::now() - before;
    if (took >= closest) continue;
    closest = took;
    best = {.wall = wall, .steady = before + took / 2};
  }
  return best;
}

// Where SteadyNow() begins.
const Moment& Start() {
  static const Moment start = ReadBoth();
  return start;
}

absl::Time TimeAt(Steady::time_point steady) { return Start().wall + absl::FromChrono(steady - Start().steady); }

// How far the wall clock is ahead, in whole milliseconds.
absl::Duration Apart() {
  const Moment now = ReadBoth();
  return absl::Floor(now.wall - TimeAt(now.steady) + absl::Microseconds(500), absl::Milliseconds(1));
}

}  // namespace

absl::Time SteadyNow() { return TimeAt(Steady::now()); }

// Not absl::Now(), which goes on from a reading that may be seconds old.
absl::Time WallNow() { return absl::FromChrono(std::chrono::system_clock::now()); }

absl::Time WallOf(absl::Time steady) { return steady + Apart(); }
absl::Time SteadyOf(absl::Time wall) { return wall - Apart(); }

const Clock& RealClock() {
  static const SteadyClock clock;
  return clock;
}

}  // namespace gofarm
