// Stage "enrich": what deps.dev, GitHub and pkg.go.dev say of each eligible module and its repository. Facts are asked
// for again by age. A paused service keeps the stage waiting: half an account would look like a whole one. Where one
// that is well fails for a single module, and does so again, the others' account is stored without its own, and the
// module stays due. GitHub is asked about everything with a token only; without one about the selected modules, as far
// as it answers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "common/io/request_budget.h"
#include "coordinator/catalog/config.h"
#include "coordinator/catalog/enrichment_row.h"
#include "coordinator/catalog/kept_github.h"
#include "coordinator/catalog/merge.h"
#include "coordinator/catalog/stage_loop.h"
#include "coordinator/catalog/upstream.h"
#include "coordinator/domain/catalog.h"
#include "coordinator/store/catalog_store.h"

namespace gofarm::catalog {

inline constexpr int kEnrichVersion = 1;   // raised: every module is asked for again
inline constexpr int kEnrichSet = 500;     // modules of one turn: few requests for many
inline constexpr int kEnrichThreads = 16;  // questions to pkg.go.dev at once
// Without a token GitHub answers 60 questions an hour, by its own count in its answers, which has the last word. They
// are for selected modules alone.
inline constexpr io::BudgetLimits kAnonymousGithub = {.per_second = 60.0 / 3600, .burst = 10};
inline constexpr absl::Duration kUnansweredAgain = absl::Hours(1);
inline constexpr size_t kUnansweredMax = 1000;                          // of them that are remembered
inline constexpr absl::Duration kSelectedLookEvery = absl::Minutes(1);  // when none was found
// So few repositories are asked for by REST with their ETags rather than by GraphQL, which always tells all.
inline constexpr size_t kRestAtMost = 4;
inline constexpr absl::Duration kEnrichAgainFirst = absl::Minutes(5);
inline constexpr absl::Duration kEnrichAgainMax = absl::Hours(24);

class EnrichStage final : public StageTurn {
 public:
  EnrichStage(const Config& config, int64_t epoch, store::CatalogStore& store, Upstream& upstream)
      : config_(config), epoch_(epoch), store_(store), upstream_(upstream) {
    anonymous_.SetLimits(kAnonymousGithub);
  }

  absl::StatusOr<Done> Turn(const Scope& scope) override;

 private:
  struct Asked {
    ModuleSources sources;
    Unanswered unanswered;
    std::optional<KeptGithub> kept;
  };
  enum class Github {
    kNot,    // what is kept of it stands
    kAll,    // with a token
    kByOne,  // by REST
  };
  // What all services say of the set, stored.
  absl::Status Look(const Scope& scope, const std::vector<Claimed>& set, Github github, Done& done);
  // Without a token: the selected modules that GitHub's limit allows now.
  absl::Status LookAtSelected(const Scope& scope, Done& done);
  bool Paused() const;
  // Each repository with the modules that are in it.
  using Users = std::vector<std::pair<GithubName, std::vector<size_t>>>;
  void AskGithubAtOnce(const Scope& scope, const Users& users, std::vector<Asked>& asked);
  void AskGithubByOne(const Scope& scope, const Users& users, std::vector<Asked>& asked);
  void AskDepsdev(const Scope& scope, const std::vector<Claimed>& set, std::vector<Asked>& asked);
  void AskPkgsite(const Scope& scope, const std::vector<Claimed>& set, std::vector<Asked>& asked);
  void AskRepositories(const Scope& scope, Github github, std::vector<Asked>& asked);

  const Config& config_;
  const int64_t epoch_;
  store::CatalogStore& store_;
  Upstream& upstream_;
  io::RequestBudget anonymous_;                          // own thread
  absl::Time no_selected_until_ = absl::InfinitePast();  // own thread
  std::map<int32_t, absl::Time> not_before_;             // selected modules without an answer; own thread
};

}  // namespace gofarm::catalog
