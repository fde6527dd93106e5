#include "coordinator/service/log_growth.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/time/clock.h"

namespace gofarm::service {
namespace {

constexpr AttemptToken kOne{1};
constexpr AttemptToken kTwo{2};

absl::Time In(absl::Duration d) { return absl::Now() + d; }

TEST(LogGrowthTest, AFollowerSeesGrowthThatCameBeforeItWaited) {
  LogGrowth growth;
  LogGrowth::Follower follower(growth, kOne);
  growth.Grew(kOne);
  growth.Grew(kOne);
  EXPECT_TRUE(follower.Await(In(absl::Seconds(10))));
  EXPECT_FALSE(follower.Await(In(absl::Milliseconds(10)))) << "what it saw once is no news";
}

TEST(LogGrowthTest, OnlyFollowersOfTheLogThatGrewWake) {
  LogGrowth growth;
  std::atomic<int> of_one = 0;
  std::atomic<bool> of_two = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      LogGrowth::Follower follower(growth, kOne);
      if (follower.Await(In(absl::Seconds(20)))) ++of_one;
    });
  }
  LogGrowth::Follower other(growth, kTwo);
  std::thread waiting([&] { of_two = other.Await(In(absl::Milliseconds(500))); });
  // Each of the three is there, or its thread would wait for its full time.
  while (of_one < 3) {
    growth.Grew(kOne);
    absl::SleepFor(absl::Milliseconds(5));
  }
  for (std::thread& thread : threads) thread.join();
  waiting.join();
  EXPECT_FALSE(of_two);
  growth.Grew(kTwo);
  EXPECT_TRUE(other.Await(In(absl::Seconds(10))));
}

TEST(LogGrowthTest, NothingIsKeptOfLogsThatNobodyFollows) {
  LogGrowth growth;
  growth.Grew(kOne);
  EXPECT_EQ(growth.followed(), 0u);
  {
    auto first = std::make_unique<LogGrowth::Follower>(growth, kOne);
    auto second = std::make_unique<LogGrowth::Follower>(growth, kOne);
    auto third = std::make_unique<LogGrowth::Follower>(growth, kOne);
    EXPECT_EQ(growth.followed(), 1u);
    second.reset();
    growth.Grew(kOne);
    EXPECT_TRUE(first->Await(In(absl::Seconds(10))));
    EXPECT_TRUE(third->Await(In(absl::Seconds(10))));
    third.reset();
    EXPECT_EQ(growth.followed(), 1u);
  }
  EXPECT_EQ(growth.followed(), 0u);
}

}  // namespace
}  // namespace gofarm::service
