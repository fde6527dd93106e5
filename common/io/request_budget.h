// How many requests a second, and how many at once, one service is asked. Pure: the time is passed in, and nothing
// waits here; HttpClient does the waiting. Not thread-safe.
#pragma once

#include <algorithm>

#include "absl/time/time.h"

namespace gofarm::io {

// Zero means no limit.
struct BudgetLimits {
  double per_second = 0;
  int burst = 1;  // that many may follow each other at once after a pause
  int concurrent = 0;
};

class RequestBudget {
 public:
  // From now on; requests under way count on.
  void SetLimits(const BudgetLimits& limits);
  // When the next request may begin: `now` or earlier means at once. InfiniteFuture: when one that is under way ended.
  absl::Time NextAt(absl::Time now) const;
  // False when it is not yet allowed. After true, Release must follow.
  bool TryTake(absl::Time now);
  void Release() { --under_way_; }
  int under_way() const { return under_way_; }

 private:
  BudgetLimits limits_;
  // When a service that is asked evenly would have taken the next request: it runs ahead of the clock by at most a
  // burst.
  absl::Time due_ = absl::InfinitePast();
  int under_way_ = 0;
};

}  // namespace gofarm::io
