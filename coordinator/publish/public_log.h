// The log of a build as people may read it: head and tail of a longer one, what terminals obey escaped. Thread-safe; it
// reads the whole log, piece by piece.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "coordinator/blob/log_store.h"

namespace gofarm::publish {

inline constexpr size_t kPublicLogMax = 1 << 20;  // head and tail of a longer one, without the line between them

absl::StatusOr<std::string> PublicLog(blob::LogStore& logs, AttemptToken token);

}  // namespace gofarm::publish
