// Which builds are made again to see whether they come out the same, and what is compared then. A rebuild is a job of
// its own; what it builds is compared and published nowhere. Plain data and pure rules.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"
#include "common/vocab/report.h"
#include "common/vocab/toolset.h"
#include "coordinator/domain/publishing.h"
#include "coordinator/domain/queries.h"
#include "coordinator/domain/recipe.h"

namespace gofarm::domain {

inline constexpr double kRebuildShareDefault = 0.01;
inline constexpr std::string_view kRebuildSubmitter = "gofarm";  // of the batches that the farm makes

// The recipe digest of rebuilds of this recipe: no submission asks for it, so none joins one.
std::string RebuildDigest(std::string_view recipe_digest);

// Digests are spread evenly, so those that are less than this text, byte by byte, are `share` of all. A larger share
// holds all of a smaller one. From 1 on it is above all of them, at 0 and below no digest is less.
std::string SampleBound(double share);

// A job that may be built again.
struct RebuildCandidate {
  JobRef job;
  std::string toolset, recipe_digest;
  std::string worker;  // that built it
};

// Why its recipe cannot be followed any more; empty: it can.
std::string WhyNotRebuilt(const RebuildCandidate& job, const std::vector<Toolset>& toolsets,
                          const RecipePolicy& policy);

struct RebuildFilter {
  std::string below = SampleBound(1);  // only recipe digests that are less
  std::string module, version;         // empty: all
  bool never_rebuilt = false;          // only those of which no rebuild was ever made
};

struct RebuildOrder {
  BatchId batch;               // 0: nothing was ordered
  std::vector<JobRef> queued;  // new jobs
  int64_t running = 0;         // rebuilds of before that are still under way and belong to the batch, too
};

struct RebuildCounts {
  int64_t reproduced = 0, differing = 0;  // releases
  int64_t rebuilding = 0;                 // jobs
};

// An executable of the job that is built again.
struct FirstBuild {
  AttemptToken token;
  JobId job;
  std::string worker;
  std::string import_path, name;
  int64_t size = 0;
  std::string sha256, blake3, go_version;
};

// An executable that both built.
struct RebuiltPair {
  const FirstBuild* first = nullptr;
  const Executable* second = nullptr;
  bool Same() const { return first->sha256 == second->sha256; }
};
// By import path. Both outlive the result.
std::vector<RebuiltPair> PairRebuilt(const std::vector<FirstBuild>& first, const std::vector<Executable>& second);

}  // namespace gofarm::domain
