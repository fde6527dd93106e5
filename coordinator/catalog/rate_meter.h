// Events a second over the last minute. Pure: the time is passed in. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>

#include "absl/time/time.h"

namespace gofarm::catalog {

class RateMeter {
 public:
  void Add(int64_t events, absl::Time now);
  double PerSecond(absl::Time now) const;

 private:
  static constexpr int64_t kSeconds = 60;
  struct Second {
    int64_t at = -kSeconds;
    int64_t events = 0;
  };
  std::array<Second, kSeconds> seconds_;
  int64_t first_ = -1;  // second of the first event: a young meter divides by its age
};

}  // namespace gofarm::catalog
