#include "coordinator/oci/slots.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "absl/time/clock.h"

namespace gofarm::oci {
namespace {

TEST(SlotsTest, NoMoreThanTheLimitAtOnce) {
  Slots slots(2);
  std::atomic<int> now{0}, most{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const absl::StatusOr<Slots::Hold> hold = slots.Take(Scope::For(absl::Seconds(20)));
      ASSERT_TRUE(hold.ok());
      const int n = ++now;
      int seen = most;
      while (n > seen && !most.compare_exchange_weak(seen, n)) {
      }
      absl::SleepFor(absl::Milliseconds(5));
      --now;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(most, 2);
}

TEST(SlotsTest, WhoWaitsSeesHisEnd) {
  Slots slots(1);
  std::optional<absl::StatusOr<Slots::Hold>> first(slots.Take({}));
  ASSERT_TRUE((*first).ok());
  EXPECT_EQ(slots.Take(Scope::For(absl::Milliseconds(30))).status().code(), absl::StatusCode::kDeadlineExceeded);
  std::stop_source stop;
  std::thread later([&] {
    absl::SleepFor(absl::Milliseconds(30));
    stop.request_stop();
  });
  EXPECT_EQ(slots.Take(Scope::For(absl::Seconds(20), stop.get_token())).status().code(), absl::StatusCode::kCancelled);
  later.join();
  first.reset();
  EXPECT_TRUE(slots.Take(Scope::For(absl::Seconds(1))).ok());
}

TEST(SlotsTest, WithoutALimitNobodyWaits) {
  Slots slots(0);
  std::vector<absl::StatusOr<Slots::Hold>> many;
  for (int i = 0; i < 100; ++i) many.push_back(slots.Take(Scope::For(absl::Seconds(1))));
  for (const auto& one : many) EXPECT_TRUE(one.ok());
}

}  // namespace
}  // namespace gofarm::oci
