// Lines over time as inline SVG (www.w3.org/TR/SVG2). Colours are classes "c0" to "c7" of the page's style sheet, so
// that a plot follows its light and dark. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "cli/dashboards/prometheus.h"

namespace gofarm::dashboards {

inline constexpr size_t kColors = 8;
inline constexpr size_t kLinesMax = 16;  // of one plot; those that reach highest

struct Line {
  std::string name;
  std::vector<Point> points;  // by time
};

struct Plot {
  absl::Time from, to;
  absl::Duration step;  // a longer pause is a gap in the line
  std::string_view unit;
  bool stacked = false;  // values of one time stand on each other
  int width = 480, height = 200;
};

// Those of `lines` that are drawn, the highest first; the same order as the legend's.
std::vector<Line> Drawn(std::vector<Line> lines);

// `name` is what a screen reader says. At most kLinesMax lines.
std::string PlotSvg(const Plot& plot, const std::vector<Line>& lines, std::string_view name);

// One line without axes, for what stands behind a figure.
std::string SparkSvg(const Plot& plot, const std::vector<Point>& points);

}  // namespace gofarm::dashboards
