#include "coordinator/catalog/catalog_metrics.h"

#include <algorithm>

#include "coordinator/catalog/service_rules.h"

namespace gofarm::catalog {

StageCounters::StageCounters(metrics::Registry& registry, Stage stage)
    : modules_(&registry.GetCounter("gofarm_catalog_modules_total",
                                    "Modules (of the index: lines) that a stage finished, by stage.",
                                    {{"stage", std::string(Name(stage))}})) {
  for (const std::string_view error : kStageErrors) {
    errors_.emplace(error, &registry.GetCounter(
                               "gofarm_catalog_errors_total",
                               "Modules that a stage has no result for, and turns that failed, by stage and class.",
                               {{"stage", std::string(Name(stage))}, {"class", std::string(error)}}));
  }
}

void StageCounters::AddErrors(std::string_view error, int64_t count) {
  auto it = errors_.find(error);
  if (it == errors_.end()) it = errors_.find("internal");
  it->second->Add(static_cast<double>(count));
}

CatalogMetrics::CatalogMetrics(metrics::Registry& registry)
    : cursor_age_(&registry.GetGauge("gofarm_catalog_cursor_age_seconds",
                                     "How far the index was read, as its distance from now; 0: the stage is off.")) {
  for (const Stage stage : kStages) {
    const metrics::Labels labels{{"stage", std::string(Name(stage))}};
    stages_.emplace(
        stage,
        OfStage{.counters = StageCounters(registry, stage),
                .backlog = &registry.GetGauge("gofarm_catalog_backlog",
                                              "Modules (of the index: landed lines) that are due, by stage.", labels),
                .running = &registry.GetGauge("gofarm_catalog_stage_running",
                                              "1: turned on, and no paused service holds it up; by stage.", labels),
                .stalled = &registry.GetGauge("gofarm_catalog_stage_progress_age_seconds",
                                              "Since a stage that has a backlog finished anything; 0: it has none, or "
                                              "it is off; by stage.",
                                              labels)});
  }
  for (const Service service : kServices) {
    const metrics::Labels labels{{"service", std::string(ServiceName(service))}};
    OfService of{
        .requests = &registry.GetCounter("gofarm_catalog_requests_total",
                                         "Requests to an outside service, tries included, by service.", labels),
        .answers =
            &registry.GetCounter("gofarm_catalog_answers_total", "Usable answers of a service, by service.", labels),
        .bytes = &registry.GetCounter("gofarm_catalog_received_bytes_total",
                                      "Bytes of bodies that were kept, by service.", labels),
        .paused =
            &registry.GetGauge("gofarm_catalog_service_paused",
                               "1: the service is not asked, because it failed or wished so; by service.", labels),
        .errors = {}};
    for (const ErrorClass error : kErrorClasses) {
      const std::string name(ErrorClassName(error));
      of.errors.emplace(name, &registry.GetCounter("gofarm_catalog_request_errors_total",
                                                   "Requests without a usable answer, by service and class.",
                                                   {{"service", std::string(ServiceName(service))}, {"class", name}}));
    }
    services_.emplace(service, std::move(of));
  }
}

void CatalogMetrics::Show(const std::optional<CatalogStatus>& status, absl::Time now) {
  std::map<std::string_view, const StageStatus*> shown;
  if (status) {
    for (const StageStatus& s : status->stages) shown.emplace(s.name, &s);
  }
  for (auto& [stage, of] : stages_) {
    const auto it = shown.find(Name(stage));
    of.backlog->Set(it == shown.end() ? 0 : static_cast<double>(it->second->backlog));
    of.running->Set(it != shown.end() && it->second->state == "running" ? 1 : 0);
    of.stalled->Set(it == shown.end() ? 0 : it->second->stalled_seconds);
  }
  const auto index = shown.find(Name(Stage::kIndex));
  const bool reads =
      index != shown.end() && index->second->state != "paused" && status->index_read_until != absl::InfinitePast();
  cursor_age_->Set(reads ? std::max(0.0, absl::ToDoubleSeconds(now - status->index_read_until)) : 0);
}

void CatalogMetrics::Show(const std::vector<GateStatus>& services, absl::Time now) {
  for (const GateStatus& gate : services) {
    const OfService& of = services_.at(gate.service);
    of.requests->RaiseTo(static_cast<double>(gate.requests));
    of.answers->RaiseTo(static_cast<double>(gate.answers));
    of.bytes->RaiseTo(static_cast<double>(gate.bytes));
    of.paused->Set(gate.paused_until > now ? 1 : 0);
    for (const auto& [name, count] : gate.errors) {
      if (const auto it = of.errors.find(name); it != of.errors.end()) it->second->RaiseTo(static_cast<double>(count));
    }
  }
}

}  // namespace gofarm::catalog
