// Stage "enrich": what deps.dev, GitHub and pkg.go.dev say of each eligible module and its repository. Facts are asked
// for again by age. A paused service keeps the stage waiting: half an account would look like a whole one.
#pragma once

#include <vector>

#include "coordinator/catalog/config.h"
#include "coordinator/catalog/merge.h"
#include "coordinator/catalog/stage_loop.h"
#include "coordinator/catalog/upstream.h"
#include "coordinator/domain/catalog.h"
#include "coordinator/store/catalog_store.h"

namespace gofarm::catalog {

inline constexpr int kEnrichVersion = 1;   // raised: every module is asked for again
inline constexpr int kEnrichSet = 500;     // modules of one turn: few requests for many
inline constexpr int kEnrichThreads = 16;  // questions to pkg.go.dev at once
inline constexpr absl::Duration kEnrichAgainFirst = absl::Minutes(5);
inline constexpr absl::Duration kEnrichAgainMax = absl::Hours(24);

class EnrichStage final : public StageTurn {
 public:
  EnrichStage(const Config& config, int64_t epoch, store::CatalogStore& store, Upstream& upstream)
      : config_(config), epoch_(epoch), store_(store), upstream_(upstream) {}

  absl::StatusOr<Done> Turn(const Scope& scope) override;

 private:
  struct Asked {
    ModuleSources sources;
    bool complete = true;  // every service that was to be asked answered
  };
  void AskDepsdev(const Scope& scope, const std::vector<Claimed>& set, std::vector<Asked>& asked);
  void AskPkgsite(const Scope& scope, const std::vector<Claimed>& set, std::vector<Asked>& asked);
  void AskRepositories(const Scope& scope, std::vector<Asked>& asked);

  const Config& config_;
  const int64_t epoch_;
  store::CatalogStore& store_;
  Upstream& upstream_;
};

// The table row of what was learned. Pure.
EnrichmentRow RowOf(const Claimed& module, const ModuleFacts& facts, absl::Time now);

}  // namespace gofarm::catalog
