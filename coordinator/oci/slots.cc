#include "coordinator/oci/slots.h"

#include <algorithm>

#include "common/base/status_macros.h"
#include "common/sync/wait.h"

namespace gofarm::oci {
namespace {

constexpr absl::Duration kStopCheck = absl::Milliseconds(100);

}  // namespace

absl::StatusOr<Slots::Hold> Slots::Take(const Scope& scope) {
  absl::MutexLock lock(&mutex_);
  while (true) {
    GOFARM_RETURN_IF_ERROR(scope.Check());
    if (limit_ <= 0 || taken_ < limit_) {
      ++taken_;
      return Hold(this);
    }
    sync::WaitUntil(freed_, mutex_, std::min(scope.deadline, SteadyNow() + kStopCheck));
  }
}

void Slots::Give() {
  absl::MutexLock lock(&mutex_);
  --taken_;
  freed_.Signal();
}

}  // namespace gofarm::oci
