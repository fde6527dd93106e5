// Fills the shared Go cache, from a seed or from what a build added to it, while builds read it. Thread-safe; several
// processes may merge into one folder.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/base/scope.h"

namespace gofarm::build {

// Links or copies the entries of the Go cache `from` that `to` does not have: each file appears whole, open to the
// builds of every slot, and counts as used now where `to` has it already. `to` is made if need be. Hostile code made
// what stands below `from` and, in caches of older versions, below `to`, so each step goes by descriptor and follows no
// link, links and files that stand in the way go; a folder in place of a file stays. Errors: RESOURCE_EXHAUSTED for a
// full disk, CANCELLED and DEADLINE_EXCEEDED by the scope, else as the system says.
absl::Status MergeGoCache(const Scope& scope, const std::string& from, const std::string& to);

}  // namespace gofarm::build
