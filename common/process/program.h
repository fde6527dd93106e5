// Where programs are: in PATH, beside the running one, or the running one itself. Thread-safe as long as nobody changes
// the environment.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace gofarm::process {

// A name with a slash as it is; any other name is looked up in the absolute folders of PATH. NOT_FOUND.
absl::StatusOr<std::string> FindProgram(const std::string& name);

// The path of the running program; of one whose file was replaced since, the path of the new file.
absl::StatusOr<std::string> SelfExecutable();

// `name` beside the running program, else in PATH; NOT_FOUND says where it was looked for.
absl::StatusOr<std::string> FindSibling(const std::string& name);

}  // namespace gofarm::process
