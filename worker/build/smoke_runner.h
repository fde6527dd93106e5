// By what this machine runs a target's programs: by itself, by qemu-user, or not at all. Looks at PATH and at the
// emulator's file; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "common/vocab/target.h"
#include "worker/build/smoke.h"

namespace gofarm::build {

struct SmokeRunner {
  bool can_run = false;
  std::string emulator;  // host path of a static file; empty: none is needed
  std::string why_not;   // "disabled", "no runner for this target"
};
// `host_arch`: as toolsets name it ("x86_64").
SmokeRunner FindSmokeRunner(SmokeMode mode, Target target, std::string_view host_arch);

}  // namespace gofarm::build
