#include "coordinator/rpc/message_pace.h"

#include <gtest/gtest.h>

namespace gofarm::rpc {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'000);

TEST(MessagePaceTest, ABurstPassesAtOnceAndAFloodAtTheRate) {
  MessagePace pace(100, 50);
  absl::Time now = kStart;
  for (int i = 0; i < 50; ++i) EXPECT_EQ(pace.After(now), absl::ZeroDuration()) << i;
  // A peer that sends as fast as it is read.
  for (int i = 0; i < 1'000; ++i) now += pace.After(now);
  EXPECT_EQ(now - kStart, absl::Seconds(10));
}

TEST(MessagePaceTest, WhoStaysBelowTheRateNeverWaitsAndWhoRestsMayBurstAgain) {
  MessagePace pace(100, 50);
  absl::Time now = kStart;
  for (int i = 0; i < 1'000; ++i, now += absl::Milliseconds(10)) EXPECT_EQ(pace.After(now), absl::ZeroDuration());
  for (int i = 0; i < 49; ++i) EXPECT_EQ(pace.After(now), absl::ZeroDuration());
  while (pace.After(now) == absl::ZeroDuration()) {
  }
  now += absl::Minutes(5);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(pace.After(now), absl::ZeroDuration());
  EXPECT_GT(pace.After(now), absl::ZeroDuration()) << "rest gives no more than one burst";
}

}  // namespace
}  // namespace gofarm::rpc
