#include "coordinator/catalog/bulk_pace.h"

#include <algorithm>

#include "common/sync/wait.h"

namespace gofarm::catalog {
namespace {

// So soon a block that waits for its turn notices that the queue is empty.
constexpr absl::Duration kLookEvery = absl::Milliseconds(100);

}  // namespace

void BulkPace::Pass(const Scope& scope) {
  if (!jobs_queued_()) return;
  Steady::time_point turn;
  {
    const absl::MutexLock lock(&mutex_);
    turn = std::max(next_, Steady::now());
    next_ = turn + absl::ToChronoNanoseconds(kBulkEvery);
  }
  for (;;) {
    const absl::Duration left = absl::FromChrono(turn - Steady::now());
    if (left <= absl::ZeroDuration()) return;
    if (!sync::SleepFor(scope, std::min(left, kLookEvery))) return;
    if (jobs_queued_()) continue;
    // Turns that were given out for a queue that is gone would hold up the next blocks.
    const absl::MutexLock lock(&mutex_);
    next_ = Steady::time_point();
    return;
  }
}

}  // namespace gofarm::catalog
