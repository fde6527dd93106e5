#include "worker/build/build_sandbox.h"

#include "common/base/text.h"
#include "worker/build/recipe.h"

namespace gofarm::build {

exec::SandboxSpec BuildSandbox(const PlannedTry& planned, const PlannedCall& call, const BuildFolders& folders) {
  exec::SandboxSpec spec;
  spec.argv = call.argv;
  spec.environment = call.environment;
  spec.working_directory = planned.working_directory;
  spec.binds = {{folders.go, std::string(kGoRoot), false},
                {folders.zig, std::string(kZigRoot), false},
                {folders.mod_view, std::string(kModCache), false},
                {folders.out, std::string(kOut), true},
                {folders.job, std::string(kJob), true}};
  // A build sees the modules of its listing and nobody else's: `.incbin` and `#include` read whatever is there.
  for (const std::string& module : folders.modules) {
    spec.binds.push_back({Cat(folders.mod_cache, "/", module), Cat(kModCache, "/", module), false});
  }
  spec.watched = {folders.out, folders.job};
  if (planned.UsesSrc()) {
    spec.binds.push_back({folders.source, std::string(kSrc), true});
    spec.watched.push_back(folders.source);
  }
  for (size_t i = 0; i < planned.overlay.size(); ++i) {
    const std::string edited = Cat(folders.job, kOverlay.substr(kJob.size()), "/", i, ".go");
    spec.binds.push_back({edited, planned.overlay[i].path, false});
  }
  spec.watched.push_back(folders.caches);
  const bool cold = !folders.cold.empty();
  const std::string& go_cache = folders.shared_go_cache ? folders.seed.shared_gocache : folders.seed.gocache;
  spec.overlays.push_back({cold ? folders.cold : folders.seed.zigcache, folders.caches + "/zig", std::string(kZigCache),
                           /*keep=*/true});
  spec.overlays.push_back(
      {cold ? folders.cold : go_cache, folders.caches + "/go", std::string(kGoCache), /*keep=*/true});
  return spec;
}

}  // namespace gofarm::build
