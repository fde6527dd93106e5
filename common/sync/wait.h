// Waits measured by the monotonic clock: setting the machine's time neither shortens nor prolongs them. Deadlines are
// times of SteadyNow(). A loop that does something every so often reads
//
//   for (absl::Duration wait = kFirst; sync::SleepFor(stop, wait); wait = kInterval) DoIt(stop);
//
// Thread-safe: no shared state.
#pragma once

#include <stop_token>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/scope.h"

namespace gofarm::sync {

// True when `duration` is over, false as soon as a stop was requested (also before the call). Not positive: at once.
bool SleepFor(const std::stop_token& stop, absl::Duration duration);

// The same, but no longer than to the deadline of `scope`. False when the scope is done.
bool SleepFor(const Scope& scope, absl::Duration duration);

// Until a stop is requested.
void WaitForStop(const std::stop_token& stop);

// What absl::Mutex::AwaitWithDeadline and AwaitWithTimeout do. Returns the condition as it is at the end.
bool AwaitUntil(absl::Mutex& mutex, const absl::Condition& condition, absl::Time deadline)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
bool AwaitFor(absl::Mutex& mutex, const absl::Condition& condition, absl::Duration duration)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

// What absl::CondVar::WaitWithDeadline and WaitWithTimeout do: until a signal, or for no reason, or the deadline
// (true).
bool WaitUntil(absl::CondVar& changed, absl::Mutex& mutex, absl::Time deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
bool WaitFor(absl::CondVar& changed, absl::Mutex& mutex, absl::Duration duration) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

}  // namespace gofarm::sync
