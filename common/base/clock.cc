#include "common/base/clock.h"

#include <chrono>

#include "absl/time/clock.h"

namespace gofarm {
namespace {

class SystemClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

}  // namespace

const Clock& RealClock() {
  static const SystemClock clock;
  return clock;
}

absl::Time SteadyNow() {
  static const absl::Time wall = absl::Now();
  static const std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  return wall + absl::FromChrono(std::chrono::steady_clock::now() - start);
}

}  // namespace gofarm
