#include "common/sync/wait.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace gofarm::sync {
namespace {

// A time point further away than this could overflow; the wait is then made of several.
constexpr absl::Duration kOneWaitMax = absl::Hours(24);

}  // namespace

bool SleepFor(const std::stop_token& stop, absl::Duration duration) {
  std::mutex mutex;
  std::condition_variable_any woken;
  std::unique_lock lock(mutex);
  while (duration > absl::ZeroDuration() && !stop.stop_requested()) {
    const absl::Duration once = std::min(duration, kOneWaitMax);
    woken.wait_until(lock, stop, std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(once),
                     [] { return false; });
    duration -= once;
  }
  return !stop.stop_requested();
}

bool SleepFor(const Scope& scope, absl::Duration duration) {
  SleepFor(scope.stop, std::min(duration, scope.Remaining()));
  return !scope.Done();
}

void WaitForStop(const std::stop_token& stop) { SleepFor(stop, absl::InfiniteDuration()); }

}  // namespace gofarm::sync
