#include "coordinator/domain/ending.h"

#include <gtest/gtest.h>

namespace gofarm::domain {
namespace {

EndDecision Decide(AttemptOutcome outcome, FailureClass failure, bool cancel_wanted = false, bool counts = true,
                   TryCounts before = {}) {
  return DecideEnd({.outcome = outcome, .failure = failure, .detail = "lines"}, cancel_wanted, counts, before, 0.5);
}

TEST(EndingTest, ResultsEndTheJobAsTheyAre) {
  EXPECT_EQ(Decide(AttemptOutcome::kBuilt, FailureClass::kNone).event, JobEvent::kBuilt);
  EXPECT_EQ(Decide(AttemptOutcome::kNothingToBuild, FailureClass::kNone).event, JobEvent::kNothingToBuild);
  EXPECT_EQ(Decide(AttemptOutcome::kFailed, FailureClass::kCompileError).event, JobEvent::kFailed);
  EXPECT_EQ(Decide(AttemptOutcome::kPartial, FailureClass::kLinkError).event, JobEvent::kPartial);
}

TEST(EndingTest, APartialResultIsTriedAgainOnlyWhenTheFarmIsToBlame) {
  EXPECT_EQ(Decide(AttemptOutcome::kPartial, FailureClass::kDiskFull).event, JobEvent::kRequeued);
  EXPECT_EQ(Decide(AttemptOutcome::kPartial, FailureClass::kTimeout).event, JobEvent::kPartial);
}

TEST(EndingTest, ALossThatCountsUsesUpTriesAndOneThatDoesNotIsAlwaysTriedAgain) {
  const TryCounts used{.infra_failures = kInfraRetriesMax, .worker_failures = 0};
  EXPECT_EQ(Decide(AttemptOutcome::kLost, FailureClass::kWorkerLost, false, true, used).event, JobEvent::kFailed);
  const EndDecision uncounted = Decide(AttemptOutcome::kLost, FailureClass::kWorkerLost, false, false, used);
  EXPECT_EQ(uncounted.event, JobEvent::kRequeued);
  EXPECT_EQ(uncounted.retry.counts, used);
  EXPECT_EQ(uncounted.retry.wait, absl::ZeroDuration());
}

TEST(EndingTest, ACancelThatWasAskedForEndsWhatWouldBeTriedAgain) {
  EXPECT_EQ(Decide(AttemptOutcome::kCancelled, FailureClass::kNone, true).event, JobEvent::kCancelled);
  EXPECT_EQ(Decide(AttemptOutcome::kLost, FailureClass::kWorkerLost, true).event, JobEvent::kCancelled);
  EXPECT_EQ(Decide(AttemptOutcome::kFailed, FailureClass::kCompileError, true).event, JobEvent::kCancelled);
  EXPECT_EQ(Decide(AttemptOutcome::kBuilt, FailureClass::kNone, true).event, JobEvent::kBuilt)
      << "the result came first";
}

TEST(EndingTest, ACancelThatNobodyAskedForIsAFaultOfTheWorker) {
  const EndDecision decided = Decide(AttemptOutcome::kCancelled, FailureClass::kNone);
  EXPECT_EQ(decided.event, JobEvent::kRequeued);
  EXPECT_EQ(decided.end.outcome, AttemptOutcome::kFailed);
  EXPECT_EQ(decided.end.failure, FailureClass::kInternal);
  EXPECT_TRUE(decided.retry.avoid_worker);
  const TryCounts used{.infra_failures = kInfraRetriesMax, .worker_failures = 0};
  EXPECT_EQ(Decide(AttemptOutcome::kCancelled, FailureClass::kNone, false, true, used).event, JobEvent::kFailed);
}

}  // namespace
}  // namespace gofarm::domain
