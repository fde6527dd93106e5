// One run of a sandbox, with its defences as a parameter: what Sandbox::Run and the hostile tests share. Thread-safe.
#pragma once

#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "worker/exec/init_spec.h"
#include "worker/exec/sandbox.h"

namespace gofarm::exec {

// `self_exe` serves the sandbox-init verb. `spec.sandbox` must have passed CheckSpec.
absl::StatusOr<SandboxResult> RunInSandbox(const Scope& scope, const std::string& self_exe, const InitSpec& spec,
                                           const OutputSink& output);

}  // namespace gofarm::exec
