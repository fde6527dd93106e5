#include "cli/dashboards/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/dashboards/plot.h"
#include "common/base/text.h"

namespace gofarm::dashboards {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const absl::Time kFrom = absl::FromUnixSeconds(1796040000);  // 2026-11-30 12:00 UTC

Series Of(const std::map<std::string, std::string>& labels, const std::vector<double>& values) {
  Series series{.labels = labels, .points = {}};
  double at = 1796040000;
  for (const double value : values) series.points.push_back({.at = at += 15, .value = value});
  return series;
}

Panel Made(Kind kind, const std::string& unit) {
  Panel panel;
  panel.kind = kind;
  panel.title = "Jobs <b>";
  panel.description = "What waits.";
  panel.width = 12;
  panel.height = 8;
  panel.look.unit = unit;
  panel.queries = {{.expr = "sum by (state) (x{a=\"<\"})", .legend = "{{state}}"}};
  return panel;
}

std::string PageOf(const Panel& panel, const Asked& asked) {
  return ReportPage(
      {.source = "http://127.0.0.1:9090/",
       .from = kFrom,
       .to = kFrom + absl::Hours(1),
       .step = absl::Seconds(15),
       .dashboards = {
           {.dashboard = {.uid = "gofarm-x", .title = "X", .description = "", .panels = {panel}}, .panels = {asked}}}});
}

TEST(PageTest, DrawsLinesWithLegendUnitsAndTimes) {
  const std::string page =
      PageOf(Made(Kind::kLines, "bytes"),
             {.answers = {{.series = {Of({{"state", "waiting"}}, {1024, 2048}), Of({{"state", "run"}}, {512, 512})}}},
              .error = ""});
  EXPECT_THAT(page,
              AllOf(HasSubstr("data-state=\"data\""), HasSubstr("<polyline class=\"c0 line\""),
                    HasSubstr("<polyline class=\"c1 line\""), HasSubstr("waiting <b>2 KiB</b>"),
                    HasSubstr("run <b>512 B</b>"), HasSubstr(">12:15</text>"), HasSubstr(">1 KiB</text>"),
                    HasSubstr("2026-11-30 12:00 UTC to 2026-11-30 13:00 UTC"), HasSubstr("<h3>Jobs &lt;b&gt;</h3>")));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("src=")));
}

TEST(PageTest, NamesFromOutsideAreInertAndCut) {
  const std::string page =
      PageOf(Made(Kind::kLines, "short"),
             {.answers = {{.series = {Of({{"state", "<img src=x onerror=alert(1)>" + std::string(500, 'y')}}, {1})}}},
              .error = ""});
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, HasSubstr("&lt;img src=x"));
  EXPECT_THAT(page, Not(HasSubstr(std::string(100, 'y'))));
}

TEST(PageTest, TellsPanelsWithoutDataApart) {
  Panel panel = Made(Kind::kLines, "s");
  EXPECT_THAT(PageOf(panel, {.answers = {{}}, .error = ""}), HasSubstr("data-state=\"empty\""));
  EXPECT_THAT(PageOf(panel, {.answers = {{}}, .error = "parse <error>"}), HasSubstr("no data: parse &lt;error&gt;"));
  panel.description += " no data here: a farm of one machine has none.";
  EXPECT_THAT(PageOf(panel, {.answers = {{}}, .error = ""}),
              AllOf(HasSubstr("data-state=\"excused\""), HasSubstr("no data: a farm of one machine has none.")));
  EXPECT_EQ(StateOf(panel, {.answers = {{}}, .error = "parse error"}), PanelState::kEmpty)
      << "a query that is refused has no excuse";
}

TEST(PageTest, FiguresHaveWordsAndColours) {
  Panel panel = Made(Kind::kStat, "none");
  panel.look.words = {{1, {.text = "leads", .color = "green"}}};
  EXPECT_THAT(PageOf(panel, {.answers = {{.series = {Of({}, {0, 1})}}}, .error = ""}),
              AllOf(HasSubstr("<p class=\"figure green\">leads</p>"), HasSubstr("class=\"spark\"")));
}

TEST(PageTest, BarsGoFromTheLongest) {
  const std::string page =
      PageOf(Made(Kind::kBars, "short"),
             {.answers = {{.series = {Of({{"state", "few"}}, {1}), Of({{"state", "many"}}, {4})}}}, .error = ""});
  EXPECT_LT(page.find(">many<"), page.find(">few<"));
  EXPECT_THAT(page, AllOf(HasSubstr("width:100.0%"), HasSubstr("width:25.0%")));
}

TEST(PageTest, ATableJoinsItsColumnsByTheLabel) {
  Panel panel = Made(Kind::kTable, "none");
  panel.by = "worker";
  panel.queries = {{.expr = "a", .legend = ""}, {.expr = "b", .legend = ""}};
  panel.columns = {{.title = "runs", .look = {.unit = "none"}}, {.title = "free", .look = {.unit = "bytes"}}};
  const std::string page =
      PageOf(panel, {.answers = {{.series = {Of({{"worker", "w1"}}, {2})}},
                                 {.series = {Of({{"worker", "w1"}}, {1 << 20}), Of({{"worker", "w2"}}, {0})}}},
                     .error = ""});
  EXPECT_THAT(page,
              AllOf(HasSubstr("<th>worker</th><th>runs</th><th>free</th>"),
                    HasSubstr("<td>w1</td><td>2</td><td>1 MiB</td>"), HasSubstr("<td>w2</td><td></td><td>0 B</td>")));
}

TEST(PlotTest, StackedLinesStandOnEachOther) {
  const Plot plot{
      .from = kFrom, .to = kFrom + absl::Minutes(1), .step = absl::Seconds(15), .unit = "short", .stacked = true};
  const std::vector<Point> flat = {{1796040000, 1}, {1796040015, 1}};
  const std::string svg = PlotSvg(plot, {{"a", flat}, {"b", flat}}, "x");
  EXPECT_THAT(svg, AllOf(HasSubstr("c0 area"), HasSubstr("c1 area"), HasSubstr(">2</text>")));
}

TEST(PlotTest, AGapBreaksTheLineAndALonePointIsADot) {
  const Plot plot{.from = kFrom, .to = kFrom + absl::Hours(1), .step = absl::Seconds(15), .unit = "short"};
  const std::string svg = PlotSvg(
      plot, {{"a", {{1796040000, 1}, {1796040015, 1}, {1796041000, 1}, {1796041015, 2}, {1796042000, 1}}}}, "x");
  size_t runs = 0;
  for (size_t at = svg.find("<polyline"); at != std::string::npos; at = svg.find("<polyline", at + 1)) ++runs;
  EXPECT_EQ(runs, 2u);
  EXPECT_THAT(svg, HasSubstr("<circle"));
}

TEST(PlotTest, TheHighestLinesAreDrawn) {
  std::vector<Line> lines;
  for (size_t i = 0; i < kLinesMax + 4; ++i) lines.push_back({Cat(i), {{0, static_cast<double>(i)}}});
  const std::vector<Line> drawn = Drawn(lines);
  ASSERT_EQ(drawn.size(), kLinesMax);
  EXPECT_EQ(drawn.front().name, Cat(kLinesMax + 3));
}

}  // namespace
}  // namespace gofarm::dashboards
