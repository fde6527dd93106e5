#include "coordinator/domain/retry_policy.h"

#include <gtest/gtest.h>

#include <set>

namespace gofarm::domain {
namespace {

using F = FailureClass;

struct Row {
  F failure;
  Retry retry;
  bool joins;
};
// The table of the design, class by class.
constexpr Row kTable[] = {
    {F::kSourceUnavailable, Retry::kNever, true},  {F::kSourceInvalid, Retry::kNever, true},
    {F::kGoTooOld, Retry::kNever, true},           {F::kSystemLibraryMissing, Retry::kNever, true},
    {F::kTargetUnsupported, Retry::kNever, true},  {F::kCompileError, Retry::kNever, true},
    {F::kLinkError, Retry::kNever, true},          {F::kNotStaticPie, Retry::kNever, true},
    {F::kOutputLimit, Retry::kNever, true},        {F::kTimeout, Retry::kOnceElsewhere, true},
    {F::kSilence, Retry::kOnceElsewhere, true},    {F::kOutOfMemory, Retry::kOnceElsewhere, true},
    {F::kProxyError, Retry::kBounded, false},      {F::kDiskFull, Retry::kBounded, false},
    {F::kToolchainBroken, Retry::kBounded, false}, {F::kWorkerLost, Retry::kBounded, false},
    {F::kInternal, Retry::kBounded, false},        {F::kSourceIncomplete, Retry::kNever, true},
    {F::kCrashesAtStart, Retry::kNever, true},
};

TEST(RetryPolicyTest, EveryClassHasTheDesignsRule) {
  std::set<F> seen;
  for (const Row& row : kTable) {
    EXPECT_EQ(RuleOf(row.failure).retry, row.retry) << Name(row.failure);
    EXPECT_EQ(RuleOf(row.failure).joins, row.joins) << Name(row.failure);
    seen.insert(row.failure);
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(kFailureClasses));
}

TEST(RetryPolicyTest, AFaultOfTheSourceIsNeverTriedAgainAndCountsNothing) {
  const RetryDecision d = DecideRetry(F::kCompileError, {.infra_failures = 2, .worker_failures = 0}, {}, 0.5);
  EXPECT_FALSE(d.again);
  EXPECT_EQ(d.counts, (TryCounts{.infra_failures = 2, .worker_failures = 0}));
}

TEST(RetryPolicyTest, ATimeoutIsTriedOnceMoreOnAnotherWorker) {
  const RetryDecision first = DecideRetry(F::kTimeout, {}, {}, 0.5);
  EXPECT_TRUE(first.again);
  EXPECT_TRUE(first.avoid_worker);
  EXPECT_EQ(first.wait, absl::ZeroDuration());
  EXPECT_FALSE(DecideRetry(F::kTimeout, first.counts, {}, 0.5).again);
  EXPECT_FALSE(DecideRetry(F::kOutOfMemory, first.counts, {}, 0.5).again) << "one budget for the three classes";
}

TEST(RetryPolicyTest, AFaultOfTheFarmIsTriedFiveTimesWithGrowingWaits) {
  TryCounts counts;
  absl::Duration last;
  for (int i = 1; i <= kInfraRetriesMax; ++i) {
    const RetryDecision d = DecideRetry(F::kProxyError, counts, {}, 0.999);
    ASSERT_TRUE(d.again) << i;
    EXPECT_GT(d.wait, last);
    last = d.wait;
    counts = d.counts;
  }
  EXPECT_LE(last, absl::Minutes(5));
  EXPECT_FALSE(DecideRetry(F::kWorkerLost, counts, {}, 0.5).again) << "one budget for all classes of the farm";
}

TEST(RetryPolicyTest, WhatAWorkerFailsThatFailsEverythingIsNotCountedWhileAnotherCouldBuildIt) {
  const TryCounts used{.infra_failures = kInfraRetriesMax, .worker_failures = 0};
  const RetryDecision d = DecideRetry(F::kProxyError, used, {.counts = false, .others = true}, 0.5);
  EXPECT_TRUE(d.again);
  EXPECT_TRUE(d.avoid_worker);
  EXPECT_EQ(d.wait, absl::ZeroDuration());
  EXPECT_EQ(d.counts, used);
  // What is the job's own is not changed by it.
  EXPECT_FALSE(DecideRetry(F::kCompileError, {}, {.counts = false, .others = true}, 0.5).again);
  EXPECT_FALSE(DecideRetry(F::kTimeout, {.worker_failures = 1}, {.counts = false, .others = true}, 0.5).again);
}

TEST(RetryPolicyTest, AJobEndsForTheFarmsFaultOnlyAfterTwoWorkersFailedItOrTheOnlyOneDid) {
  const TryCounts used{.infra_failures = kInfraRetriesMax, .worker_failures = 0};
  EXPECT_TRUE(DecideRetry(F::kInternal, used, {.others = true, .failed_on = 1}, 0.5).again);
  EXPECT_FALSE(DecideRetry(F::kInternal, used, {.others = true, .failed_on = 2}, 0.5).again);
  EXPECT_FALSE(DecideRetry(F::kInternal, used, {.others = false, .failed_on = 1}, 0.5).again);
  const TryCounts spent{.infra_failures = kInfraRetriesAlone, .worker_failures = 0};
  EXPECT_FALSE(DecideRetry(F::kInternal, spent, {.others = true, .failed_on = 1}, 0.5).again) << "it has an end";
}

TEST(RetryPolicyTest, TheWaitIsJittered) {
  EXPECT_NE(DecideRetry(F::kInternal, {}, {}, 0.0).wait, DecideRetry(F::kInternal, {}, {}, 0.9).wait);
  EXPECT_GT(DecideRetry(F::kInternal, {}, {}, 0.0).wait, absl::ZeroDuration());
}

TEST(JoinTest, JoinsWhatIsUnderWayOrGaveAResult) {
  for (const JobState s : {JobState::kQueued, JobState::kRunning, JobState::kBuilt, JobState::kNothingToBuild}) {
    EXPECT_TRUE(Joins(s, F::kNone)) << Name(s);
  }
  EXPECT_TRUE(Joins(JobState::kPartial, F::kCompileError));
  EXPECT_FALSE(Joins(JobState::kCancelled, F::kNone));
}

TEST(JoinTest, JoinsAFailureOnlyWhenItsClassSaysSo) {
  std::set<F> joined;
  for (const F f : JoinedFailures()) joined.insert(f);
  for (const Row& row : kTable) {
    EXPECT_EQ(Joins(JobState::kFailed, row.failure), row.joins) << Name(row.failure);
    EXPECT_EQ(joined.contains(row.failure), row.joins) << Name(row.failure);
  }
}

}  // namespace
}  // namespace gofarm::domain
