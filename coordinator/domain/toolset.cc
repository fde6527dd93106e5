#include "coordinator/domain/toolset.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "common/digest/digest.h"
#include "coordinator/domain/canonical.h"

namespace gofarm::domain {

std::string CanonicalForm(const Toolset& toolset) {
  CanonicalText text("gofarm toolset");
  text.Add("name", toolset.name);
  for (const std::string& version : toolset.go_versions) text.Add("go_version", version);
  // Toolsets that name none keep the digest they had before there was one.
  if (!toolset.previous_go.empty()) text.Add("previous_go", toolset.previous_go);
  text.Add("zig_version", toolset.zig_version);
  const auto key = [](const Archive& a) {
    return std::tie(a.kind, a.version, a.host_arch, a.source, a.locator, a.sha256);
  };
  std::vector<Archive> archives = toolset.archives;
  std::sort(archives.begin(), archives.end(), [&](const Archive& a, const Archive& b) { return key(a) < key(b); });
  for (const Archive& archive : archives) {
    text.Add("archive", archive.kind)
        .Add("version", archive.version)
        .Add("host_arch", archive.host_arch)
        .Add("source", archive.source)
        .Add("locator", archive.locator)
        .Add("sha256", archive.sha256);
  }
  return text.text();
}

std::string ToolsetDigest(const Toolset& toolset) { return digest::Sha256Hex(CanonicalForm(toolset)); }

}  // namespace gofarm::domain
