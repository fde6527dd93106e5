// The bubblewrap options of a run. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "worker/exec/init_spec.h"

namespace gofarm::exec {

// Where sandbox-init has put everything, and the descriptors that bubblewrap inherits.
struct Staged {
  struct Mount {
    std::string source;  // reachable by the build's uid
    std::string dest;
    bool writable = false;
  };
  std::vector<Mount> mounts;
  int status_fd = -1;  // bubblewrap reports the first pid and the exit code there
  int block_fd = -1;   // it waits for a byte before it starts the command
  int seccomp_fd = -1;
};

// Options only, without the command; to be passed by --args.
std::vector<std::string> BwrapOptions(const InitSpec& spec, const Staged& staged);

}  // namespace gofarm::exec
