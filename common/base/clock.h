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

}  // namespace gofarm
