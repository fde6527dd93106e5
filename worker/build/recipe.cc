#include "worker/build/recipe.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "common/base/text.h"
#include "common/gomod/build_constraint.h"

namespace gofarm::build {

Environment RecipeEnvironment(Target target, const Variant& variant) {
  const TargetInfo& info = InfoOf(target);
  // Where a module asks for -O0 or -Og, zig turns on its undefined-behaviour sanitizer; it has no runtime for it here.
  const std::string flags = Cat("-O2 -flto=auto -fPIE -fpie -static -w -pipe -fno-sanitize=undefined",
                                variant.lfs64 ? Cat(" ", kLfs64Define) : "");
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
  if (!variant.form.experiments.empty()) {
    environment.emplace_back("GOEXPERIMENT", absl::StrJoin(variant.form.experiments, ","));
    std::sort(environment.begin(), environment.end());
  }
  return environment;
}

std::vector<std::string> RecipeFlags(const Variant& variant) {
  std::string tags = absl::StrJoin(gomod::RecipeTags(), ",");
  for (const std::string& tag : variant.form.tags) tags += Cat(",", tag);
  return {"-trimpath",
          "-buildmode=pie",
          "-buildvcs=false",
          "-tags",
          tags,
          "-ldflags",
          Cat("-s -w -buildid= -linkmode=external", variant.linkname ? " -checklinkname=0" : "",
              " -extldflags '-s -w -static-pie -Wl,--build-id=none", variant.aliases.empty() ? "" : " ",
              variant.aliases.empty() ? "" : kAliasObject, "'")};
}

std::string_view ValueOf(const Environment& environment, std::string_view name) {
  const auto found =
      std::find_if(environment.begin(), environment.end(), [&](const auto& v) { return v.first == name; });
  return found == environment.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace gofarm::build
