// A system call filter for builds, as the bytes bubblewrap's --seccomp takes. It denies what no compiler needs and what
// would get around another limit: memory that no process maps (memfd_create, shmget, mq_open) is invisible to the
// sampler; the rest is kernel surface (io_uring, bpf, keyrings, mounts, ptrace, sockets other than of the unix and IP
// families). Pure function.
#pragma once

#include <string>

#include "common/vocab/target.h"

namespace gofarm::exec {

// Denied calls answer ENOSYS, as on a kernel without them, so that programs take their fallback; calls of a foreign
// architecture (32 bit on x86_64) too. Sockets of other families answer EAFNOSUPPORT. `machine`: what the processes
// that it is for are compiled for, which is not always this program's own (HostMachine).
std::string SeccompProgram(Target machine);

}  // namespace gofarm::exec
