// The one door where pqxx's exceptions become Status. Call it inside a catch block only.
#pragma once

#include "absl/status/status.h"

namespace gofarm::store {

// ABORTED: rolled back by a conflict, try the whole transaction again. UNAVAILABLE: connection broken, nothing
// committed. UNKNOWN: commit sent, answer lost: read back. DEADLINE_EXCEEDED: statement_timeout. RESOURCE_EXHAUSTED:
// the server is out of disk or memory. INVALID_ARGUMENT: a value it refuses. All others INTERNAL: our statement or
// schema is wrong.
absl::Status StatusFromCurrentException();

}  // namespace gofarm::store
