#include "cli/dashboards/page.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "cli/dashboards/plot.h"
#include "cli/dashboards/value_text.h"
#include "common/base/html_text.h"
#include "common/base/text.h"

namespace gofarm::dashboards {
namespace {

constexpr int kColumnWidth = 40, kRowHeight = 30;  // of the grid, in units of the picture
constexpr int kAroundPlot = 66;                    // heading and legend of a panel
constexpr size_t kBarsMax = 24, kRowsMax = 200;
constexpr size_t kLabelMax = 80;

// A test measures the contrast of the colours.
constexpr std::string_view kStyle = R"css(
:root{color-scheme:light dark;--page:#f4f5f7;--panel:#fff;--text:#1b2026;--quiet:#525b66;--line:#d5dae0;--good:#1a6b33;--bad:#a8201a;--warn:#8a5a00;--plain:#0b57b0;
--c0:#1f6fd0;--c1:#b8540b;--c2:#23803a;--c3:#a3312b;--c4:#7442b8;--c5:#0d7f83;--c6:#8a6d00;--c7:#b03084}
@media (prefers-color-scheme:dark){:root{--page:#111418;--panel:#1a1f25;--text:#e6e9ed;--quiet:#a7b0ba;--line:#333b44;--good:#7fd598;--bad:#ff9b93;--warn:#f0c05a;--plain:#8ab8ff;
--c0:#6fa8f5;--c1:#f2a65e;--c2:#73c98a;--c3:#f28b82;--c4:#bb9af0;--c5:#5fc9cd;--c6:#e0c04d;--c7:#f08fc7}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:14px/1.45 system-ui,sans-serif}
header,main{max-width:1500px;margin:0 auto;padding:12px 16px}
h1{font-size:22px;margin:4px 0}h2{font-size:18px;margin:28px 0 2px}h3{font-size:13px;margin:0;font-weight:600}
a{color:var(--plain)}
nav ul{display:flex;flex-wrap:wrap;gap:4px 16px;list-style:none;margin:6px 0 0;padding:0}
.quiet{color:var(--quiet);margin:0}
.grid{display:grid;grid-template-columns:repeat(24,minmax(0,1fr));gap:8px;margin-top:10px}
.grid h3.row{grid-column:1/-1;margin-top:10px;font-size:15px}
.panel{background:var(--panel);border:1px solid var(--line);border-radius:4px;padding:8px 10px;position:relative;overflow:hidden}
.panel svg{display:block;width:100%}
.figure{font-size:30px;font-weight:600;line-height:1.2;margin:4px 0}
.spark{height:26px}
.green{color:var(--good)}.red{color:var(--bad)}.yellow{color:var(--warn)}.blue{color:var(--plain)}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:0 14px;margin:2px 0 0;padding:0;font-size:12px}
.legend li{overflow-wrap:anywhere}
.key{display:inline-block;width:10px;height:3px;margin-right:5px;vertical-align:middle}
.tick{fill:var(--quiet);font-size:10.5px}
.rule{stroke:var(--line);stroke-width:1}
.line{fill:none;stroke-width:1.4;stroke-linejoin:round}.area{stroke:none;fill-opacity:.28}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:3px 8px;border-bottom:1px solid var(--line)}
.bar{height:12px;background:var(--c0);min-width:1px;border-radius:2px}
.bars td:first-child{width:35%;overflow-wrap:anywhere}.bars td:last-child{white-space:nowrap;width:15%}
details{font-size:12px;color:var(--quiet)}summary{cursor:pointer}
code{font-size:11px;overflow-wrap:anywhere}
@media (max-width:800px){.grid{display:block}.panel{margin-bottom:8px}}
@media print{body{background:#fff}}
)css";

std::string Colors() {
  std::string css;
  for (size_t i = 0; i < kColors; ++i) {
    absl::StrAppendFormat(
        &css, ".line.c%d{stroke:var(--c%d)}.area.c%d,.dot.c%d{fill:var(--c%d)}.key.c%d{background:var(--c%d)}\n", i, i,
        i, i, i, i, i);
  }
  return css;
}

std::string NameOf(const Series& series, const Query& query, std::string_view otherwise) {
  if (query.legend.empty()) {
    std::string all;
    for (const auto& [key, value] : series.labels) all += Cat(all.empty() ? "" : ", ", value);
    return Clip(all.empty() ? otherwise : all, kLabelMax);
  }
  std::string name = query.legend;
  for (const auto& [key, value] : series.labels) absl::StrReplaceAll({{Cat("{{", key, "}}"), value}}, &name);
  return Clip(name, kLabelMax);
}

std::vector<Line> LinesOf(const Panel& panel, const Asked& asked) {
  std::vector<Line> lines;
  for (size_t q = 0; q < asked.answers.size(); ++q) {
    for (const Series& series : asked.answers[q].series) {
      lines.push_back({.name = NameOf(series, panel.queries.at(q), panel.title), .points = series.points});
    }
  }
  return lines;
}

class PageWriter {
 public:
  explicit PageWriter(const Report& report) : report_(report) {}

  std::string Take() {
    out_ =
        Cat("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>gofarm "
            "dashboards</title><style>",
            kStyle, Colors(), "</style></head><body>\n<header><h1>gofarm dashboards</h1><p class=\"quiet\">",
            EscapeHtml(report_.source), ", ", TimeText(report_.from), " to ", TimeText(report_.to),
            "</p><nav aria-label=\"Dashboards\"><ul>");
    for (const Answered& shown : report_.dashboards) {
      out_ += Cat("<li><a href=\"#", EscapeHtml(shown.dashboard.uid), "\">", EscapeHtml(shown.dashboard.title),
                  "</a></li>");
    }
    out_ += "</ul></nav></header>\n<main>";
    for (const Answered& shown : report_.dashboards) WriteDashboard(shown);
    return out_ + "</main></body></html>\n";
  }

 private:
  static std::string TimeText(absl::Time time) {
    return absl::FormatTime("%Y-%m-%d %H:%M UTC", time, absl::UTCTimeZone());
  }

  void WriteDashboard(const Answered& shown) {
    out_ += Cat("\n<section id=\"", EscapeHtml(shown.dashboard.uid), "\"><h2>", EscapeHtml(shown.dashboard.title),
                "</h2><p class=\"quiet\">", EscapeHtml(shown.dashboard.description), "</p><div class=\"grid\">");
    for (size_t i = 0; i < shown.dashboard.panels.size(); ++i) {
      const Panel& panel = shown.dashboard.panels[i];
      if (panel.kind == Kind::kRow) {
        out_ += Cat("\n<h3 class=\"row\">", EscapeHtml(panel.title), "</h3>");
      } else {
        WritePanel(panel, shown.panels.at(i));
      }
    }
    out_ += "</div></section>";
  }

  void WritePanel(const Panel& panel, const Asked& asked) {
    static constexpr std::array<std::string_view, 3> kStates = {"data", "excused", "empty"};
    const PanelState state = StateOf(panel, asked);
    absl::StrAppendFormat(
        &out_, "\n<article class=\"panel\" data-state=\"%s\" data-unit=\"%s\" style=\"grid-column:%d/span %d\">",
        kStates.at(static_cast<size_t>(state)), EscapeHtml(panel.look.unit), panel.x + 1, panel.width);
    out_ += Cat("<h3>", EscapeHtml(panel.title), "</h3>");
    if (state != PanelState::kData) {
      out_ += Cat("<p class=\"", state == PanelState::kEmpty ? "red" : "quiet", "\">no data",
                  state == PanelState::kExcused ? Cat(": ", EscapeHtml(panel.Excuse()))
                  : asked.error.empty()         ? std::string()
                                                : Cat(": ", EscapeHtml(asked.error)),
                  "</p>");
    } else if (panel.kind == Kind::kStat) {
      WriteFigure(panel, asked);
    } else if (panel.kind == Kind::kLines) {
      WriteLines(panel, asked);
    } else if (panel.kind == Kind::kBars) {
      WriteBars(panel, asked);
    } else {
      WriteTable(panel, asked);
    }
    out_ += Cat("<details><summary>What this is</summary>", EscapeHtml(panel.description));
    for (const Query& query : panel.queries) out_ += Cat("<br><code>", EscapeHtml(query.expr), "</code>");
    out_ += "</details></article>";
  }

  Plot PlotOf(const Panel& panel) const {
    return {.from = report_.from,
            .to = report_.to,
            .step = report_.step,
            .unit = panel.look.unit,
            .stacked = panel.stacked,
            .width = static_cast<int>(panel.width) * kColumnWidth,
            .height = std::max(kRowHeight * 2, static_cast<int>(panel.height) * kRowHeight - kAroundPlot)};
  }

  void WriteFigure(const Panel& panel, const Asked& asked) {
    const std::vector<Line> lines = LinesOf(panel, asked);
    const double value = lines.front().points.back().value;
    out_ += Cat("<p class=\"figure ", EscapeHtml(ColorOf(value, panel.look)), "\">",
                EscapeHtml(Shown(value, panel.look)), "</p>");
    Plot plot = PlotOf(panel);
    plot.height = kRowHeight;
    out_ += SparkSvg(plot, lines.front().points);
  }

  void WriteLines(const Panel& panel, const Asked& asked) {
    const std::vector<Line> all = LinesOf(panel, asked), drawn = Drawn(all);
    out_ += PlotSvg(PlotOf(panel), drawn, panel.title);
    out_ += "<ul class=\"legend\">";
    for (size_t i = 0; i < drawn.size(); ++i) {
      out_ +=
          Cat("<li><span class=\"key c", i % kColors, "\"></span>", EscapeHtml(drawn[i].name), " <b>",
              EscapeHtml(ValueText(drawn[i].points.back().value, panel.look.unit, panel.look.decimals)), "</b></li>");
    }
    if (all.size() > drawn.size()) out_ += Cat("<li class=\"quiet\">and ", all.size() - drawn.size(), " more</li>");
    out_ += "</ul>";
  }

  void WriteBars(const Panel& panel, const Asked& asked) {
    std::vector<Line> lines = LinesOf(panel, asked);
    std::stable_sort(lines.begin(), lines.end(),
                     [](const Line& a, const Line& b) { return a.points.back().value > b.points.back().value; });
    const double highest = std::max(lines.front().points.back().value, 1e-9);
    out_ += "<table class=\"bars\"><tbody>";
    for (size_t i = 0; i < std::min(lines.size(), kBarsMax); ++i) {
      const double value = lines[i].points.back().value;
      out_ += Cat("<tr><td>", EscapeHtml(lines[i].name), "</td><td><div class=\"bar\" style=\"width:",
                  absl::StrFormat("%.1f", std::clamp(value / highest * 100, 0.0, 100.0)), "%\"></div></td><td>",
                  EscapeHtml(ValueText(value, panel.look.unit, panel.look.decimals)), "</td></tr>");
    }
    out_ += "</tbody></table>";
  }

  void WriteTable(const Panel& panel, const Asked& asked) {
    std::map<std::string, std::vector<std::optional<double>>> rows;
    for (size_t q = 0; q < asked.answers.size(); ++q) {
      for (const Series& series : asked.answers[q].series) {
        const auto label = series.labels.find(panel.by);
        if (label == series.labels.end() || (rows.size() >= kRowsMax && rows.count(label->second) == 0)) continue;
        std::vector<std::optional<double>>& row = rows[label->second];
        row.resize(panel.columns.size());
        row.at(q) = series.points.back().value;
      }
    }
    out_ += Cat("<table><thead><tr><th>", EscapeHtml(panel.by), "</th>");
    for (const Panel::Column& column : panel.columns) out_ += Cat("<th>", EscapeHtml(column.title), "</th>");
    out_ += "</tr></thead><tbody>";
    for (const auto& [name, row] : rows) {
      out_ += Cat("<tr><td>", EscapeHtml(Clip(name, kLabelMax)), "</td>");
      for (size_t i = 0; i < row.size(); ++i) {
        out_ += Cat("<td>", row[i] ? EscapeHtml(Shown(*row[i], panel.columns[i].look)) : "", "</td>");
      }
      out_ += "</tr>";
    }
    out_ += "</tbody></table>";
  }

  const Report& report_;
  std::string out_;
};

}  // namespace

PanelState StateOf(const Panel& panel, const Asked& asked) {
  const bool data = std::any_of(asked.answers.begin(), asked.answers.end(),
                                [](const Answer& answer) { return !answer.series.empty(); });
  if (data) return PanelState::kData;
  return asked.error.empty() && !panel.Excuse().empty() ? PanelState::kExcused : PanelState::kEmpty;
}

std::string ReportPage(const Report& report) { return PageWriter(report).Take(); }

}  // namespace gofarm::dashboards
