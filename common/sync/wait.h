// Waits that end early when a stop is requested, measured by the monotonic clock: setting the machine's time neither
// shortens nor prolongs them. A loop that does something every so often reads
//
//   for (absl::Duration wait = kFirst; sync::SleepFor(stop, wait); wait = kInterval) DoIt(stop);
//
// Thread-safe: no shared state.
#pragma once

#include <stop_token>

#include "absl/time/time.h"
#include "common/base/scope.h"

namespace gofarm::sync {

// True when `duration` is over, false as soon as a stop was requested (also before the call). Not positive: at once.
bool SleepFor(const std::stop_token& stop, absl::Duration duration);

// The same, but no longer than to the deadline of `scope`. False when the scope is done.
bool SleepFor(const Scope& scope, absl::Duration duration);

// Until a stop is requested.
void WaitForStop(const std::stop_token& stop);

}  // namespace gofarm::sync
