// What the system allows this process. Thread-safe.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gofarm::process {

// Raises the soft limit of open files to the hard one; returns it. A daemon calls it before it opens a listener: the
// soft limit that a shell gives is for programs with a few files, and one that is reached closes listeners for good.
absl::StatusOr<int64_t> RaiseOpenFilesLimit();

// No core dump of this process nor of what it starts, for keys and session secrets stand in its memory. A limit of one
// byte: with 0 the kernel still hands the dump to a program that core_pattern names (core(5)).
absl::Status ForbidCoreDumps();

}  // namespace gofarm::process
