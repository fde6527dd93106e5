#include "coordinator/catalog/room_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gofarm::catalog {
namespace {

using ::testing::HasSubstr;

absl::Time Day(int year, int month, int day) {
  return absl::FromCivil(absl::CivilDay(year, month, day), absl::UTCTimeZone());
}

TEST(RoomRuleTest, ThePublicIndexIsCountedByItsPaces) {
  EXPECT_EQ(PublicVersions(Day(2024, 3, 1), Day(2024, 3, 11)), 330'000);
  EXPECT_EQ(PublicVersions(Day(2024, 12, 31), Day(2025, 1, 2)), 33'000 + 42'000);
  EXPECT_EQ(PublicVersions(Day(2026, 1, 1), Day(2025, 1, 1)), 0);
  const int64_t all = PublicVersions(Day(2019, 1, 1), Day(2026, 11, 1));
  EXPECT_GT(all, 68'000'000);
  EXPECT_LT(all, 76'000'000);
}

TEST(RoomRuleTest, WhatIsLeftIsWhatNoSliceHasReadYet) {
  const absl::Time since = Day(2024, 1, 1), now = Day(2024, 1, 31);
  EXPECT_EQ(SpansOf({}, since, now).left.size(), 1u);
  const std::vector<domain::IndexSlice> slices{
      {.slice = 0, .since = "2024-01-31T00:00:00Z"},
      {.slice = 1, .since = "2024-01-11T00:00:00Z", .until = "2024-01-11T00:00:00Z", .done = true},
      {.slice = 2, .since = "2024-01-16T00:00:00Z", .until = "2024-01-31T00:00:00Z"}};
  const BackFill spans = SpansOf(slices, since, now);
  ASSERT_EQ(spans.read.size(), 2u);
  EXPECT_EQ(spans.read[0].to - spans.read[0].from, absl::Hours(240));
  EXPECT_EQ(spans.read[1].to - spans.read[1].from, absl::Hours(120));
  ASSERT_EQ(spans.left.size(), 1u);
  EXPECT_EQ(spans.left[0].from, Day(2024, 1, 16));
  EXPECT_EQ(VersionsToCome(spans, 15 * 33'000), 15 * 33'000);
  EXPECT_EQ(VersionsToCome(spans, 15 * 330), 15 * 330) << "a smaller index shows it by what was read of it";
  EXPECT_EQ(VersionsToCome(SpansOf({}, since, now), 0), 30 * 33'000);
}

TEST(RoomRuleTest, SlicesThatAreNoTimesAreLeftOut) {
  const BackFill spans = SpansOf({{{.slice = 1, .since = "x", .until = "y"}}}, Day(2024, 1, 1), Day(2024, 1, 2));
  EXPECT_TRUE(spans.left.empty());
  EXPECT_TRUE(spans.read.empty());
}

TEST(RoomRuleTest, BytesAreThoseOfTheTablesOnceTheyTell) {
  EXPECT_EQ(ForecastRoom(1000, {}, "", std::nullopt, 0, "").bytes, static_cast<int64_t>(1000 * kBytesPerVersion));
  const RoomForecast room =
      ForecastRoom(1000, {.versions = kVersionsThatTell, .bytes = kVersionsThatTell * 200}, "", std::nullopt, 0, "");
  EXPECT_EQ(room.bytes, 200'000);
  EXPECT_EQ(room.detail, "") << "nothing is known of the room";
}

TEST(RoomRuleTest, WhatWillNotFitIsSaidBefore) {
  const Tables tables{.versions = kVersionsThatTell, .bytes = kVersionsThatTell * 100};
  const int64_t floor = int64_t{5} << 30;
  EXPECT_EQ(ForecastRoom(1'000'000, tables, "/db", floor + 100'000'000, floor, "").detail, "") << "just enough";
  const RoomForecast tight = ForecastRoom(1'000'000, tables, "/db", floor + 99'999'999, floor, "");
  EXPECT_THAT(tight.detail, HasSubstr("/db"));
  EXPECT_THAT(tight.detail, HasSubstr("disk_free_floor"));
  EXPECT_FALSE(tight.stopped);
  const RoomForecast stopped = ForecastRoom(1'000'000, tables, "/db", 1, floor, "only 0 MiB are free");
  EXPECT_TRUE(stopped.stopped);
  EXPECT_EQ(stopped.detail, "only 0 MiB are free");
}

}  // namespace
}  // namespace gofarm::catalog
