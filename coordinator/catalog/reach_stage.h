// Stage "reach": asks the module proxy whether the newest version of each eligible module can be downloaded. The go.mod
// of the newest version comes first: it answers, and says which versions are retracted; then the zip's size.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/scope.h"
#include "coordinator/catalog/config.h"
#include "coordinator/catalog/reach_rule.h"
#include "coordinator/catalog/stage_loop.h"
#include "coordinator/catalog/upstream.h"
#include "coordinator/domain/catalog.h"
#include "coordinator/store/catalog_index_store.h"
#include "coordinator/store/catalog_store.h"

namespace gofarm::catalog {

inline constexpr int kReachVersion = 1;   // raised: every module is asked for again
inline constexpr int kReachSet = 200;     // modules of one turn
inline constexpr int kReachThreads = 24;  // questions at once; the proxy's budget sets the pace
// Of one module, in bytewise order; of those beyond, only the one that is latest by the index alone counts.
inline constexpr size_t kReachVersionsMax = 100'000;
inline constexpr size_t kReachVersionsAtOnce = 1'000'000;  // of a set; beyond it one page of each module is read

// The versions of some modules in the index.
using VersionsOf = std::function<absl::StatusOr<std::map<int32_t, std::vector<std::string>>>(
    const Scope& scope, absl::Span<const int32_t> modules)>;
// At most kReachVersionsMax of each. Beyond `at_once` of all of them one page of each.
absl::StatusOr<std::map<int32_t, std::vector<std::string>>> ReadVersions(const Scope& scope,
                                                                         store::CatalogIndexStore& index,
                                                                         absl::Span<const int32_t> modules,
                                                                         size_t at_once = kReachVersionsAtOnce);

class ReachStage final : public StageTurn {
 public:
  ReachStage(const Config& config, int64_t epoch, store::CatalogStore& store, VersionsOf versions, Upstream& upstream)
      : config_(config), epoch_(epoch), store_(store), versions_(std::move(versions)), upstream_(upstream) {}

  absl::StatusOr<Done> Turn(const Scope& scope) override;

 private:
  // Null: the scope ended, or the proxy was paused, before anything was learned.
  std::optional<ReachVerdict> One(const Scope& scope, const Claimed& module, const std::vector<std::string>& versions,
                                  const std::optional<ReachRow>& before) const;

  const Config& config_;
  const int64_t epoch_;
  store::CatalogStore& store_;
  const VersionsOf versions_;
  Upstream& upstream_;
};

}  // namespace gofarm::catalog
