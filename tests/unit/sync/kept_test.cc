#include "common/sync/kept.h"

#include <gtest/gtest.h>

#include <atomic>

#include "absl/time/clock.h"

namespace gofarm::sync {
namespace {

// Its thread looks once a second.
template <typename Condition>
bool Soon(Condition condition) {
  for (int i = 0; i < 2000 && !condition(); ++i) absl::SleepFor(absl::Milliseconds(5));
  return condition();
}

TEST(KeptTest, NothingIsReadBeforeSomebodyAsksAndThenItIsKept) {
  std::atomic<int> reads = 0;
  Kept<int> kept(
      "not_read", [&](const Scope&) -> absl::StatusOr<int> { return ++reads; }, absl::Hours(1));
  kept.Start();
  absl::SleepFor(kKeptLook * 3 / 2);
  EXPECT_EQ(reads, 0);
  EXPECT_EQ(kept.Last(), std::nullopt);
  EXPECT_TRUE(Soon([&] { return kept.Last() == 1; }));
  absl::SleepFor(kKeptLook * 3 / 2);
  EXPECT_EQ(kept.Last(), 1) << "it is young enough";
}

TEST(KeptTest, AFailureLeavesWhatWasReadBefore) {
  std::atomic<int> reads = 0;
  Kept<int> kept(
      "not_read",
      [&](const Scope&) -> absl::StatusOr<int> {
        if (++reads > 1) return absl::UnavailableError("away");
        return 7;
      },
      absl::ZeroDuration());
  kept.Start();
  kept.Last();
  EXPECT_TRUE(Soon([&] { return reads > 1; }));
  EXPECT_EQ(kept.Last(), 7);
}

TEST(KeptTest, AStopEndsAReadingThatWaits) {
  std::atomic<bool> waits = false;
  Kept<int> kept("not_read", [&](const Scope& scope) -> absl::StatusOr<int> {
    waits = true;
    SleepFor(scope, absl::Seconds(30));
    return scope.Check();
  });
  kept.Start();
  kept.Last();
  ASSERT_TRUE(Soon([&] { return waits.load(); }));
  const absl::Time began = SteadyNow();
  kept.Stop();
  EXPECT_LT(SteadyNow() - began, absl::Seconds(10));
}

}  // namespace
}  // namespace gofarm::sync
