#include "coordinator/domain/toolset.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_join.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "coordinator/domain/canonical.h"

namespace gofarm::domain {
namespace {

// How a module gets one of the versions. Another way of choosing is another toolset.
constexpr std::string_view kRule = "first go that the go line allows";

}  // namespace

std::string CanonicalForm(const Toolset& toolset) {
  CanonicalText text("gofarm toolset");
  text.Add("name", toolset.name);
  for (const std::string& version : toolset.go_versions) text.Add("go_version", version);
  if (!toolset.previous_go.empty()) text.Add("previous_go", toolset.previous_go);
  text.Add("zig_version", toolset.zig_version);
  text.Add("rule", kRule);
  return text.text();
}

std::string ToolsetDigest(const Toolset& toolset) { return digest::Sha256Hex(CanonicalForm(toolset)); }

absl::Status CheckKnownArchives(const Toolset& toolset, const std::vector<Archive>& known) {
  std::vector<std::string> changes;
  for (const Archive& now : toolset.archives) {
    const auto was = std::find_if(known.begin(), known.end(), [&](const Archive& a) {
      return a.kind == now.kind && a.version == now.version && a.host_arch == now.host_arch;
    });
    if (was == known.end() || was->sha256 == now.sha256) continue;
    changes.push_back(Cat("the archive of ", now.kind, " ", now.version, " for ", now.host_arch, " hosts was ",
                          was->sha256, " and is ", now.sha256));
  }
  if (changes.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(Cat(
      "toolset \"", EscapeForPrint(toolset.name), "\": ", absl::StrJoin(changes, "; "),
      ". What this farm built with the former one would come out otherwise now. Put the former SHA-256 back (source "
      "and locator may be any that give that file), or give the toolset of the new one another name"));
}

}  // namespace gofarm::domain
