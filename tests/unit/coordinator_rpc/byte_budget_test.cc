#include "coordinator/rpc/byte_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "common/base/text.h"

namespace gofarm::rpc {
namespace {

using ::testing::HasSubstr;

constexpr size_t kMiB = 1 << 20;

TEST(ByteBudgetTest, WhoCannotHaveItIsToldToTryAgain) {
  ByteBudget budget(10 * kMiB, [] {});
  absl::StatusOr<ByteBudget::Hold> first = budget.Take(8 * kMiB);
  ASSERT_TRUE(first.ok());
  const absl::StatusOr<ByteBudget::Hold> second = budget.Take(3 * kMiB);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("needs 3072 KiB of memory, and messages in work have 8 of 10 MiB; try again"));
  first->Release();
  EXPECT_TRUE(budget.Take(3 * kMiB).ok());
  EXPECT_EQ(budget.in_flight(), 0u);
}

TEST(ByteBudgetTest, WhatIsSmallPassesAFullBudget) {
  ByteBudget budget(kMiB, [] {});
  const absl::StatusOr<ByteBudget::Hold> all = budget.Take(kMiB);
  ASSERT_TRUE(all.ok());
  EXPECT_TRUE(budget.Take(kSmallMessageBytes).ok());
  EXPECT_FALSE(budget.Take(kSmallMessageBytes + 1).ok());
  EXPECT_EQ(budget.in_flight(), kMiB);
}

TEST(ByteBudgetTest, AHoldThatMovesIsGivenBackOnce) {
  ByteBudget budget(kMiB, [] {});
  ByteBudget::Hold outer;
  {
    absl::StatusOr<ByteBudget::Hold> hold = budget.Take(kMiB / 2);
    ASSERT_TRUE(hold.ok());
    outer = *std::move(hold);
  }
  EXPECT_EQ(budget.in_flight(), kMiB / 2);
  outer = ByteBudget::Hold();
  EXPECT_EQ(budget.in_flight(), 0u);
}

TEST(ByteBudgetTest, SaysWhenMuchWasGivenBack) {
  int times = 0;
  ByteBudget budget(1024 * kMiB, [&] { ++times; });
  for (size_t bytes = 0; bytes < kTrimAfterBytes; bytes += kMiB) {
    EXPECT_EQ(times, 0);
    EXPECT_TRUE(budget.Take(kMiB).ok());
  }
  EXPECT_EQ(times, 1);
  EXPECT_TRUE(budget.Take(kMiB).ok());
  EXPECT_EQ(times, 1);
}

}  // namespace
}  // namespace gofarm::rpc
