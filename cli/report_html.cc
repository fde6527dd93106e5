#include "cli/report_html.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "common/base/html_text.h"
#include "common/base/text.h"
#include "common/json/writer.h"

namespace gofarm::cli {
namespace {

constexpr int kPlotWidth = 640;
constexpr int kLabelWidth = 110;
constexpr int kRowHeight = 26;
constexpr int kHistogramHeight = 160;

constexpr char kHead[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    "<meta name=\"color-scheme\" content=\"light dark\">";
constexpr char kStyle[] =
    "<style>\n"
    ":root{--ink:#1c2024;--soft:#60646c;--line:#d9d9e0;--paper:#fff;--good:#2b9a66;--part:#d9902f;--none:#8b8d98;"
    "--bad:#cd2b31;--plot:#3b6fd9}\n"
    "@media (prefers-color-scheme: dark){:root{--ink:#edeef0;--soft:#b0b4ba;--line:#363a3f;--paper:#111113;"
    "--good:#3dd68c;--part:#ffb85c;--none:#7d7f8a;--bad:#ff6369;--plot:#7aa2ff}}\n"
    "body{margin:0 auto;max-width:60rem;padding:1.5rem;font:16px/1.5 system-ui,sans-serif;color:var(--ink);"
    "background:var(--paper)}\n"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}\n"
    "table{border-collapse:collapse;width:100%;font-size:.9rem}div{overflow-x:auto}\n"
    "th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}\n"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}\n"
    "code{font-family:ui-monospace,monospace;overflow-wrap:anywhere}p,caption{color:var(--soft)}\n"
    "svg{max-width:100%;height:auto;display:block}svg text{fill:var(--ink);font:12px system-ui,sans-serif}\n"
    ".good{fill:var(--good)}.part{fill:var(--part)}.none{fill:var(--none)}.bad{fill:var(--bad)}.plot{fill:var(--plot)}"
    "\n"
    "</style>";

std::string Td(std::string_view text) { return Cat("<td>", EscapeHtml(text), "</td>"); }
std::string Code(std::string_view text) { return Cat("<td><code>", EscapeHtml(text), "</code></td>"); }
template <typename N>
std::string Tn(N number) {
  return Cat("<td class=\"n\">", number, "</td>");
}

struct Share {
  int64_t count = 0;
  const char* color = "";
  const char* what = "";
};
std::vector<Share> SharesOf(const TargetRate& rate) {
  return {{rate.built, "good", "built"},
          {rate.partial, "part", "partial"},
          {rate.nothing_to_build, "none", "nothing to build"},
          {rate.failed, "bad", "failed"}};
}

// A bar for each target, all of the same length.
std::string RatesPlot(const std::vector<TargetRate>& rates) {
  std::string svg;
  int y = 0;
  for (const TargetRate& rate : rates) {
    const int64_t all = rate.built + rate.partial + rate.nothing_to_build + rate.failed;
    if (all == 0) continue;
    svg += Cat("<text x=\"0\" y=\"", y + 17, "\">", EscapeHtml(rate.target), "</text>");
    double x = kLabelWidth;
    for (const Share& share : SharesOf(rate)) {
      if (share.count == 0) continue;
      const double width = static_cast<double>(share.count) / static_cast<double>(all) * (kPlotWidth - kLabelWidth);
      svg += Cat("<rect class=\"", share.color, "\" x=\"", absl::StrFormat("%.1f", x), "\" y=\"", y + 3, "\" width=\"",
                 absl::StrFormat("%.1f", width), "\" height=\"", kRowHeight - 8, "\"><title>", EscapeHtml(rate.target),
                 ": ", share.count, " ", share.what, "</title></rect>");
      x += width;
    }
    y += kRowHeight;
  }
  if (y == 0) return "";
  return Cat("<svg role=\"img\" aria-label=\"What came of the jobs of each target\" viewBox=\"0 0 ", kPlotWidth, " ", y,
             "\">", svg, "</svg><p>Green: built. Amber: partial. Grey: nothing to build. Red: failed.</p>");
}

std::string Histogram(std::string_view what, const Distribution& of, std::string (*human)(double)) {
  if (of.buckets.empty()) return "";
  int64_t most = 1;
  for (const Distribution::Bucket& bucket : of.buckets) most = std::max(most, bucket.count);
  const double step = static_cast<double>(kPlotWidth) / static_cast<double>(of.buckets.size());
  std::string svg, rows;
  for (size_t i = 0; i < of.buckets.size(); ++i) {
    const Distribution::Bucket& bucket = of.buckets[i];
    const double height = static_cast<double>(bucket.count) / static_cast<double>(most) * (kHistogramHeight - 40);
    const double x = static_cast<double>(i) * step;
    const std::string range = Cat(human(bucket.from), " to ", human(bucket.to));
    svg += Cat("<rect class=\"plot\" x=\"", absl::StrFormat("%.1f", x + 1), "\" y=\"",
               absl::StrFormat("%.1f", kHistogramHeight - 20 - height), "\" width=\"",
               absl::StrFormat("%.1f", std::max(1.0, step - 2)), "\" height=\"", absl::StrFormat("%.1f", height),
               "\"><title>", EscapeHtml(range), ": ", bucket.count, "</title></rect>");
    // Every label where there is room for it.
    if (step >= 60 || i % 3 == 0) {
      svg += Cat("<text x=\"", absl::StrFormat("%.1f", x + 1), "\" y=\"", kHistogramHeight - 5, "\">",
                 EscapeHtml(human(bucket.from)), "</text>");
    }
    rows += Cat("<tr>", Td(range), Tn(bucket.count), "</tr>");
  }
  return Cat("<h2>", EscapeHtml(what), "</h2><p>", of.count, " values, median ", EscapeHtml(human(of.median)),
             ", 90 % below ", EscapeHtml(human(of.p90)), ", 99 % below ", EscapeHtml(human(of.p99)), ", largest ",
             EscapeHtml(human(of.most)), ", together ", EscapeHtml(human(of.sum)),
             ".</p><svg role=\"img\" aria-label=\"", EscapeHtml(what), "\" viewBox=\"0 0 ", kPlotWidth, " ",
             kHistogramHeight, "\">", svg,
             "</svg><details><summary>Numbers</summary><div><table><tr><th scope=\"col\">Range</th><th class=\"n\" "
             "scope=\"col\">Count</th></tr>",
             rows, "</table></div></details>");
}

std::string RatesTable(const std::vector<TargetRate>& rates) {
  std::string rows;
  for (const TargetRate& rate : rates) {
    const std::optional<double> share = rate.BuiltShare();
    rows += Cat("<tr>", Td(rate.target), Tn(share ? absl::StrFormat("%.1f %%", *share * 100) : "-"), Tn(rate.jobs),
                Tn(rate.built), Tn(rate.partial), Tn(rate.nothing_to_build), Tn(rate.failed), Tn(rate.cancelled),
                Tn(rate.open), "</tr>");
  }
  return Cat(
      "<div><table><tr><th scope=\"col\">Target</th><th class=\"n\" scope=\"col\">Built</th><th class=\"n\" "
      "scope=\"col\">Jobs ended</th>"
      "<th class=\"n\" scope=\"col\">built</th><th class=\"n\" scope=\"col\">partial</th><th class=\"n\" "
      "scope=\"col\">nothing</th>"
      "<th class=\"n\" scope=\"col\">failed</th><th class=\"n\" scope=\"col\">cancelled</th><th class=\"n\" "
      "scope=\"col\">open</th></tr>",
      rows, "</table></div>");
}

std::string FailuresPart(const Report& report) {
  if (report.failures.empty()) return "";
  std::string rows;
  size_t shown = 0;
  for (const FailureGroupRow& group : report.failures) {
    if (shown == kReportGroupsShown) break;
    ++shown;
    std::string examples;
    for (const FailureExampleRow& example : group.examples) {
      examples += Cat(examples.empty() ? "" : "<br>", "<code>", example.job, " ",
                      EscapeHtml(Cat(example.module, "@", example.version, " ", example.target)), "</code>");
    }
    rows += Cat("<tr>", Tn(group.jobs), Tn(group.modules), Td(group.failure_class), Code(group.fingerprint), "<td>",
                examples, "</td>", Td(group.hint), "</tr>");
  }
  const int64_t more =
      report.failure_groups_left_out + static_cast<int64_t>(report.failures.size()) - static_cast<int64_t>(shown);
  return Cat(
      "<h2>Failures</h2><div><table><tr><th class=\"n\" scope=\"col\">Jobs</th><th class=\"n\" "
      "scope=\"col\">Modules</th><th scope=\"col\">Class</th>"
      "<th scope=\"col\">What</th><th scope=\"col\">Examples</th><th scope=\"col\">What would mend it</th></tr>",
      rows, "</table></div>", more > 0 ? Cat("<p>And ", more, " more groups.</p>") : "",
      report.older_left_out ? "<p>These are the newest failures; there are older ones.</p>" : "");
}

std::string ComparisonPart(const Report& report) {
  if (report.previous == 0) return "";
  std::string rows;
  size_t shown = 0;
  for (const DiffRow& row : report.comparison.rows) {
    if (shown == kReportChangesShown) break;
    ++shown;
    const JobFacts& named = row.after.id != 0 ? row.after : row.before;
    const auto side = [](const JobFacts& job) {
      if (job.id == 0) return std::string("-");
      return Cat(job.version, " ", job.state, job.failure_class.empty() ? "" : Cat(" ", job.failure_class), ", ",
                 HumanBytes(job.bytes), ", ", HumanSeconds(job.seconds));
    };
    rows += Cat("<tr>", Td(JobChangeName(row.change)), Code(named.module), Td(named.target), Td(side(row.before)),
                Td(side(row.after)), "</tr>");
  }
  const size_t more = report.comparison.rows.size() - shown;
  return Cat("<h2>Compared with batch ", report.previous, "</h2><p>", ChangeCounts(report.comparison), ".</p>",
             rows.empty() ? ""
                          : Cat("<div><table><tr><th scope=\"col\">Change</th><th scope=\"col\">Module</th><th "
                                "scope=\"col\">Target</th><th scope=\"col\">Before</th>"
                                "<th scope=\"col\">After</th></tr>",
                                rows, "</table></div>"),
             more > 0 ? Cat("<p>And ", more, " more changes.</p>") : "");
}

}  // namespace

std::string ReportPage(const Report& report) {
  std::string page =
      Cat(kHead, "<title>", EscapeHtml(report.title), "</title>", kStyle, "</head><body><main><h1>",
          EscapeHtml(report.title), "</h1><p>Made at <time>", FormatUtc(report.made_at), "</time> by gofarm.</p>");
  if (!report.rates.empty()) page += Cat("<h2>Targets</h2>", RatesPlot(report.rates), RatesTable(report.rates));
  if (report.coverage) {
    page +=
        Cat("<h2>Coverage</h2><div><table><tr><th class=\"n\" scope=\"col\">Targets built</th><th class=\"n\" "
            "scope=\"col\">Modules</th></tr>");
    for (const auto& [targets, modules] : report.coverage->by_targets) {
      page += Cat("<tr>", Tn(targets), Tn(modules), "</tr>");
    }
    page += "</table></div>";
  }
  page += FailuresPart(report);
  page += Histogram("Sizes of executables, by job", report.sizes, BytesText);
  page += Histogram("Build times", report.seconds, SecondsText);
  page += ComparisonPart(report);
  return Cat(page, "</main></body></html>\n");
}

}  // namespace gofarm::cli
