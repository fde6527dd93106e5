// Automatic updates, carried: reads published modules beside the catalog, lets the rule (update_rule) decide, makes
// batches through the door of a person's, and tells the index what authors took back or called deprecated. Published
// versions are looked at when something changed, when a wait is over, and every kUpdatesLookMost.
#pragma once

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "coordinator/catalog/config.h"
#include "coordinator/catalog/stage_loop.h"
#include "coordinator/catalog/update_rule.h"
#include "coordinator/service/batch_service.h"
#include "coordinator/store/catalog_store.h"
#include "coordinator/store/update_store.h"

namespace gofarm::catalog {

inline constexpr absl::Duration kUpdatesLookMost = absl::Minutes(1);
// A look may take a tenth of the time, however many modules are published.
inline constexpr int kUpdatesRestShare = 9;
inline constexpr size_t kUpdatesShownMax = 500;  // rows of each list of a view
inline constexpr size_t kUpdateReasonMax = 500;  // bytes that are kept of why a version was left out

class Updater {
 public:
  Updater(const Config& config, int64_t epoch, store::CatalogStore& catalog, store::UpdateStore& store,
          service::BatchService& batches)
      : config_(config), epoch_(epoch), catalog_(catalog), store_(store), batches_(batches) {}

  // One look when one is due. Called on the stage's thread only.
  absl::StatusOr<StageTurn::Done> Turn(const Scope& scope);
  // As the rule says now; nothing is changed. Thread-safe.
  absl::StatusOr<UpdatesView> View(const Scope& scope) const;

 private:
  struct Decided {
    std::vector<UpdateCandidate> candidates;
    std::vector<UpdateDecision> decisions;
    int used = 0;  // of the budget
  };
  bool IsDue(const store::UpdateStore::Head& head, absl::Time now) const;
  absl::StatusOr<Decided> Decide(const Scope& scope, absl::Time now) const;
  absl::StatusOr<int64_t> MarkRetracted(const Scope& scope);
  absl::StatusOr<int64_t> Queue(const Scope& scope, const Decided& decided);

  const Config& config_;
  const int64_t epoch_;
  store::CatalogStore& catalog_;
  store::UpdateStore& store_;
  service::BatchService& batches_;
  // Of the stage's thread.
  store::UpdateStore::Head seen_;
  absl::Time next_ = absl::InfinitePast();    // SteadyNow: not before
  absl::Time latest_ = absl::InfinitePast();  // SteadyNow: not after
  absl::Time wake_ = absl::InfinitePast();    // WallNow: a wait is over
};

}  // namespace gofarm::catalog
