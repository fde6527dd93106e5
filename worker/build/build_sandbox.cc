#include "worker/build/build_sandbox.h"

#include "worker/build/recipe.h"

namespace gofarm::build {

exec::SandboxSpec BuildSandbox(const PlannedTry& planned, const PlannedCall& call, const BuildFolders& folders) {
  exec::SandboxSpec spec;
  spec.argv = call.argv;
  spec.environment = call.environment;
  spec.working_directory = planned.working_directory;
  spec.binds = {{folders.go, std::string(kGoRoot), false},
                {folders.zig, std::string(kZigRoot), false},
                {folders.mod_cache, std::string(kModCache), false},
                {folders.out, std::string(kOut), true},
                {folders.job, std::string(kJob), true}};
  spec.watched = {folders.out, folders.job};
  if (planned.UsesSrc()) {
    spec.binds.push_back({folders.source, std::string(kSrc), true});
    spec.watched.push_back(folders.source);
  }
  spec.watched.push_back(folders.caches);
  spec.overlays.push_back({folders.seed.zigcache, folders.caches + "/zig", std::string(kZigCache), /*keep=*/true});
  if (folders.shared_go_cache) {
    spec.binds.push_back({folders.seed.shared_gocache, std::string(kGoCache), true});
  } else {
    spec.overlays.push_back({folders.seed.gocache, folders.caches + "/go", std::string(kGoCache), /*keep=*/true});
  }
  return spec;
}

}  // namespace gofarm::build
