#include "coordinator/catalog/bulk_pace.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stop_token>
#include <thread>
#include <vector>

#include "absl/time/clock.h"

namespace gofarm::catalog {
namespace {

using Steady = std::chrono::steady_clock;

TEST(BulkPaceTest, ThreadsTakeTurnsTogetherWhileJobsAreQueued) {
  BulkPace pace([] { return true; });
  const auto began = Steady::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] { pace.Pass(Scope::For(absl::Minutes(1))); });
  }
  for (std::thread& thread : threads) thread.join();
  // The first passes at once; a machine that is slow makes it longer, nothing makes it shorter.
  EXPECT_GE(absl::FromChrono(Steady::now() - began), 5 * kBulkEvery);
}

TEST(BulkPaceTest, ABlockThatWaitsPassesOnceTheQueueIsEmpty) {
  std::atomic<bool> queued = true;
  BulkPace pace([&] { return queued.load(); });
  std::vector<std::thread> threads;
  std::atomic<int> passed = 0;
  // An hour of turns.
  const int blocks = static_cast<int>(absl::Hours(1) / kBulkEvery);
  std::stop_source give_up;
  give_up.request_stop();
  for (int i = 0; i < blocks; ++i) pace.Pass(Scope::For(absl::Hours(2), give_up.get_token()));
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      pace.Pass(Scope::For(absl::Hours(2)));
      ++passed;
    });
  }
  absl::SleepFor(absl::Milliseconds(20));
  EXPECT_EQ(passed, 0);
  queued = false;
  for (std::thread& thread : threads) thread.join();
  // Nor do the turns of that hour hold up who comes when jobs are queued again.
  queued = true;
  pace.Pass(Scope::For(absl::Hours(2)));
}

}  // namespace
}  // namespace gofarm::catalog
