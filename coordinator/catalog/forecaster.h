// Forecasts that follow imports into the modules that the catalog knows. What the detector says of a module goes by
// that module alone; a dependency may be looked into later, and may change. So forecasts are made when they are asked
// for: of one module at once, of all of them before a selection, if anything was detected since. The newest version of
// a dependency stands for the one that a build takes. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/scope.h"
#include "common/catalog/types.h"
#include "common/godetect/forecast.h"
#include "common/godetect/package_graph.h"
#include "coordinator/store/catalog_store.h"

namespace gofarm::catalog {

// Of the dependencies of one page of modules; deeper is unknown. Imports nest less than fifty deep in practice.
inline constexpr int kFollowRoundsMax = 400;
// Of the packages that one module's forecast alone may lead to.
inline constexpr size_t kOneGraphMax = 300'000;

class Forecaster {
 public:
  // `go_version`: of the Go that builds.
  Forecaster(int64_t epoch, store::CatalogStore& store, std::string go_version)
      : epoch_(epoch), store_(store), go_version_(std::move(go_version)) {}

  // By target; `document`: of its detection.
  absl::StatusOr<std::map<std::string, ForecastView>> Of(const Scope& scope, const std::string& document) const;

  // Brings all that are stored up to date. Costs one look-up when no module was detected since the last time, and a
  // pass over all modules with programs otherwise.
  absl::Status Refresh(const Scope& scope);

 private:
  absl::Status Fill(const Scope& scope, const std::vector<std::string>& imports, godetect::PackageGraph& graph) const;

  const int64_t epoch_;
  store::CatalogStore& store_;
  const std::string go_version_;
  absl::Mutex mutex_;  // one pass at a time
  int64_t done_until_ ABSL_GUARDED_BY(mutex_) = -1;
};

// Bit n - 1: target n is forecast as buildable. Pure.
int TargetsOf(const std::map<std::string, godetect::TargetForecast>& forecast);

}  // namespace gofarm::catalog
