#include "coordinator/store/database_metrics.h"

#include <functional>

namespace gofarm::store {
namespace {

// Most statements take a fraction of a millisecond; the limit of a statement is 30 s. Few, as there are many
// statements.
const std::vector<double> kStatementBounds = {0.001, 0.005, 0.025, 0.1, 0.5, 1, 2, 10};
const std::vector<double> kWaitBounds = {0.0002, 0.001, 0.005, 0.025, 0.1, 0.5, 2, 10};

metrics::Gauge& Connections(metrics::Registry& registry, const char* state) {
  return registry.GetGauge("gofarm_database_connections", "Connections to PostgreSQL, by state.", {{"state", state}});
}

}  // namespace

DatabaseMetrics::DatabaseMetrics(metrics::Registry& registry)
    : registry_(registry),
      wait_(&registry.GetHistogram("gofarm_database_wait_seconds",
                                   "Until a connection was given to who asked for one, making it included.",
                                   kWaitBounds)),
      failures_(&registry.GetCounter("gofarm_statement_failures_total",
                                     "Statements that PostgreSQL did not carry out, for want of a connection too.")),
      busy_(&Connections(registry, "busy")),
      idle_(&Connections(registry, "idle")) {}

void DatabaseMetrics::AddStatement(const char* name, absl::Duration took, bool failed) {
  metrics::Histogram* histogram = nullptr;
  {
    const absl::MutexLock lock(&mutex_);
    auto it = statements_.find(std::string_view(name));
    if (it == statements_.end()) {
      it = statements_
               .emplace(name, &registry_.GetHistogram("gofarm_statement_seconds",
                                                      "Time of a statement, by its name in coordinator/sql.",
                                                      kStatementBounds, {{"statement", name}}))
               .first;
    }
    histogram = it->second;
  }
  histogram->Observe(absl::ToDoubleSeconds(took));
  if (failed) failures_->Add();
}

void DatabaseMetrics::AddWait(absl::Duration took, bool failed) {
  wait_->Observe(absl::ToDoubleSeconds(took));
  if (failed) failures_->Add();
}

void DatabaseMetrics::Show(const ConnectionFigures& all) {
  busy_->Set(static_cast<double>(all.busy));
  idle_->Set(static_cast<double>(all.idle));
}

}  // namespace gofarm::store
