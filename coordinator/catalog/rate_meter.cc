#include "coordinator/catalog/rate_meter.h"

#include <algorithm>

namespace gofarm::catalog {

void RateMeter::Add(int64_t events, absl::Time now) {
  const int64_t second = absl::ToUnixSeconds(now);
  if (second < 0) return;
  if (first_ < 0) first_ = second;
  Second& slot = seconds_[static_cast<size_t>(second % kSeconds)];
  if (slot.at != second) slot = {.at = second, .events = 0};
  slot.events += events;
}

double RateMeter::PerSecond(absl::Time now) const {
  const int64_t second = absl::ToUnixSeconds(now);
  if (first_ < 0) return 0;
  int64_t events = 0;
  for (const Second& s : seconds_) {
    if (s.at > second - kSeconds && s.at <= second) events += s.events;
  }
  const int64_t age = std::clamp<int64_t>(second - first_ + 1, 1, kSeconds);
  return static_cast<double>(events) / static_cast<double>(age);
}

}  // namespace gofarm::catalog
