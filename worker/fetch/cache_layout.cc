#include "worker/fetch/cache_layout.h"

#include <algorithm>
#include <vector>

#include "common/digest/digest.h"

namespace gofarm::fetch {

std::string CacheLayout::ShortDigest(const Toolset& toolset) {
  std::vector<std::string> lines;
  for (const Archive& a : toolset.archives) {
    const bool builds = a.kind == "zig" ? a.version == toolset.zig_version
                                        : std::find(toolset.go_versions.begin(), toolset.go_versions.end(),
                                                    a.version) != toolset.go_versions.end();
    if (builds) lines.push_back(Cat(a.kind, " ", a.version, " ", a.sha256, "\n"));
  }
  std::sort(lines.begin(), lines.end());
  digest::Sha256 hash;
  hash.Update(Cat(toolset.digest, "\n"));
  for (const std::string& line : lines) hash.Update(line);
  return hash.HexAndReset().substr(0, 12);
}

ProxyEnvironment FilledUp(ProxyEnvironment configured, const ProxyEnvironment& otherwise) {
  if (configured.goproxy.empty()) configured.goproxy = otherwise.goproxy;
  for (const auto value : {&ProxyEnvironment::gosumdb, &ProxyEnvironment::gonosumdb, &ProxyEnvironment::goprivate}) {
    if ((configured.*value).empty()) configured.*value = otherwise.*value;
  }
  return configured;
}

}  // namespace gofarm::fetch
