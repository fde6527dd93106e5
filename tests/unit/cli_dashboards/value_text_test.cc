#include "cli/dashboards/value_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gofarm::dashboards {
namespace {

using ::testing::ElementsAre;

TEST(ValueTextTest, ShowsEachUnit) {
  EXPECT_EQ(ValueText(0, "s"), "0 s");
  EXPECT_EQ(ValueText(0.0000042, "s"), "4.2 µs");
  EXPECT_EQ(ValueText(0.0235, "s"), "23.5 ms");
  EXPECT_EQ(ValueText(59, "s"), "59 s");
  EXPECT_EQ(ValueText(150, "s"), "2.5 min");
  EXPECT_EQ(ValueText(9000, "s"), "2.5 h");
  EXPECT_EQ(ValueText(86400 * 90, "s"), "90 d");
  EXPECT_EQ(ValueText(512, "bytes"), "512 B");
  EXPECT_EQ(ValueText(1536, "bytes"), "1.5 KiB");
  EXPECT_EQ(ValueText(5368709120, "bytes"), "5 GiB");
  EXPECT_EQ(ValueText(2048, "Bps"), "2 KiB/s");
  EXPECT_EQ(ValueText(0.4173, "percentunit"), "41.7 %");
  EXPECT_EQ(ValueText(9999, "short"), "9999");
  EXPECT_EQ(ValueText(71234, "short"), "71.2 K");
  EXPECT_EQ(ValueText(0.25, "reqps"), "0.25 req/s");
  EXPECT_EQ(ValueText(20000, "ops"), "20 K ops/s");
  EXPECT_EQ(ValueText(3, "none"), "3");
  EXPECT_EQ(ValueText(3, "furlongs"), "3 furlongs");
}

TEST(ValueTextTest, KeepsTheDecimalsThatAreAskedFor) {
  EXPECT_EQ(ValueText(12.345, "short", 0), "12");
  EXPECT_EQ(ValueText(0.5, "percentunit", 1), "50.0 %");
  EXPECT_EQ(ValueText(1, "short", 99), "1.000000");
}

TEST(ValueTextTest, ShowsWhatIsNoNumberAndNoNegativeZero) {
  EXPECT_EQ(ValueText(std::nan(""), "s"), "-");
  EXPECT_EQ(ValueText(INFINITY, "bytes"), "-");
  EXPECT_EQ(ValueText(-0.0, "short"), "0");
  EXPECT_EQ(ValueText(-90, "s"), "-90 s");
}

TEST(ValueTextTest, WordsAndColoursTakeTheValuesPlace) {
  const Look look{.unit = "none",
                  .decimals = {},
                  .words = {{1, {.text = "leads", .color = "green"}}},
                  .thresholds = {{.from = {}, .color = "red"}, {.from = 5, .color = "yellow"}}};
  EXPECT_EQ(Shown(1, look), "leads");
  EXPECT_EQ(ColorOf(1, look), "green");
  EXPECT_EQ(Shown(2, look), "2");
  EXPECT_EQ(ColorOf(2, look), "red");
  EXPECT_EQ(ColorOf(5, look), "yellow");
  EXPECT_EQ(ColorOf(5, {}), "");
}

TEST(AxisTicksTest, AreRoundAndReachFromLowToHigh) {
  EXPECT_THAT(AxisTicks(0, 10, "short"), ElementsAre(0, 5, 10));
  EXPECT_THAT(AxisTicks(0, 7, "short"), ElementsAre(0, 2, 4, 6, 8));
  EXPECT_THAT(AxisTicks(0, 0, "short").size(), ::testing::Ge(3u));
  EXPECT_THAT(AxisTicks(0, 3.0 * 1073741824, "bytes"),
              ElementsAre(0, 1073741824.0, 2 * 1073741824.0, 3 * 1073741824.0));
  EXPECT_THAT(AxisTicks(-3, 5, "s").front(), ::testing::Le(-3));
  for (double high = 1e-6; high < 1e15; high *= 3.7) {
    for (const char* const unit : {"s", "bytes", "short"}) {
      const std::vector<double> ticks = AxisTicks(0, high, unit);
      EXPECT_GE(ticks.back(), high * (1 - 1e-6));
      EXPECT_LE(ticks.size(), 8u) << high << unit;
      EXPECT_GE(ticks.size(), 3u) << high << unit;
    }
  }
}

}  // namespace
}  // namespace gofarm::dashboards
