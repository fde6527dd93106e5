// What a worker reports is a stranger's text: checked and made fit to be stored and printed. Pure. Inside the service
// only.
#pragma once

#include "absl/status/status.h"
#include "coordinator/domain/types.h"

namespace gofarm::service {

// Numbers out of range become the nearest that makes sense, texts lose control characters and are clipped; what says
// who or where something is (digests, names, import paths, classes) is never mended but refused with INVALID_ARGUMENT.
absl::Status CleanReport(domain::CompletedAttempt& attempt);

}  // namespace gofarm::service
