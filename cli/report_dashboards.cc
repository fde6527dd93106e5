#include "cli/report_dashboards.h"

#include <gofarm_dashboards_data.h>

#include <algorithm>
#include <utility>

#include "cli/dashboards/page.h"
#include "cli/output.h"
#include "common/base/scope.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/io/redact_url.h"
#include "common/io/url.h"
#include "common/json/writer.h"

namespace gofarm::cli {
namespace {

using dashboards::Asked;
using dashboards::PanelState;

constexpr absl::Duration kRangeLeast = absl::Minutes(1), kRangeMost = absl::Hours(24 * 90);
constexpr int64_t kSteps = 240;  // points of a line
constexpr absl::Duration kQueryMax = absl::Minutes(1);

// Figures and lines over the whole range, the rest as it stands at its end.
absl::StatusOr<dashboards::Answer> Ask(const dashboards::Prometheus& prometheus, const dashboards::Panel& panel,
                                       const dashboards::Query& query, const dashboards::Report& report) {
  const Scope scope = Scope::For(kQueryMax);
  const std::string expr = dashboards::WithoutVariables(query.expr, report.to - report.from, report.step);
  if (panel.kind == dashboards::Kind::kStat || panel.kind == dashboards::Kind::kLines) {
    return prometheus.Range(scope, expr, report.from, report.to, report.step);
  }
  return prometheus.At(scope, expr, report.to);
}

// What is wrong with one query stands in its panel; a Prometheus that is not there ends all.
absl::StatusOr<Asked> AskAll(const dashboards::Prometheus& prometheus, const dashboards::Panel& panel,
                             const dashboards::Report& report) {
  Asked asked;
  for (const dashboards::Query& query : panel.queries) {
    absl::StatusOr<dashboards::Answer> answer = Ask(prometheus, panel, query, report);
    if (absl::IsInvalidArgument(answer.status())) {
      if (asked.error.empty()) asked.error = std::string(answer.status().message());
      answer = dashboards::Answer();
    }
    GOFARM_RETURN_IF_ERROR(answer.status());
    asked.answers.push_back(*std::move(answer));
  }
  return asked;
}

}  // namespace

Exit ReportDashboards(const Globals& globals, const ReportDashboardsArgs& args) {
  absl::Duration range;
  if (!absl::ParseDuration(args.since, &range) || range < kRangeLeast || range > kRangeMost) {
    return absl::InvalidArgumentError(
        Cat("--since \"", EscapeForPrint(args.since), "\": give a time from 1m to 2160h, as 30m or 24h"));
  }
  GOFARM_ASSIGN_OR_RETURN_CTX(const io::Url url, io::ParseUrl(args.prometheus), "--prometheus");
  if (url.scheme == "file")
    return absl::InvalidArgumentError("--prometheus: give the http or https URL of a Prometheus");
  const io::HttpClient http("gofarm");
  const dashboards::Prometheus prometheus(http, args.prometheus);
  // Whatever else answers there would leave every panel empty.
  GOFARM_RETURN_IF_ERROR(prometheus.At(Scope::For(kQueryMax), "vector(1)", WallNow()).status());
  dashboards::Report report{.source = io::RedactUrl(args.prometheus),
                            .from = WallNow() - range,
                            .to = WallNow(),
                            .step = std::max(absl::Seconds(1), absl::Ceil(range / kSteps, absl::Seconds(1))),
                            .dashboards = {}};
  int64_t panels = 0, excused = 0;
  std::vector<std::string> empty;
  for (const dashboards::data::EmbeddedFile& file : dashboards::data::kAll) {
    GOFARM_ASSIGN_OR_RETURN_CTX(dashboards::Dashboard dashboard, dashboards::ReadDashboard(file.text),
                                Cat("dashboard ", file.name));
    dashboards::Answered answered{.dashboard = std::move(dashboard), .panels = {}};
    for (const dashboards::Panel& panel : answered.dashboard.panels) {
      GOFARM_ASSIGN_OR_RETURN(Asked asked, AskAll(prometheus, panel, report));
      if (panel.kind != dashboards::Kind::kRow) {
        ++panels;
        const PanelState state = dashboards::StateOf(panel, asked);
        excused += state == PanelState::kExcused;
        if (state == PanelState::kEmpty) empty.push_back(Cat(answered.dashboard.title, ": ", panel.title));
      }
      answered.panels.push_back(std::move(asked));
    }
    report.dashboards.push_back(std::move(answered));
  }
  GOFARM_RETURN_IF_ERROR(io::WriteFileAtomic(args.html, dashboards::ReportPage(report)));
  if (globals.json) {
    JsonWriter json;
    json.BeginObject()
        .Field("file", args.html)
        .Field("panels", panels)
        .Field("excused", excused)
        .Key("empty")
        .BeginArray();
    for (const std::string& name : empty) json.String(name);
    json.EndArray().EndObject();
    PrintOut(json.Take());
    return 0;
  }
  PrintOut(Cat(EscapeForPrint(args.html), ": ", panels, " panels of ", report.dashboards.size(), " dashboards, ",
               excused, " without data for a stated reason, ", empty.size(), " without any\n"));
  for (const std::string& name : empty) PrintOut(Cat("  no data: ", EscapeForPrint(name), "\n"));
  return 0;
}

}  // namespace gofarm::cli
