#include "coordinator/publish/opening_carrier.h"

#include "common/base/status_macros.h"

namespace gofarm::publish {

absl::StatusOr<Carrier*> OpeningCarrier::Get() {
  const absl::MutexLock lock(&mutex_);
  if (carrier_ == nullptr) {
    GOFARM_ASSIGN_OR_RETURN(carrier_, open_());
  }
  return carrier_.get();
}

absl::Status OpeningCarrier::Opened() { return Get().status(); }

absl::StatusOr<std::vector<absl::StatusOr<Carried>>> OpeningCarrier::Carry(const Scope& scope,
                                                                           const ProgramWork& work) {
  const absl::StatusOr<Carrier*> carrier = Get();
  if (carrier.ok()) return (*carrier)->Carry(scope, work);
  return std::vector<absl::StatusOr<Carried>>(work.due.size(), carrier.status());
}

absl::Status OpeningCarrier::Check(const Scope& scope, const domain::Publication& row) {
  GOFARM_ASSIGN_OR_RETURN(Carrier * carrier, Get());
  return carrier->Check(scope, row);
}

absl::Status OpeningCarrier::Refresh(const Scope& scope) {
  const absl::StatusOr<Carrier*> carrier = Get();
  // That it cannot be opened is said by rows, and is no reason to try the round again.
  return carrier.ok() ? (*carrier)->Refresh(scope) : absl::OkStatus();
}

}  // namespace gofarm::publish
