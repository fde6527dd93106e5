#include "cli/embedded/restart_policy.h"

#include <gtest/gtest.h>

namespace gofarm::embedded {
namespace {

const absl::Time kNoon = absl::FromUnixSeconds(1'700'000'000);

TEST(RestartPolicyTest, AnEndedPartIsStartedAgainSoonAndLaterEachTime) {
  RestartPolicy policy;
  EXPECT_LE(policy.next_start(), kNoon);
  absl::Duration before = absl::ZeroDuration();
  for (int i = 1; i <= 4; ++i) {
    policy.Started(kNoon);
    policy.Failed(kNoon, 0.5);
    const absl::Duration wait = policy.next_start() - kNoon;
    EXPECT_GT(wait, before);
    EXPECT_LE(wait, kLongestRestartDelay);
    EXPECT_EQ(policy.crashing(), i >= kCrashingFailures);
    before = wait;
  }
}

TEST(RestartPolicyTest, AHealthyMinuteForgivesEarlierFailures) {
  RestartPolicy policy;
  for (int i = 0; i < 6; ++i) {
    policy.Started(kNoon);
    policy.Failed(kNoon + absl::Seconds(1), 0.5);
  }
  ASSERT_TRUE(policy.crashing());
  policy.Started(kNoon);
  policy.Failed(kNoon + kHealthyAfter, 0.5);
  EXPECT_EQ(policy.failures(), 1);
  EXPECT_LE(policy.next_start() - kNoon - kHealthyAfter, kFirstRestartDelay);
}

TEST(RestartPolicyTest, WhatIsForgivenIsStartedAtOnce) {
  RestartPolicy policy;
  policy.Started(kNoon);
  policy.Failed(kNoon, 0.5);
  policy.Forgive();
  EXPECT_LE(policy.next_start(), kNoon);
  EXPECT_EQ(policy.failures(), 0);
}

}  // namespace
}  // namespace gofarm::embedded
