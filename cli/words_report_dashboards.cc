#include "cli/report_dashboards.h"
#include "cli/words.h"

namespace gofarm::cli {

void AddReportDashboards(Parser& p, CLI::App* report, ReportDashboardsArgs& args) {
  CLI::App* verb =
      p.Verb(report, "dashboards", "the dashboards as one HTML file, from what a Prometheus knows; needs no Grafana",
             "gofarm report dashboards --prometheus http://127.0.0.1:9090 --html farm.html\n"
             "gofarm report dashboards --prometheus http://127.0.0.1:9090 --html day.html --since 24h",
             [&p, &args] { return ReportDashboards(p.globals, args); });
  verb->add_option("--prometheus", args.prometheus, "its address")->required()->type_name("URL")->check(NotEmpty());
  verb->add_option("--html", args.html, "the file that is written")->required()->type_name("FILE")->check(NotEmpty());
  verb->add_option("--since", args.since, "how far back; 1h unless given")->type_name("TIME");
}

}  // namespace gofarm::cli
