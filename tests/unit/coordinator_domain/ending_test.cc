#include "coordinator/domain/ending.h"

#include <gtest/gtest.h>

namespace gofarm::domain {
namespace {

EndDecision Decide(AttemptOutcome outcome, FailureClass failure, bool cancel_requested = false, bool counts = true,
                   TryCounts before = {}) {
  return DecideEnd({.outcome = outcome, .failure = failure, .detail = "lines"}, cancel_requested, {.counts = counts},
                   before, 0.5);
}

TEST(EndingTest, ResultsEndTheJobAsTheyAre) {
  EXPECT_EQ(Decide(AttemptOutcome::kBuilt, FailureClass::kNone).transition, JobTransition::kBuilt);
  EXPECT_EQ(Decide(AttemptOutcome::kNothingToBuild, FailureClass::kNone).transition, JobTransition::kNothingToBuild);
  EXPECT_EQ(Decide(AttemptOutcome::kFailed, FailureClass::kCompileError).transition, JobTransition::kFailed);
  EXPECT_EQ(Decide(AttemptOutcome::kPartial, FailureClass::kLinkError).transition, JobTransition::kPartial);
}

TEST(EndingTest, APartialResultIsTriedAgainOnlyWhenTheFarmIsToBlame) {
  EXPECT_EQ(Decide(AttemptOutcome::kPartial, FailureClass::kDiskFull).transition, JobTransition::kRequeued);
  EXPECT_EQ(Decide(AttemptOutcome::kPartial, FailureClass::kTimeout).transition, JobTransition::kPartial);
}

TEST(EndingTest, ALossThatCountsUsesUpTriesAndOneThatDoesNotIsAlwaysTriedAgain) {
  const TryCounts used{.infra_failures = kInfraRetriesMax, .worker_failures = 0};
  EXPECT_EQ(Decide(AttemptOutcome::kLost, FailureClass::kWorkerLost, false, true, used).transition,
            JobTransition::kFailed);
  const EndDecision uncounted = Decide(AttemptOutcome::kLost, FailureClass::kWorkerLost, false, false, used);
  EXPECT_EQ(uncounted.transition, JobTransition::kRequeued);
  EXPECT_EQ(uncounted.retry.counts, used);
  EXPECT_EQ(uncounted.retry.wait, absl::ZeroDuration());
}

TEST(EndingTest, ACancelThatWasAskedForEndsWhatWouldBeTriedAgain) {
  EXPECT_EQ(Decide(AttemptOutcome::kCancelled, FailureClass::kNone, true).transition, JobTransition::kCancelled);
  EXPECT_EQ(Decide(AttemptOutcome::kLost, FailureClass::kWorkerLost, true).transition, JobTransition::kCancelled);
  EXPECT_EQ(Decide(AttemptOutcome::kFailed, FailureClass::kCompileError, true).transition, JobTransition::kCancelled);
  EXPECT_EQ(Decide(AttemptOutcome::kBuilt, FailureClass::kNone, true).transition, JobTransition::kBuilt)
      << "the result came first";
}

TEST(EndingTest, ACancelThatNobodyAskedForIsAFaultOfTheWorker) {
  const EndDecision decided = Decide(AttemptOutcome::kCancelled, FailureClass::kNone);
  EXPECT_EQ(decided.transition, JobTransition::kRequeued);
  EXPECT_EQ(decided.end.outcome, AttemptOutcome::kFailed);
  EXPECT_EQ(decided.end.failure, FailureClass::kInternal);
  EXPECT_TRUE(decided.retry.avoid_worker);
  const TryCounts used{.infra_failures = kInfraRetriesMax, .worker_failures = 0};
  EXPECT_EQ(Decide(AttemptOutcome::kCancelled, FailureClass::kNone, false, true, used).transition,
            JobTransition::kFailed);
}

TEST(EndingTest, ARepeatGetsTheAnswerThatTheFirstCallGot) {
  const CompleteResult repeat = AnswerToPast(
      AnsweredAttempt{
          .outcome = AttemptOutcome::kFailed, .failure = FailureClass::kTimeout, .job_state = JobState::kFailed},
      /*offered=*/true, JobState::kQueued);
  EXPECT_EQ(repeat.outcome, CompleteOutcome::kEnded);
  EXPECT_TRUE(repeat.repeated);
  EXPECT_EQ(repeat.job_state, JobState::kFailed);
  EXPECT_EQ(repeat.recorded, AttemptOutcome::kFailed);
  EXPECT_EQ(repeat.recorded_failure, FailureClass::kTimeout);
}

TEST(EndingTest, ATokenThatNeverCompletedIsStaleUnlessItsAcceptIsUnderWay) {
  EXPECT_EQ(AnswerToPast(std::nullopt, /*offered=*/true, JobState::kQueued).outcome, CompleteOutcome::kNotAccepted);
  const CompleteResult stale = AnswerToPast(std::nullopt, /*offered=*/false, JobState::kBuilt);
  EXPECT_EQ(stale.outcome, CompleteOutcome::kStale);
  EXPECT_EQ(stale.job_state, JobState::kBuilt);
  EXPECT_FALSE(stale.repeated);
}

}  // namespace
}  // namespace gofarm::domain
