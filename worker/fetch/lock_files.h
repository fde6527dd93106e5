// What tools before Go modules noted about the versions of dependencies: Gopkg.lock (dep), glide.lock,
// vendor/vendor.json (govendor), Godeps/Godeps.json. A module without a go.mod often has one of them. Untrusted text,
// bounded. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/gomod/go_mod_file.h"

namespace gofarm::fetch {

inline constexpr size_t kLockedMax = 200;         // dependencies of one lock file; more are left out
inline constexpr int64_t kLockFileMax = 4 << 20;  // bytes; a larger one counts as none

// The names of such files below a module's folder, in the order in which they are believed.
const std::vector<std::string>& LockFileNames();

// Repository and version or commit of each dependency, as the file names them; empty when it is none of these or
// broken. `name`: one of LockFileNames.
std::vector<gomod::ModuleVersion> ReadLockFile(std::string_view name, std::string_view text);

}  // namespace gofarm::fetch
