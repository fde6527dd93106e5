// What Sandbox::Probe runs inside a sandbox to see whether this host isolates: the worker's own binary, re-entered with
// a variable set that only a sandbox's environment can hold.
#pragma once

namespace gofarm::exec {

inline constexpr const char* kHostProbeVariable = "GOFARM_HOST_PROBE";
inline constexpr int kHostProbeDiskFull = 2;

// The value of the variable is the probe's own folder, with `ro` (read-only), `rw` and `ov` (an overlay) inside. Prints
// one line "missing: ..." for every defence that does not hold, and exits with 0 when all hold, with 1 when one does
// not, and with kHostProbeDiskFull when all that could be looked at hold but a disk had no room for the rest.
[[noreturn]] void HostProbeMain();

}  // namespace gofarm::exec
