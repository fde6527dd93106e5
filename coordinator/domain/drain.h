// Workers that operators drain and remove. Pure.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "coordinator/domain/dispatch.h"

namespace gofarm::dispatch {

inline const domain::DrainMark& Later(const domain::DrainMark& a, const domain::DrainMark& b) {
  return a.change >= b.change ? a : b;
}

// Whether this worker may be removed as far as this coordinator knows. A host that vanished is one whose stream stands
// and that says nothing: it counts as gone after kNameHeld. FAILED_PRECONDITION: it is connected; says what to do
// first.
absl::Status MayRemove(const DispatchState& state, const std::string& worker, absl::Time now);

// Connected and heard of within kNameHeld.
bool IsThere(const DispatchState& state, const std::string& worker, absl::Time now);

}  // namespace gofarm::dispatch
