// The farm's own series on /metrics that are no single service's: queue, offers, workers, leadership, what is stored,
// connections to the database, certificates, and the process itself. Lives as long as the process; Collect may be
// called by any thread. It takes no lock of the dispatcher and asks no database: it shows what others publish at their
// own pace.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/metrics/metrics.h"
#include "coordinator/service/dispatch_loop.h"
#include "coordinator/store/artifact_store.h"
#include "coordinator/watch/farm_series.h"

namespace gofarm::watch {

// What is read at its own pace while somebody scrapes.
struct StoredFigures {
  std::optional<store::ArtifactStore::Totals> totals;  // null: the database did not answer
  int64_t free_bytes = 0;                              // where artifacts and logs lie
  std::optional<absl::Time> server;     // when the certificate that this coordinator shows ends; null: TLS is off
  std::optional<absl::Time> authority;  // likewise of the farm's authority
};
inline constexpr absl::Duration kStoredEvery = absl::Seconds(30);

// When the first certificate of a PEM text ends; null: it is none.
std::optional<absl::Time> EndOfCertificate(std::string_view pem);

// Everything of one scrape. What is null: this coordinator does not lead, or nothing was read yet.
struct FarmView {
  bool leads = false;
  std::shared_ptr<const service::PublishedFigures> dispatcher;
  HostOf host = [](const std::string&) { return std::nullopt; };
  std::optional<StoredFigures> stored;
};

class FarmMetrics {
 public:
  // `program`, `version`: of gofarm_build_info.
  FarmMetrics(metrics::Registry& registry, std::string program, std::string version);
  FarmMetrics(const FarmMetrics&) = delete;
  FarmMetrics& operator=(const FarmMetrics&) = delete;

  // This coordinator took the lead, or lost it.
  void AddLeadershipChange() { leadership_changes_->Add(); }

  // What the dispatcher counted last; a leadership that ends shows it once more.
  void ShowDispatcher(const service::PublishedFigures& published);

  // All series, those of the registry included. `now`: of the steady clock; `wall`: the same moment.
  std::vector<metrics::Family> Collect(const FarmView& view, absl::Time now, absl::Time wall);

 private:
  void Show(const FarmView& view);

  metrics::Registry& registry_;
  const std::string program_, version_;
  metrics::Gauge* leading_;
  metrics::Gauge* epoch_;
  metrics::Counter* leadership_changes_;
  std::map<std::string, metrics::Counter*> offers_;                     // by "what"
  std::array<metrics::Counter*, dispatch::kRefuseReasons> refusals_{};  // by RefuseReason; the first: none
  metrics::Counter* attempts_lost_;
  metrics::Counter* store_failures_;
  metrics::Counter* busy_seconds_;
  metrics::Counter* events_refused_;
  metrics::Gauge* blob_bytes_;
  metrics::Gauge* toolset_;
  absl::Mutex mutex_;
  // Of the leadership that is shown: each begins its counts at 0, and what is shown never goes back.
  int64_t shown_epoch_ ABSL_GUARDED_BY(mutex_) = 0;
  dispatch::DispatchState::Counters shown_ ABSL_GUARDED_BY(mutex_);
  double shown_busy_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t shown_events_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace gofarm::watch
