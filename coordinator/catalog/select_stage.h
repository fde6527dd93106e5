// Stage 5: decides about all modules with programs, and makes batches of what was selected through the same door as a
// person's. On its own only with `auto_select`; `catalog select` asks for it at any time. Thread-safe.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "coordinator/catalog/catalog.h"
#include "coordinator/catalog/config.h"
#include "coordinator/catalog/forecaster.h"
#include "coordinator/catalog/stage_loop.h"
#include "coordinator/catalog/updater.h"
#include "coordinator/domain/types.h"
#include "coordinator/store/catalog_store.h"

namespace gofarm::catalog {

// How the reason of a module begins that the door of batches did not take.
inline constexpr std::string_view kLeftOutReason = "left out of the batch";
inline constexpr size_t kLeftOutWhyMax = 500;      // bytes of the rest of it
inline constexpr size_t kDecisionsAtOnce = 2'000;  // rows of one statement

class Selector final : public StageTurn {
 public:
  Selector(const Config& config, int64_t epoch, store::CatalogStore& store, Forecaster& forecaster,
           service::BatchService& batches, Updater& updater)
      : config_(config), epoch_(epoch), store_(store), forecaster_(forecaster), batches_(batches), updater_(updater) {}

  absl::StatusOr<SelectionResult> Select(const Scope& scope, const SelectionRequest& request);
  // Updates first, as people have their programs already; then, with auto_select, a selection when one is due.
  absl::StatusOr<Done> Turn(const Scope& scope) override;

 private:
  // Takes out of `modules` the lines that the door did not take, with their reasons as their decisions.
  absl::Status LeaveOut(const Scope& scope, const std::vector<domain::LeftOut>& left_out,
                        std::vector<store::Unsubmitted>& modules, SelectionResult& result);
  absl::StatusOr<SelectionResult> DecideAll(const Scope& scope) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes a batch, or with `submit` false says how large it would be.
  // `by_itself`: within the budget of the day, and only what updates do not decide about.
  absl::Status Submit(const Scope& scope, const SelectionRequest& request, int limit, bool by_itself,
                      SelectionResult& result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Config& config_;
  const int64_t epoch_;
  store::CatalogStore& store_;
  Forecaster& forecaster_;
  service::BatchService& batches_;
  Updater& updater_;
  absl::Mutex mutex_;  // one selection at a time
  absl::Time next_auto_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace gofarm::catalog
