#include "cli/dashboards/plot.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/str_format.h"
#include "cli/dashboards/value_text.h"
#include "common/base/html_text.h"
#include "common/base/text.h"

namespace gofarm::dashboards {
namespace {

constexpr int kLeft = 62, kRight = 8, kTop = 8, kBottom = 22;
constexpr double kGap = 2.5;  // steps

double HighestOf(const Line& line) {
  double highest = 0;
  for (const Point& point : line.points) highest = std::max(highest, std::fabs(point.value));
  return highest;
}

// Where a value stands in the picture.
struct Frame {
  double left, right, top, bottom;  // of the picture
  double from, to;                  // time
  double low, high;

  double X(double at) const { return left + (right - left) * (to > from ? (at - from) / (to - from) : 0); }
  double Y(double value) const { return bottom - (bottom - top) * (value - low) / (high - low); }
};

std::string Place(double x, double y) { return absl::StrFormat("%.1f,%.1f", x, y); }

// Runs of points without a gap between them.
std::vector<std::vector<Point>> Runs(const std::vector<Point>& points, absl::Duration step) {
  std::vector<std::vector<Point>> runs;
  for (const Point& point : points) {
    if (runs.empty() || point.at - runs.back().back().at > kGap * absl::ToDoubleSeconds(step)) runs.emplace_back();
    runs.back().push_back(point);
  }
  return runs;
}

void AppendLine(std::string& svg, const Frame& frame, const std::vector<Point>& run, size_t color) {
  if (run.size() == 1) {
    absl::StrAppendFormat(&svg, "<circle class=\"c%d dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"2\"/>", color,
                          frame.X(run[0].at), frame.Y(run[0].value));
    return;
  }
  absl::StrAppendFormat(&svg, "<polyline class=\"c%d line\" points=\"", color);
  for (const Point& point : run) svg += Cat(Place(frame.X(point.at), frame.Y(point.value)), " ");
  svg += "\"/>";
}

// Between what is below and the run itself.
void AppendArea(std::string& svg, const Frame& frame, const std::vector<Point>& run,
                const std::map<double, double>& below, size_t color) {
  if (run.size() < 2) return;
  absl::StrAppendFormat(&svg, "<polygon class=\"c%d area\" points=\"", color);
  for (const Point& point : run) svg += Cat(Place(frame.X(point.at), frame.Y(point.value)), " ");
  for (auto point = run.rbegin(); point != run.rend(); ++point) {
    const auto found = below.find(point->at);
    svg += Cat(Place(frame.X(point->at), frame.Y(found == below.end() ? 0 : found->second)), " ");
  }
  svg += "\"/>";
}

std::string TimeText(double at, double range) {
  const absl::Time time = absl::FromUnixSeconds(static_cast<int64_t>(at));
  return absl::FormatTime(range > 2 * 86400 ? "%m-%d %H:%M"
                          : range < 600     ? "%H:%M:%S"
                                            : "%H:%M",
                          time, absl::UTCTimeZone());
}

void AppendAxes(std::string& svg, const Frame& frame, const std::vector<double>& ticks, std::string_view unit) {
  for (const double tick : ticks) {
    absl::StrAppendFormat(&svg, "<line class=\"rule\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>", frame.left,
                          frame.right, frame.Y(tick), frame.Y(tick));
    absl::StrAppendFormat(&svg, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s</text>",
                          frame.left - 5, frame.Y(tick) + 3.5, EscapeHtml(ValueText(tick, unit)));
  }
  constexpr int kTimes = 4;
  for (int i = 0; i <= kTimes; ++i) {
    const double at = frame.from + (frame.to - frame.from) * i / kTimes;
    const char* const anchor = i == 0 ? "start" : i == kTimes ? "end" : "middle";
    absl::StrAppendFormat(&svg, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>", frame.X(at),
                          frame.bottom + 15, anchor, TimeText(at, frame.to - frame.from));
  }
}

std::string Opened(const Plot& plot, std::string_view css, std::string_view name) {
  return Cat("<svg class=\"", css, "\" viewBox=\"0 0 ", plot.width, " ", plot.height, "\" role=\"img\" aria-label=\"",
             EscapeHtml(name), "\">");
}

}  // namespace

std::vector<Line> Drawn(std::vector<Line> lines) {
  std::stable_sort(lines.begin(), lines.end(),
                   [](const Line& a, const Line& b) { return HighestOf(a) > HighestOf(b); });
  if (lines.size() > kLinesMax) lines.resize(kLinesMax);
  return lines;
}

std::string PlotSvg(const Plot& plot, const std::vector<Line>& lines, std::string_view name) {
  std::map<double, double> sums;
  std::vector<std::vector<Point>> shown;        // as they are drawn
  std::vector<std::map<double, double>> below;  // of each line, what it stands on
  double low = 0, high = 0;
  for (const Line& line : lines) {
    below.push_back(sums);
    std::vector<Point> points = line.points;
    for (Point& point : points) {
      if (plot.stacked) point.value = sums[point.at] += point.value;
      low = std::min(low, point.value);
      high = std::max(high, point.value);
    }
    shown.push_back(std::move(points));
  }
  const std::vector<double> ticks = AxisTicks(low, high, plot.unit);
  const Frame frame{.left = kLeft,
                    .right = static_cast<double>(plot.width - kRight),
                    .top = kTop,
                    .bottom = static_cast<double>(plot.height - kBottom),
                    .from = static_cast<double>(absl::ToUnixSeconds(plot.from)),
                    .to = static_cast<double>(absl::ToUnixSeconds(plot.to)),
                    .low = ticks.front(),
                    .high = ticks.back()};
  std::string svg = Opened(plot, "plot", name);
  AppendAxes(svg, frame, ticks, plot.unit);
  for (size_t i = 0; i < shown.size(); ++i) {
    for (const std::vector<Point>& run : Runs(shown[i], plot.step)) {
      if (plot.stacked) AppendArea(svg, frame, run, below[i], i % kColors);
      AppendLine(svg, frame, run, i % kColors);
    }
  }
  return svg + "</svg>";
}

std::string SparkSvg(const Plot& plot, const std::vector<Point>& points) {
  double low = 0, high = 0;
  for (const Point& point : points) {
    low = std::min(low, point.value);
    high = std::max(high, point.value);
  }
  if (!(high > low)) high = low + 1;
  const Frame frame{.left = 0,
                    .right = static_cast<double>(plot.width),
                    .top = 2,
                    .bottom = static_cast<double>(plot.height - 2),
                    .from = static_cast<double>(absl::ToUnixSeconds(plot.from)),
                    .to = static_cast<double>(absl::ToUnixSeconds(plot.to)),
                    .low = low,
                    .high = high};
  std::string svg = Cat("<svg class=\"spark\" viewBox=\"0 0 ", plot.width, " ", plot.height,
                        "\" preserveAspectRatio=\"none\" aria-hidden=\"true\">");
  for (const std::vector<Point>& run : Runs(points, plot.step)) {
    AppendArea(svg, frame, run, {}, 0);
    AppendLine(svg, frame, run, 0);
  }
  return svg + "</svg>";
}

}  // namespace gofarm::dashboards
