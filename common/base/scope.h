// What every call that may wait takes first: until when, and what ends it early. A value; copies share the stop state.
#pragma once

#include <stop_token>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/clock.h"

namespace gofarm {

struct Scope {
  absl::Time deadline = absl::InfiniteFuture();  // of SteadyNow()
  std::stop_token stop;

  absl::Duration Remaining() const { return deadline - SteadyNow(); }
  bool Done() const { return stop.stop_requested() || SteadyNow() >= deadline; }
  // OK, CANCELLED (stop was requested) or DEADLINE_EXCEEDED.
  absl::Status Check() const {
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    if (SteadyNow() >= deadline) return absl::DeadlineExceededError("deadline passed");
    return absl::OkStatus();
  }
  static Scope For(absl::Duration d, std::stop_token stop = {}) { return Scope{SteadyNow() + d, stop}; }
  // The same stop, a deadline at most `d` away.
  Scope Within(absl::Duration d) const { return Scope{std::min(deadline, SteadyNow() + d), stop}; }
};

}  // namespace gofarm
