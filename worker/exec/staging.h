// The mounts of one run, made in a mount namespace of its own before bubblewrap starts. Used by sandbox-init only: a
// single thread that ends with the run.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/exec/bwrap_args.h"
#include "worker/exec/init_spec.h"

namespace gofarm::exec {

// As root: a mount namespace. As an ordinary user: a user namespace in which the caller is root, too.
absl::Status EnterNamespaces(const InitSpec& spec);

// Gathers every source below one folder that any uid can reach, so that the build's uid needs no way through a closed
// home: a tmpfs over a folder of the root directory, seen by this run only.
absl::StatusOr<Staged> StageMounts(const InitSpec& spec);

// Root: becomes the build's uid for good. Both: no new privileges.
absl::Status DropPrivileges(const InitSpec& spec);

}  // namespace gofarm::exec
