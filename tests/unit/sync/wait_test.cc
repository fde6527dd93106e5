#include "common/sync/wait.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "common/base/scope.h"

namespace gofarm::sync {
namespace {

constexpr absl::Duration kLong = absl::Minutes(10);

class Stopwatch {
 public:
  absl::Duration Elapsed() const { return absl::FromChrono(std::chrono::steady_clock::now() - start_); }

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

TEST(SleepForTest, LastsAsLongAsAskedWhenNobodyStopsIt) {
  const Stopwatch watch;
  EXPECT_TRUE(SleepFor(std::stop_token(), absl::Milliseconds(30)));
  EXPECT_GE(watch.Elapsed(), absl::Milliseconds(30));
  EXPECT_LT(watch.Elapsed(), kLong);
}

TEST(SleepForTest, AStopEndsItAndAnEarlierStopLetsNoneBegin) {
  std::stop_source stop;
  const Stopwatch watch;
  std::thread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(SleepFor(stop.get_token(), kLong));
  stopper.join();
  EXPECT_FALSE(SleepFor(stop.get_token(), kLong));
  EXPECT_FALSE(SleepFor(stop.get_token(), absl::ZeroDuration()));
  EXPECT_LT(watch.Elapsed(), kLong);
}

TEST(SleepForTest, NothingToWaitForReturnsAtOnce) {
  EXPECT_TRUE(SleepFor(std::stop_token(), absl::ZeroDuration()));
  EXPECT_TRUE(SleepFor(std::stop_token(), -absl::InfiniteDuration()));
}

TEST(SleepForTest, TheDeadlineOfAScopeEndsItToo) {
  const Stopwatch watch;
  EXPECT_FALSE(SleepFor(Scope::For(absl::Milliseconds(20)), kLong));
  EXPECT_LT(watch.Elapsed(), kLong);
  EXPECT_TRUE(SleepFor(Scope::For(kLong), absl::Milliseconds(1)));
}

TEST(SleepForTest, AnEndlessWaitIsEndedByAStop) {
  std::stop_source stop;
  std::thread waiter([&] { WaitForStop(stop.get_token()); });
  stop.request_stop();
  waiter.join();
  EXPECT_FALSE(SleepFor(Scope{absl::InfiniteFuture(), stop.get_token()}, absl::InfiniteDuration()));
}

// The loop of the header.
TEST(SleepForTest, ALoopRunsAfterItsFirstWaitUntilItIsStopped) {
  std::stop_source stop;
  int runs = 0;
  for (absl::Duration wait = absl::ZeroDuration(); SleepFor(stop.get_token(), wait); wait = absl::Milliseconds(1)) {
    if (++runs == 3) stop.request_stop();
  }
  EXPECT_EQ(runs, 3);
}

}  // namespace
}  // namespace gofarm::sync
