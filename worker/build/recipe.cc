#include "worker/build/recipe.h"

#include <algorithm>

#include "common/base/text.h"

namespace gofarm::build {

Environment RecipeEnvironment(Target target, bool lfs64) {
  const TargetInfo& info = InfoOf(target);
  const std::string flags = Cat("-O2 -flto=auto -fPIE -fpie -static -w -pipe", lfs64 ? Cat(" ", kLfs64Define) : "");
  Environment environment = {
      {"CC", Cat("/zig/zig cc -target ", info.zig)},
      {"CGO_CFLAGS", flags},
      {"CGO_CXXFLAGS", flags},
      {"CGO_ENABLED", "1"},
      {"CXX", Cat("/zig/zig c++ -target ", info.zig)},
      {"GO111MODULE", "on"},
      {"GOARCH", std::string(info.goarch)},
      {"GOCACHE", std::string(kGoCache)},
      {"GOENV", "off"},
      {"GOFLAGS", ""},
      {"GOMODCACHE", std::string(kModCache)},
      {"GOOS", "linux"},
      {"GOPATH", "/job/gopath"},
      {"GOPROXY", Cat("file://", kModCache, "/cache/download")},
      {"GOROOT", std::string(kGoRoot)},
      {"GOSUMDB", "off"},
      {"GOTMPDIR", std::string(kJobTmp)},
      {"GOTOOLCHAIN", "local"},
      {"GOVCS", "*:off"},
      {"GOWORK", "off"},
      {"HOME", std::string(kJobHome)},
      {"LANG", "C"},
      {"PATH", "/go/bin"},
      {"TMPDIR", std::string(kJobTmp)},
      {"ZIG_GLOBAL_CACHE_DIR", std::string(kZigCache)},
      {"ZIG_LOCAL_CACHE_DIR", std::string(kZigCache)},
  };
  return environment;
}

std::vector<std::string> RecipeFlags() {
  return {"-trimpath",
          "-buildmode=pie",
          "-buildvcs=false",
          "-tags",
          "netgo,osusergo",
          "-ldflags",
          "-s -w -buildid= -linkmode=external -extldflags '-s -w -static-pie -Wl,--build-id=none'"};
}

std::string_view ValueOf(const Environment& environment, std::string_view name) {
  const auto found =
      std::find_if(environment.begin(), environment.end(), [&](const auto& v) { return v.first == name; });
  return found == environment.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace gofarm::build
