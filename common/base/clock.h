// The two clocks. Nothing else asks for the time (tests/tidy/check_tree.py), so that setting a machine's clock changes
// what is written on things and nothing that happens.
#pragma once

#include "absl/time/time.h"

namespace gofarm {

// Of a clock that nobody sets, for intervals, deadlines and whatever is decided: it starts with the wall clock's time
// and goes on by itself. It compares with other values of this process only. It may stand still while the machine
// sleeps.
absl::Time SteadyNow();

// What people, files, certificates and other machines call now. It may jump to and fro: for time stamps only.
absl::Time WallNow();

// The same moment by the other clock, as the two stand to each other at the time of the call.
absl::Time WallOf(absl::Time steady);
absl::Time SteadyOf(absl::Time wall);

// Injected time, of the steady kind. Real code gets RealClock(), tests a FakeClock (tests/support/fake_clock.h).
// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

const Clock& RealClock();

}  // namespace gofarm
