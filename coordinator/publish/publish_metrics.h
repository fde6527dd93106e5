// The series of publishing on /metrics: rows by kind of destination and state, how long the oldest order waits,
// requests to registries by class, what is left of the day's budget, the index's generation and age, withdrawals. All
// of them stand there from the start, at 0. PublishMetrics lives as long as the process. Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/metrics/metrics.h"
#include "common/sync/kept.h"
#include "coordinator/domain/publishing.h"
#include "coordinator/oci/failure.h"

namespace gofarm::publish {

// "index", "registry", "folder": labels are no names of destinations, which anybody may choose.
std::string_view DestinationKind(std::string_view destination);

struct PublishFigures {
  std::vector<domain::PublicationCounts> destinations;  // that are configured
  domain::PublishTotals totals;
  int64_t budget_left = 0;
  int64_t generation = 0;  // of the served index; 0: none
  absl::Time generation_at = absl::InfinitePast();
};

class PublishMetrics {
 public:
  explicit PublishMetrics(metrics::Registry& registry);
  PublishMetrics(const PublishMetrics&) = delete;
  PublishMetrics& operator=(const PublishMetrics&) = delete;

  // `figures` null: nothing was counted yet, or this coordinator does not lead. `now`: by the wall clock.
  void Show(const std::optional<PublishFigures>& figures, absl::Time now);
  // One request to a registry; null: it was answered well.
  void AddRequest(std::optional<oci::FailureClass> failed);

 private:
  struct OfKind {
    std::map<domain::PublicationState, metrics::Gauge*> rows;
    metrics::Gauge* oldest;
  };
  std::map<std::string, OfKind, std::less<>> kinds_;
  metrics::Counter* requests_ok_;
  std::map<oci::FailureClass, metrics::Counter*> requests_failed_;
  metrics::Gauge* budget_left_;
  metrics::Gauge* generation_;
  metrics::Gauge* index_age_;
  metrics::Gauge* withdrawals_;
  metrics::Gauge* retracted_;
};

using KeptFigures = sync::Kept<PublishFigures>;

}  // namespace gofarm::publish
