#include "coordinator/service/job_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"
#include "tests/support/fake_clock.h"

namespace gofarm::service {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const AttemptToken kToken{5};

class JobMetricsTest : public ::testing::Test {
 protected:
  domain::QueuedJob Job(Target target = Target::kRiscv64) {
    domain::QueuedJob job;
    job.id = JobId{7};
    job.module = "example.com/secret";
    job.target = target;
    // The database's clock, which is the wall's.
    job.queued_at = WallOf(clock_.Now());
    return job;
  }
  void Run() {
    metrics_.Offered(kToken, Job());
    clock_.Advance(absl::Seconds(3));
    metrics_.Running(kToken, job_, clock_.Now());
    clock_.Advance(absl::Seconds(30));
  }
  domain::CompletedAttempt Built() {
    domain::CompletedAttempt attempt{.token = kToken, .job = JobId{7}};
    attempt.outcome = AttemptOutcome::kBuilt;
    attempt.phases = {{Phase::kFetch, 0.4}, {Phase::kBuild, 12}};
    attempt.executables = {{.name = "a", .size = 100, .smoke = Smoke::kOk}, {.name = "b", .size = 50}};
    return attempt;
  }
  static domain::CompleteResult Ended(JobState state, AttemptOutcome recorded,
                                      FailureClass failure = FailureClass::kNone) {
    return {.outcome = domain::CompleteOutcome::kEnded,
            .job_state = state,
            .recorded = recorded,
            .recorded_failure = failure};
  }
  void ExpectLine(const std::string& line) { EXPECT_THAT(registry_.Text(), HasSubstr("\n" + line + "\n")); }

  testing::FakeClock clock_;
  metrics::Registry registry_;
  JobMetrics metrics_{registry_, clock_};
  const domain::QueuedJob job_ = Job();
};

TEST_F(JobMetricsTest, EverySeriesOfAClosedSetStandsThereAtZero) {
  ExpectLine("gofarm_attempts_ended_total{outcome=\"lost\",target=\"loongarch64\"} 0");
  ExpectLine("gofarm_attempt_failures_total{class=\"compile_error\"} 0");
  ExpectLine("gofarm_jobs_requeued_total{why=\"worker_lost\"} 0");
  ExpectLine("gofarm_jobs_ended_total{state=\"nothing_to_build\",target=\"x86_64\"} 0");
  ExpectLine("gofarm_smoke_runs_total{result=\"crashed\"} 0");
  ExpectLine("gofarm_phase_seconds_count{phase=\"upload\"} 0");
}

TEST_F(JobMetricsTest, AnAttemptThatBuiltIsCountedWithItsTimesAndFiles) {
  Run();
  metrics_.Ended(Built(), Ended(JobState::kBuilt, AttemptOutcome::kBuilt));
  ExpectLine("gofarm_attempts_ended_total{outcome=\"built\",target=\"riscv64\"} 1");
  ExpectLine("gofarm_jobs_ended_total{state=\"built\",target=\"riscv64\"} 1");
  ExpectLine("gofarm_attempt_seconds_sum{target=\"riscv64\"} 30");
  ExpectLine("gofarm_job_wait_seconds_count{target=\"riscv64\"} 1");
  ExpectLine("gofarm_job_wait_seconds_bucket{target=\"riscv64\",le=\"1.0\"} 0");
  ExpectLine("gofarm_job_wait_seconds_bucket{target=\"riscv64\",le=\"5.0\"} 1");
  ExpectLine("gofarm_phase_seconds_sum{phase=\"build\"} 12");
  ExpectLine("gofarm_executables_total{target=\"riscv64\"} 2");
  ExpectLine("gofarm_executable_bytes_total{target=\"riscv64\"} 150");
  ExpectLine("gofarm_smoke_runs_total{result=\"ok\"} 1");
  ExpectLine("gofarm_smoke_runs_total{result=\"not_run\"} 1");
  EXPECT_THAT(registry_.Text(), Not(HasSubstr("example.com")));
}

TEST_F(JobMetricsTest, ARepeatedCompletionIsNoSecondEnd) {
  Run();
  domain::CompleteResult result = Ended(JobState::kBuilt, AttemptOutcome::kBuilt);
  metrics_.Ended(Built(), result);
  result.repeated = true;
  metrics_.Ended(Built(), result);
  ExpectLine("gofarm_jobs_ended_total{state=\"built\",target=\"riscv64\"} 1");
}

// Its commit was in doubt, so nobody was told the first time.
TEST_F(JobMetricsTest, AnEndThatIsHeardOfByItsRepetitionCounts) {
  Run();
  domain::CompleteResult result = Ended(JobState::kBuilt, AttemptOutcome::kBuilt);
  result.repeated = true;
  metrics_.Ended(Built(), result);
  metrics_.Ended(Built(), result);
  ExpectLine("gofarm_jobs_ended_total{state=\"built\",target=\"riscv64\"} 1");
}

TEST_F(JobMetricsTest, AJobThatWaitsAgainIsNoEndAndItsFailureSaysWhy) {
  Run();
  domain::CompletedAttempt attempt{.token = kToken, .job = JobId{7}};
  metrics_.Ended(attempt, Ended(JobState::kQueued, AttemptOutcome::kFailed, FailureClass::kProxyError));
  ExpectLine("gofarm_jobs_requeued_total{why=\"proxy_error\"} 1");
  ExpectLine("gofarm_attempt_failures_total{class=\"proxy_error\"} 1");
  ExpectLine("gofarm_jobs_ended_total{state=\"failed\",target=\"riscv64\"} 0");
  Run();
  metrics_.Ended(attempt, Ended(JobState::kQueued, AttemptOutcome::kCancelled));
  ExpectLine("gofarm_jobs_requeued_total{why=\"worker_ended_it\"} 1");
}

TEST_F(JobMetricsTest, ALostAttemptsJobWaitsAgainOrEndedAsTheStoreSays) {
  Run();
  metrics_.Lost(kToken, JobState::kQueued);
  ExpectLine("gofarm_jobs_requeued_total{why=\"worker_lost\"} 1");
  Run();
  metrics_.Lost(kToken, JobState::kFailed);
  ExpectLine("gofarm_jobs_ended_total{state=\"failed\",target=\"riscv64\"} 1");
  Run();
  metrics_.Lost(kToken, JobState::kCancelled);
  ExpectLine("gofarm_jobs_ended_total{state=\"cancelled\",target=\"riscv64\"} 1");
  ExpectLine("gofarm_attempts_ended_total{outcome=\"lost\",target=\"riscv64\"} 3");
}

TEST_F(JobMetricsTest, ALossThatIsToldAfterTheEndIsNone) {
  Run();
  metrics_.Ended(Built(), Ended(JobState::kBuilt, AttemptOutcome::kBuilt));
  metrics_.Lost(kToken, JobState::kQueued);
  ExpectLine("gofarm_jobs_requeued_total{why=\"worker_lost\"} 0");
  ExpectLine("gofarm_attempts_ended_total{outcome=\"lost\",target=\"unknown\"} 0");
}

TEST_F(JobMetricsTest, WhatWasLostWithAnotherCoordinatorCountsWithTheTargetThatIsKnown) {
  metrics_.LostUnseen({.token = kToken, .job = JobId{7}, .worker = "w", .requeued = job_});
  ExpectLine("gofarm_attempts_ended_total{outcome=\"lost\",target=\"riscv64\"} 1");
  ExpectLine("gofarm_jobs_requeued_total{why=\"worker_lost\"} 1");
  metrics_.LostUnseen(
      {.token = kToken, .job = JobId{7}, .worker = "w", .requeued = {}, .job_state = JobState::kFailed});
  ExpectLine("gofarm_attempts_ended_total{outcome=\"lost\",target=\"unknown\"} 1");
  ExpectLine("gofarm_jobs_ended_total{state=\"failed\",target=\"unknown\"} 1");
  Run();  // it led before, and leads again
  metrics_.LostUnseen(
      {.token = kToken, .job = JobId{7}, .worker = "w", .requeued = {}, .job_state = JobState::kCancelled});
  ExpectLine("gofarm_jobs_ended_total{state=\"cancelled\",target=\"riscv64\"} 1");
}

TEST_F(JobMetricsTest, WhatAnotherCoordinatorAcceptedHasNoWaitHereAndItsTimeCountsFromItsBeginning) {
  metrics_.Running(kToken, job_, clock_.Now() - absl::Seconds(100));
  metrics_.Running(kToken, job_, clock_.Now());  // a Hello repeats it
  metrics_.Ended(Built(), Ended(JobState::kBuilt, AttemptOutcome::kBuilt));
  ExpectLine("gofarm_job_wait_seconds_count{target=\"riscv64\"} 0");
  ExpectLine("gofarm_attempt_seconds_sum{target=\"riscv64\"} 100");
}

TEST_F(JobMetricsTest, AnEndWithoutABeginningHasNoTarget) {
  metrics_.Ended(Built(), Ended(JobState::kBuilt, AttemptOutcome::kBuilt));
  ExpectLine("gofarm_jobs_ended_total{state=\"built\",target=\"unknown\"} 1");
  ExpectLine("gofarm_executables_total{target=\"riscv64\"} 0");
}

TEST_F(JobMetricsTest, OffersThatCameToNothingAreForgottenInTheEnd) {
  for (size_t i = 0; i < kTrackedAttemptsMax + 1; ++i)
    metrics_.Offered(AttemptToken{static_cast<int64_t>(i) + 1}, job_);
  domain::CompletedAttempt first{.token = AttemptToken{1}, .job = JobId{7}};
  metrics_.Ended(first, Ended(JobState::kFailed, AttemptOutcome::kFailed, FailureClass::kInternal));
  ExpectLine("gofarm_jobs_ended_total{state=\"failed\",target=\"unknown\"} 1");
  domain::CompletedAttempt second{.token = AttemptToken{2}, .job = JobId{7}};
  metrics_.Ended(second, Ended(JobState::kFailed, AttemptOutcome::kFailed, FailureClass::kInternal));
  ExpectLine("gofarm_jobs_ended_total{state=\"failed\",target=\"riscv64\"} 1");
}

TEST_F(JobMetricsTest, JobsThatAreCancelledWhileTheyWaitEndSo) {
  metrics_.Cancelled({domain::RefOf(job_), domain::RefOf(Job(Target::kX86_64))});
  ExpectLine("gofarm_jobs_ended_total{state=\"cancelled\",target=\"x86_64\"} 1");
}

}  // namespace
}  // namespace gofarm::service
