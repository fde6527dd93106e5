#include "coordinator/domain/epoch.h"

#include "absl/strings/cord.h"
#include "common/base/text.h"

namespace gofarm::domain {
namespace {

constexpr char kPayload[] = "gofarm/epoch-over";

}  // namespace

absl::Status EpochOver(int64_t epoch) {
  absl::Status status =
      absl::FailedPreconditionError(Cat("epoch ", epoch, " is over: another coordinator leads this farm"));
  status.SetPayload(kPayload, absl::Cord());
  return status;
}

bool IsEpochOver(const absl::Status& status) { return !status.ok() && status.GetPayload(kPayload).has_value(); }

}  // namespace gofarm::domain
