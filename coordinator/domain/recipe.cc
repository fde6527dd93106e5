#include "coordinator/domain/recipe.h"

#include "common/digest/digest.h"
#include "coordinator/domain/canonical.h"

namespace gofarm::domain {

RecipePolicy CurrentPolicy(int sandbox_layout) {
  RecipePolicy policy;
  policy.sandbox_layout = sandbox_layout;
  policy.flags =
      "CGO_ENABLED=1 CC=zig-cc-musl CXX=zig-c++-musl "
      "CGO_CFLAGS=CGO_CXXFLAGS=-O2 -flto=auto -fPIE -fpie -static -w -pipe -fno-sanitize=undefined "
      "-trimpath -buildmode=pie -buildvcs=false -tags netgo,osusergo "
      "-ldflags -s -w -buildid= -linkmode=external -extldflags -s -w -static-pie -Wl,--build-id=none";
  policy.variants =
      "install source noreplace sibling, then previous-go raised go-line experiment tag lfs64 aliases linkname "
      "portable link-flags";
  return policy;
}

std::string CanonicalForm(const Recipe& recipe) {
  return CanonicalText("gofarm recipe")
      .Add("recipe_version", recipe.policy.recipe_version)
      .Add("sandbox_layout", recipe.policy.sandbox_layout)
      .Add("module", recipe.module)
      .Add("version", recipe.version)
      .Add("target", TargetName(recipe.target))
      .Add("toolset", recipe.toolset_digest)
      .Add("flags", recipe.policy.flags)
      .Add("variants", recipe.policy.variants)
      .text();
}

std::string RecipeDigest(const Recipe& recipe) { return digest::Sha256Hex(CanonicalForm(recipe)); }

}  // namespace gofarm::domain
