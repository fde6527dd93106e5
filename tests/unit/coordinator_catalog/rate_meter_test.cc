#include "coordinator/catalog/rate_meter.h"

#include <gtest/gtest.h>

namespace gofarm::catalog {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

TEST(RateMeterTest, NothingIsZero) { EXPECT_EQ(RateMeter().PerSecond(kStart), 0); }

TEST(RateMeterTest, AYoungMeterDividesByItsAge) {
  RateMeter meter;
  meter.Add(30, kStart);
  meter.Add(30, kStart + absl::Seconds(1));
  EXPECT_DOUBLE_EQ(meter.PerSecond(kStart + absl::Seconds(1)), 30);
}

TEST(RateMeterTest, WhatIsOlderThanAMinuteIsForgotten) {
  RateMeter meter;
  meter.Add(6000, kStart);
  meter.Add(60, kStart + absl::Seconds(60));
  EXPECT_DOUBLE_EQ(meter.PerSecond(kStart + absl::Seconds(60)), 1);
  EXPECT_EQ(meter.PerSecond(kStart + absl::Minutes(5)), 0);
}

}  // namespace
}  // namespace gofarm::catalog
