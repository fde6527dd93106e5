// The report as one HTML page that loads nothing and needs no script: each dashboard with its panels where Grafana has
// them, light or dark as the reader's system is. A panel without data says so in its attribute data-state ("data",
// "excused", "empty"). Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "cli/dashboards/model.h"
#include "cli/dashboards/prometheus.h"

namespace gofarm::dashboards {

struct Asked {
  std::vector<Answer> answers;  // one for each query of the panel
  std::string error;            // of the first query that had none
};
struct Answered {
  Dashboard dashboard;
  std::vector<Asked> panels;  // one for each panel
};
struct Report {
  std::string source;  // where Prometheus is, fit to show
  absl::Time from, to;
  absl::Duration step;
  std::vector<Answered> dashboards;
};

enum class PanelState { kData, kExcused, kEmpty };
PanelState StateOf(const Panel& panel, const Asked& asked);

std::string ReportPage(const Report& report);

}  // namespace gofarm::dashboards
