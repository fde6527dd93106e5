// The catalog of this farm, as its operators see it: the stages that fill it, what it knows of modules, what is
// selected from it. Lives as long as the leadership; what it writes carries the leader's epoch. Thread-safe; every
// method blocks its thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "common/catalog/types.h"
#include "coordinator/catalog/config.h"
#include "coordinator/store/pool.h"

namespace gofarm::service {
class BatchService;
}

namespace gofarm::catalog {

class CatalogMetrics;
class Upstream;

inline constexpr absl::Duration kStatusAge = absl::Seconds(5);  // of counts that `status` shows without `fresh`
inline constexpr absl::Duration kGaugeAge = absl::Seconds(15);  // of counts that only a scrape asks for
inline constexpr size_t kPathMax = 1024;                        // bytes of a module path that is asked for
inline constexpr size_t kSearchWordsMax = 400;                  // bytes of a search
inline constexpr int kSubmitAtOnceMax = 50'000;                 // modules of one batch that the selection makes

// Bytes of one index file on their way in. Not thread-safe.
class Ingestion {
 public:
  virtual ~Ingestion() = default;
  virtual absl::Status Add(std::string_view bytes) = 0;
  // Stores what was added and says what it was; nothing is acknowledged before.
  virtual absl::StatusOr<IngestResult> Finish() = 0;
};

struct SelectionRequest {
  bool submit = false;
  std::string name;
  std::string submitter;
  std::string request_id;
};

struct CatalogParts {
  const Config& config;
  store::Pool& pool;
  const std::string& data_dir;  // for what does not fit into memory
  service::BatchService& batches;
  Upstream& upstream;
  CatalogMetrics& metrics;
  std::function<bool()> jobs_queued;  // bulk work gives way to them
  std::string go_version;             // of the Go that builds: what a forecast goes by
  std::string config_file;            // whose budgets are taken up when it changes; empty: none
  // Another coordinator leads.
  std::function<void(const absl::Status&)> lost;
};

class Catalog {
 public:
  Catalog(CatalogParts parts, int64_t epoch);
  ~Catalog();  // Stop
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;

  // Turns on what was on before.
  absl::Status Start(const Scope& scope);
  void Stop();

  // Stages by name; empty: all. INVALID_ARGUMENT names the stages there are.
  absl::StatusOr<CatalogStatus> SetRunning(const Scope& scope, const std::vector<std::string>& stages, bool running);
  // `fresh`: counted now, with CatalogStatus::settled; else at most kStatusAge old.
  absl::StatusOr<CatalogStatus> Status(const Scope& scope, bool fresh);
  // What was counted last, without waiting; asks for younger counts. Null: nothing was counted yet.
  std::optional<CatalogStatus> LastStatus();
  absl::StatusOr<std::vector<FunnelStep>> Funnel(const Scope& scope);
  absl::StatusOr<CatalogStats> Stats(const Scope& scope);

  // NOT_FOUND: the index does not hold the module.
  absl::StatusOr<ModuleView> Show(const Scope& scope, const std::string& module);
  absl::StatusOr<WhyView> Why(const Scope& scope, const std::string& module);
  // In order, page by page; false from `sink` ends it.
  using VersionSink = std::function<bool(std::vector<VersionRow>)>;
  absl::Status Versions(const Scope& scope, const std::string& module, const VersionSink& sink);
  absl::StatusOr<std::vector<SearchHit>> Search(const Scope& scope, const std::string& words, int limit);
  // Makes the stages due for this module; `stage` empty: enrich, reach and detect.
  absl::StatusOr<ModuleView> Refresh(const Scope& scope, const std::string& module, const std::string& stage);

  // Decides anew about all modules; with `submit` makes a batch of those whose version was in none yet.
  absl::StatusOr<SelectionResult> Select(const Scope& scope, const SelectionRequest& request);
  // New versions of published modules: what waits until when and why, and what became of the others today.
  absl::StatusOr<UpdatesView> Updates(const Scope& scope);
  absl::StatusOr<std::vector<VerdictCheck>> CheckForecast(const Scope& scope);

  // RESOURCE_EXHAUSTED: another ingestion is under way.
  absl::StatusOr<std::unique_ptr<Ingestion>> BeginIngestion(const Scope& scope);
  absl::StatusOr<ImportResult> Import(const Scope& scope, const std::string& origin, const std::string& text);
  // The Go repositories of one of GitHub's topics. `progress` hears how far it is; false from it ends the search.
  // INVALID_ARGUMENT when it is no topic; RESOURCE_EXHAUSTED: another search is under way.
  using ImportProgress = std::function<bool(const ImportResult& so_far)>;
  absl::StatusOr<ImportResult> ImportTopic(const Scope& scope, const std::string& topic,
                                           const ImportProgress& progress);

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace gofarm::catalog
