#include "common/metrics/exposition.h"

#include <gtest/gtest.h>

#include <limits>

namespace gofarm::metrics {
namespace {

Family One(std::string name, Kind kind, double value, Labels labels = {}) {
  return {.name = std::move(name),
          .help = "Help.",
          .kind = kind,
          .series = {{.labels = std::move(labels), .value = value, .buckets = {}}}};
}

TEST(ExpositionTest, ACounterIsNamedAsEachFormWantsIt) {
  const std::vector<Family> families = {One("gofarm_log_bytes_total", Kind::kCounter, 7, {{"b", "2"}, {"a", "1"}})};
  EXPECT_EQ(Write(families, Format::kPrometheus),
            "# HELP gofarm_log_bytes_total Help.\n"
            "# TYPE gofarm_log_bytes_total counter\n"
            "gofarm_log_bytes_total{a=\"1\",b=\"2\"} 7\n");
  EXPECT_EQ(Write(families, Format::kOpenMetrics),
            "# HELP gofarm_log_bytes Help.\n"
            "# TYPE gofarm_log_bytes counter\n"
            "# UNIT gofarm_log_bytes bytes\n"
            "gofarm_log_bytes_total{a=\"1\",b=\"2\"} 7\n"
            "# EOF\n");
}

TEST(ExpositionTest, BoundsReadTheSameInBothForms) {
  const Family family{
      .name = "gofarm_phase_seconds",
      .help = "Help.",
      .kind = Kind::kHistogram,
      .series = {
          {.labels = {{"phase", "build"}}, .buckets = {{0.02, 1}, {1, 1}, {1200, 3}}, .sum = 12.25, .count = 4}}};
  const std::string series =
      "gofarm_phase_seconds_bucket{phase=\"build\",le=\"0.02\"} 1\n"
      "gofarm_phase_seconds_bucket{phase=\"build\",le=\"1.0\"} 1\n"
      "gofarm_phase_seconds_bucket{phase=\"build\",le=\"1200.0\"} 3\n"
      "gofarm_phase_seconds_bucket{phase=\"build\",le=\"+Inf\"} 4\n"
      "gofarm_phase_seconds_sum{phase=\"build\"} 12.25\n"
      "gofarm_phase_seconds_count{phase=\"build\"} 4\n";
  EXPECT_EQ(Write({family}, Format::kPrometheus),
            "# HELP gofarm_phase_seconds Help.\n# TYPE gofarm_phase_seconds histogram\n" + series);
  EXPECT_EQ(Write({family}, Format::kOpenMetrics),
            "# HELP gofarm_phase_seconds Help.\n# TYPE gofarm_phase_seconds histogram\n"
            "# UNIT gofarm_phase_seconds seconds\n" +
                series + "# EOF\n");
}

TEST(ExpositionTest, NumbersKeepTheirValue) {
  const auto text = [](double value) {
    const std::string all = Write({One("g", Kind::kGauge, value)}, Format::kPrometheus);
    return all.substr(all.rfind("\ng ") + 3);
  };
  EXPECT_EQ(text(0), "0\n");
  EXPECT_EQ(text(-1.5), "-1.5\n");
  EXPECT_EQ(text(9007199254740991), "9007199254740991\n");
  EXPECT_EQ(text(1764520000.123), "1764520000.123\n");
  EXPECT_EQ(text(std::numeric_limits<double>::infinity()), "+Inf\n");
  EXPECT_EQ(text(-std::numeric_limits<double>::infinity()), "-Inf\n");
  EXPECT_EQ(text(std::numeric_limits<double>::quiet_NaN()), "NaN\n");
}

TEST(ExpositionTest, TextsAreEscapedAndBytesThatAreNoUtf8AreReplaced) {
  Family family = One("g", Kind::kGauge, 1, {{"w", "a\"b\\c\nd\xff\xc3\xa9\xed\xa0\x80\xf0\x9f\x98\x80\xe2\x82"}});
  family.help = "A \"word\" \\ and\na line.";
  EXPECT_EQ(Write({family}, Format::kPrometheus),
            "# HELP g A \"word\" \\\\ and\\na line.\n# TYPE g gauge\n"
            "g{w=\"a\\\"b\\\\c\\nd?\xc3\xa9???\xf0\x9f\x98\x80??\"} 1\n");
  EXPECT_EQ(Write({family}, Format::kOpenMetrics).substr(0, 44),
            "# HELP g A \\\"word\\\" \\\\ and\\na line.\n# TYPE g");
}

TEST(ExpositionTest, FamiliesAreInTheOrderOfNamesAndEachIsThereOnce) {
  const std::string text =
      Write({One("b", Kind::kGauge, 1), One("a", Kind::kGauge, 2), One("b", Kind::kGauge, 3)}, Format::kPrometheus);
  EXPECT_EQ(text, "# HELP a Help.\n# TYPE a gauge\na 2\n# HELP b Help.\n# TYPE b gauge\nb 1\n");
  EXPECT_EQ(Write({}, Format::kOpenMetrics), "# EOF\n");
  EXPECT_EQ(Write({}, Format::kPrometheus), "");
}

TEST(ExpositionTest, OpenMetricsIsWrittenForWhoPrefersIt) {
  // As Prometheus 2.42 asks, and as it asked before.
  EXPECT_EQ(FormatFor("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                      "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
            Format::kOpenMetrics);
  EXPECT_EQ(FormatFor("application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
            Format::kOpenMetrics);
  EXPECT_EQ(FormatFor("Application/OpenMetrics-Text"), Format::kOpenMetrics);
  EXPECT_EQ(FormatFor(""), Format::kPrometheus);
  EXPECT_EQ(FormatFor("*/*"), Format::kPrometheus);
  EXPECT_EQ(FormatFor("text/plain"), Format::kPrometheus);
  EXPECT_EQ(FormatFor("text/plain;q=0.9, application/openmetrics-text;q=0.3"), Format::kPrometheus);
  EXPECT_EQ(FormatFor("application/openmetrics-text;q=0"), Format::kPrometheus);
  EXPECT_EQ(FormatFor("application/openmetrics-text;q=nan"), Format::kPrometheus);
  EXPECT_EQ(FormatFor(",;,q=1;;"), Format::kPrometheus);
  EXPECT_EQ(ContentType(Format::kOpenMetrics), "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_EQ(ContentType(Format::kPrometheus), "text/plain; version=0.0.4; charset=utf-8");
}

}  // namespace
}  // namespace gofarm::metrics
