// What a write says that came too late: another coordinator leads by now. Each store's writes check the epoch that they
// were begun in.
#pragma once

#include <cstdint>

#include "absl/status/status.h"

namespace gofarm::domain {

// FAILED_PRECONDITION.
absl::Status EpochOver(int64_t epoch);
// Whether it is that and no other failure of this code, such as a service's answer to a wrong address.
bool IsEpochOver(const absl::Status& status);

}  // namespace gofarm::domain
