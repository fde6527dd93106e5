// What the system allows this process. Thread-safe.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"

namespace gofarm::process {

// Raises the soft limit of open files to the hard one; returns it. A daemon calls it before it opens a listener: the
// soft limit that a shell gives is for programs with a few files, and one that is reached closes listeners for good.
absl::StatusOr<int64_t> RaiseOpenFilesLimit();

}  // namespace gofarm::process
