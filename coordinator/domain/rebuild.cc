#include "coordinator/domain/rebuild.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "coordinator/domain/canonical.h"

namespace gofarm::domain {
namespace {

constexpr int kSampleBits = 48;  // a double holds them exactly

}  // namespace

std::string RebuildDigest(std::string_view recipe_digest) {
  return digest::Sha256Hex(CanonicalText("gofarm rebuild").Add("recipe", recipe_digest).text());
}

std::string SampleBound(double share) {
  if (!(share > 0)) return "";
  const uint64_t bound = share < 1 ? static_cast<uint64_t>(std::ldexp(share, kSampleBits)) : uint64_t{1} << kSampleBits;
  // No hex digit is as large.
  if (bound >> kSampleBits != 0) return "g";
  return absl::StrCat(absl::Hex(bound, absl::kZeroPad12));
}

std::string WhyNotRebuilt(const RebuildCandidate& job, const std::vector<Toolset>& toolsets,
                          const RecipePolicy& policy) {
  const auto toolset =
      std::find_if(toolsets.begin(), toolsets.end(), [&](const Toolset& each) { return each.name == job.toolset; });
  if (toolset == toolsets.end()) return Cat("the toolset ", job.toolset, " is not configured any more");
  const std::string now = RecipeDigest({.module = job.job.module,
                                        .version = job.job.version,
                                        .target = job.job.target,
                                        .toolset_digest = toolset->digest,
                                        .policy = policy});
  return now == job.recipe_digest ? "" : "an older release of the farm built it, by another recipe";
}

std::vector<RebuiltPair> PairRebuilt(const std::vector<FirstBuild>& first, const std::vector<Executable>& second) {
  std::map<std::string_view, const Executable*> by_path;
  for (const Executable& executable : second) by_path[executable.import_path] = &executable;
  std::vector<RebuiltPair> pairs;
  for (const FirstBuild& before : first) {
    const auto found = by_path.find(before.import_path);
    if (found != by_path.end()) pairs.push_back({.first = &before, .second = found->second});
  }
  std::sort(pairs.begin(), pairs.end(),
            [](const RebuiltPair& a, const RebuiltPair& b) { return a.first->import_path < b.first->import_path; });
  return pairs;
}

}  // namespace gofarm::domain
