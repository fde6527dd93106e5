#include "common/sync/wait.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "common/base/clock.h"
#include "common/sync/alarm.h"

namespace gofarm::sync {
namespace {

// A time point further away than this could overflow; the wait is then made of several.
constexpr absl::Duration kOneWaitMax = absl::Hours(24);

// Called with the lock that the alarm's function takes. That it may be let go here changes nothing for a caller whose
// wait let it go anyway.
void DropWithLock(Alarm& alarm, absl::Mutex& mutex) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  while (!alarm.Drop()) {
    mutex.Unlock();
    std::this_thread::yield();
    mutex.Lock();
  }
}

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

bool AwaitUntil(absl::Mutex& mutex, const absl::Condition& condition, absl::Time deadline) {
  if (condition.Eval()) return true;
  if (deadline == absl::InfiniteFuture()) {
    mutex.Await(condition);
    return true;
  }
  if (deadline <= SteadyNow()) return false;
  bool late = false;
  Alarm alarm(deadline, [&] {
    const absl::MutexLock lock(&mutex);
    late = true;
  });
  const auto over = [&] { return late || condition.Eval(); };
  mutex.Await(absl::Condition(&over));
  DropWithLock(alarm, mutex);
  return condition.Eval();
}

bool AwaitFor(absl::Mutex& mutex, const absl::Condition& condition, absl::Duration duration) {
  return AwaitUntil(mutex, condition, SteadyNow() + duration);
}

bool WaitUntil(absl::CondVar& changed, absl::Mutex& mutex, absl::Time deadline) {
  if (deadline == absl::InfiniteFuture()) {
    changed.Wait(&mutex);
    return false;
  }
  if (deadline <= SteadyNow()) return true;
  bool late = false;
  Alarm alarm(deadline, [&] {
    const absl::MutexLock lock(&mutex);
    late = true;
    changed.SignalAll();
  });
  changed.Wait(&mutex);
  DropWithLock(alarm, mutex);
  return late;
}

bool WaitFor(absl::CondVar& changed, absl::Mutex& mutex, absl::Duration duration) {
  return WaitUntil(changed, mutex, SteadyNow() + duration);
}

}  // namespace gofarm::sync
