// Fills the shared Go cache from a seed while builds write to it. Thread-safe: no state; callers keep two merges into
// one folder apart (the seeder does so by its locks).
#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/base/scope.h"

namespace gofarm::build {

// Copies the entries of the Go cache `from` that `to` does not have: each file appears whole, by rename, and open to
// the builds of every slot. `to` is made if need be; its parent is closed to builds. What stands below `to` is theirs,
// so each step goes by descriptor and follows no link, links and files that stand in the way go, as does whatever has a
// temporary's name; a folder in place of a file stays. Errors: RESOURCE_EXHAUSTED for a full disk, CANCELLED and
// DEADLINE_EXCEEDED by the scope, else as the system says.
absl::Status MergeGoCache(const Scope& scope, const std::string& from, const std::string& to);

}  // namespace gofarm::build
