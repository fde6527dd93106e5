// What a build finds inside its sandbox: which host folder stands where, and which of them count as its output. Limits
// and slot are the attempt's. Pure.
#pragma once

#include <string>
#include <vector>

#include "worker/build/plan.h"
#include "worker/build/seeder.h"
#include "worker/exec/sandbox.h"

namespace gofarm::build {

// On the host.
struct BuildFolders {
  std::string go, zig;    // roots of the toolchains
  std::string mod_cache;  // as a whole
  std::string mod_view;   // of this attempt: what go reads of downloads, and an empty folder for each of `modules`
  const std::vector<std::string>& modules;  // folders of the module cache that the build may see
  std::string out, job;
  std::string source;  // of a variant that uses /src
  std::string caches;  // upper layers below it: "zig", "go"; they live as long as the attempt
  const Seed& seed;
  bool shared_go_cache = false;
  std::string cold;  // an empty folder that stands in for what was compiled before; empty text: nothing stands in
};

// Both caches are layers of the attempt, so that a second try finds what the first one compiled, and all of it counts
// as output: zig's over the seed, Go's over the seed or, for jobs without foreign C, over the cache that such jobs
// share. Of a build with cold caches they are layers over nothing.
exec::SandboxSpec BuildSandbox(const PlannedTry& planned, const PlannedCall& call, const BuildFolders& folders);

}  // namespace gofarm::build
