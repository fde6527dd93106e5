// What a build finds inside its sandbox: which host folder stands where, and which of them count as its output. Limits
// and slot are the attempt's. Pure.
#pragma once

#include <string>

#include "worker/build/plan.h"
#include "worker/build/seeder.h"
#include "worker/exec/sandbox.h"

namespace gofarm::build {

// On the host.
struct BuildFolders {
  std::string go, zig;    // roots of the toolchains
  std::string mod_cache;  // read-only
  std::string out, job;
  std::string source;  // of a variant that uses /src
  std::string caches;  // upper layers below it: "zig", "go"; they live as long as the attempt
  const Seed& seed;
  bool shared_go_cache = false;
};

// The zig cache is always a throw-away layer over the seed, the Go cache of a job with foreign C too, so that a second
// try finds what the first one compiled.
exec::SandboxSpec BuildSandbox(const PlannedTry& planned, const PlannedCall& call, const BuildFolders& folders);

}  // namespace gofarm::build
