// gofarm report dashboards: the farm's dashboards, drawn from what a Prometheus knows, as one HTML file; needs no
// Grafana and no farm.
#pragma once

#include <string>

#include "cli/commands.h"

namespace CLI {
class App;
}

namespace gofarm::cli {

struct Parser;

struct ReportDashboardsArgs {
  std::string prometheus;  // its URL
  std::string html;        // the file
  std::string since = "1h";
};
Exit ReportDashboards(const Globals& globals, const ReportDashboardsArgs& args);

// `report`: the group that it stands in. `args` must live as long as `p` parses and its action runs.
void AddReportDashboards(Parser& p, CLI::App* report, ReportDashboardsArgs& args);

}  // namespace gofarm::cli
