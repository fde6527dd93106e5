// Status helpers that Abseil 20220623 lacks: context prefixes and shorthands. Thread-safe: pure functions.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace gofarm {

// The same code with "context: " before the message; OK stays OK. One prefix a layer: what was tried, with what.
absl::Status Annotate(const absl::Status& status, std::string_view context);

// For a failed system call: "action: strerror (errno N)". ENOSPC and EDQUOT become RESOURCE_EXHAUSTED, ENOENT
// NOT_FOUND, EACCES and EPERM PERMISSION_DENIED, EEXIST ALREADY_EXISTS, all others INTERNAL.
absl::Status ErrnoStatus(int error_number, std::string_view action);

}  // namespace gofarm
