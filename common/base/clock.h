// Injected time. Real code gets RealClock(), tests a FakeClock (tests/support/fake_clock.h). Thread-safe.
#pragma once

#include "absl/time/time.h"

namespace gofarm {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

const Clock& RealClock();

// Of a clock that nobody sets, for intervals: it starts with the wall clock's time and goes on by itself. It compares
// with other values of this process only. It may stand still while the machine is suspended.
absl::Time SteadyNow();

}  // namespace gofarm
