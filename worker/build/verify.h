// The last look at a file before it counts as an executable of the job: a regular file of its own at the expected
// place, the ELF gate, build info that names this module, version, package and Go, and its digests. The folder was
// written by hostile code, so no link is followed anywhere below it. Thread-safe: no state; the build must have ended.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/vocab/report.h"
#include "common/vocab/target.h"

namespace gofarm::build {

struct ExpectedExecutable {
  std::string import_path;
  std::string name;
  std::string module;
  std::string main_version;  // the job's version, or "(devel)" of a source variant
  std::string go_version;    // "go1.26.8"
  Target target = Target::kX86_64;
};

struct VerifiedExecutable {
  Executable executable;
  std::string file;
  std::vector<Dependency> dependencies;  // of its build info, in its order
};

// True when `relative` below `folder` is a regular file and no element on the way is a link.
bool IsPlainFileBelow(const std::string& folder, const std::string& relative);

// FAILED_PRECONDITION: the file is there and fails; the message gives every reason. NOT_FOUND: no plain file is there.
// Others: it could not be read. On success the file is mode 0755, and all fields of the executable are filled but
// `variant` and `dependencies`.
absl::StatusOr<VerifiedExecutable> VerifyExecutable(const std::string& folder, const std::string& relative,
                                                    const ExpectedExecutable& expected);

}  // namespace gofarm::build
