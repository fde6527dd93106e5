// The catalog's series on /metrics: of each stage one backlog, one count of modules and one count of errors by closed
// class; of each outside service its requests, answers, bytes, errors and whether it is paused. All of them stand there
// from the start, at 0. Lives as long as the process; thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/catalog/types.h"
#include "common/metrics/metrics.h"
#include "coordinator/catalog/service_gate.h"

namespace gofarm::catalog {

// Why a stage has no result for a module, or why a turn of it ended. A closed set: labels of metrics.
inline constexpr std::array<std::string_view, 12> kStageErrors = {
    "absent",  "internal", "invalid_module", "no_answer",   "no_room",     "parser_ended",
    "refused", "timeout",  "too_large",      "unavailable", "unreachable", "unreachable_now"};

// What one stage counts.
class StageCounters {
 public:
  StageCounters(metrics::Registry& registry, Stage stage);
  void AddModules(int64_t modules) { modules_->Add(static_cast<double>(modules)); }
  // A class outside of kStageErrors counts as "internal".
  void AddErrors(std::string_view error, int64_t count);

 private:
  metrics::Counter* modules_;
  std::map<std::string, metrics::Counter*, std::less<>> errors_;
};

class CatalogMetrics {
 public:
  explicit CatalogMetrics(metrics::Registry& registry);
  CatalogMetrics(const CatalogMetrics&) = delete;
  CatalogMetrics& operator=(const CatalogMetrics&) = delete;

  StageCounters& Of(Stage stage) { return stages_.at(stage).counters; }
  // `status` null: nothing was counted yet, or this coordinator does not lead.
  // `now`: by the wall clock.
  void Show(const std::optional<CatalogStatus>& status, absl::Time now);
  void Show(const std::vector<GateStatus>& services, absl::Time now);

 private:
  struct OfStage {
    StageCounters counters;
    metrics::Gauge* backlog;
    metrics::Gauge* running;
    metrics::Gauge* stalled;
  };
  struct OfService {
    metrics::Counter* requests;
    metrics::Counter* answers;
    metrics::Counter* bytes;
    metrics::Gauge* paused;
    std::map<std::string, metrics::Counter*> errors;  // by class
  };
  metrics::Gauge* cursor_age_;
  std::map<Stage, OfStage> stages_;
  std::map<Service, OfService> services_;
};

}  // namespace gofarm::catalog
