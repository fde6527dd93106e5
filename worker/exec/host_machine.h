// Which machine builds run on. That is bubblewrap's, and all that it starts, not this program's: a worker for another
// architecture may run under an emulator that hands what it executes to the host's kernel. The system call filter and
// the choice of toolchains follow it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/vocab/target.h"

namespace gofarm::exec {

// bubblewrap: a path stays as it is; a name is looked for beside this program (unpacked together), then in PATH.
absl::StatusOr<std::string> FindBwrap(const std::string& bwrap);

// The machine of an executable; this program's own when it is no ELF file of one of the farm's targets (a script, say).
Target MachineOf(const std::string& path);

// Of the bubblewrap that FindBwrap("bwrap") finds, by name ("x86_64"), and without one the machine that the kernel
// names. Looked for once.
const std::string& HostArch();

}  // namespace gofarm::exec
