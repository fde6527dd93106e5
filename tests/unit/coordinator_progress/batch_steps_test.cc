// Each step of a job goes out once, whoever knows of it first, and a watcher that begins late gets the facts.
#include "coordinator/service/batch_steps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gofarm::service {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Step = std::variant<JobState, Phase>;

constexpr JobId kId{7};

domain::JobEvent Event(Step step, int64_t token = 0, std::string detail = "") {
  return {.job = {kId, "example.com/m", "v1.0.0", Target::kX86_64},
          .token = AttemptToken{token},
          .step = step,
          .detail = std::move(detail)};
}

std::vector<std::string> Words(const std::vector<domain::JobEvent>& events) {
  std::vector<std::string> out;
  for (const domain::JobEvent& e : events) {
    out.emplace_back(std::visit([](auto step) { return Name(step); }, e.step));
    if (!e.detail.empty()) out.back() += " (" + e.detail + ")";
  }
  return out;
}

domain::Job Stored(JobState state) {
  domain::Job job;
  job.id = kId;
  job.state = state;
  return job;
}
domain::Attempt Try(int64_t token, AttemptOutcome outcome, std::vector<Phase> phases = {},
                    FailureClass failure = FailureClass::kNone) {
  domain::Attempt attempt;
  attempt.token = AttemptToken{token};
  attempt.worker = "w" + std::to_string(token);
  attempt.outcome = outcome;
  attempt.failure_class = failure;
  for (const Phase phase : phases) attempt.report.phases.push_back({phase, 0.5});
  return attempt;
}

class BatchStepsTest : public ::testing::Test {
 protected:
  BatchStepsTest() { steps_.SetJobs({kId}); }
  bool Take(Step step, int64_t token = 0, std::string detail = "") {
    return steps_.Take(Event(step, token, std::move(detail)));
  }
  BatchSteps steps_;
};

TEST_F(BatchStepsTest, EventsOfOtherBatchesArePassedOver) {
  domain::JobEvent other = Event(JobState::kQueued);
  other.job.id = JobId{8};
  EXPECT_FALSE(steps_.Take(other));
  EXPECT_TRUE(Take(JobState::kQueued));
}

TEST_F(BatchStepsTest, EachStepOfAnAttemptIsTakenOnce) {
  EXPECT_TRUE(Take(JobState::kQueued));
  EXPECT_FALSE(Take(JobState::kQueued));
  EXPECT_TRUE(Take(JobState::kRunning, 1));
  EXPECT_FALSE(Take(JobState::kRunning, 1));
  EXPECT_TRUE(Take(Phase::kFetch, 1));
  EXPECT_FALSE(Take(Phase::kFetch, 1));
  EXPECT_TRUE(Take(JobState::kQueued, 1, "again after timeout"));
  EXPECT_FALSE(Take(JobState::kQueued, 1));
  EXPECT_FALSE(Take(Phase::kBuild, 1)) << "that attempt is over";
  EXPECT_TRUE(Take(JobState::kRunning, 2));
  EXPECT_TRUE(Take(Phase::kFetch, 2)) << "another attempt goes through its phases again";
  EXPECT_FALSE(Take(Phase::kBuild, 1)) << "late news of an older attempt";
  EXPECT_TRUE(Take(JobState::kBuilt, 2));
  EXPECT_FALSE(Take(JobState::kBuilt, 2));
  EXPECT_EQ(steps_.ended(), 1);
}

TEST_F(BatchStepsTest, TheStoreProvesTheStepsOfAnEndedJob) {
  domain::Job job = Stored(JobState::kBuilt);
  job.attempts = {Try(1, AttemptOutcome::kBuilt, {Phase::kFetch, Phase::kBuild})};
  EXPECT_THAT(Words(steps_.Backfill(job, std::nullopt)),
              ElementsAre("queued", "running (w1)", "fetch", "build", "built"));
  EXPECT_THAT(Words(steps_.Backfill(job, std::nullopt)), IsEmpty());
  EXPECT_FALSE(Take(Phase::kBuild, 1)) << "the board's event comes after the store's word";
  EXPECT_FALSE(Take(JobState::kBuilt, 1));
}

TEST_F(BatchStepsTest, NothingIsMadeUpForAJobThatReportedNoPhases) {
  domain::Job job = Stored(JobState::kBuilt);
  job.attempts = {Try(1, AttemptOutcome::kBuilt)};
  EXPECT_THAT(Words(steps_.Backfill(job, std::nullopt)), ElementsAre("queued", "running (w1)", "built"));
}

TEST_F(BatchStepsTest, TheBoardKnowsThePhasesOfARunningAttempt) {
  domain::Job job = Stored(JobState::kRunning);
  job.attempts = {Try(1, AttemptOutcome::kFailed, {Phase::kFetch}, FailureClass::kTimeout),
                  Try(2, AttemptOutcome::kRunning)};
  Progress live;
  live.phase = Phase::kBuild;
  live.phases = {Phase::kSeed, Phase::kBuild};
  live.detail = "install";
  EXPECT_THAT(Words(steps_.Backfill(job, live)), ElementsAre("queued", "running (w2)", "seed", "build (install)"));
  EXPECT_TRUE(Take(Phase::kCheck, 2));
}

TEST_F(BatchStepsTest, AJobThatWaitsAgainSaysWhy) {
  domain::Job job = Stored(JobState::kQueued);
  job.attempts = {Try(1, AttemptOutcome::kFailed, {Phase::kFetch}, FailureClass::kProxyError)};
  EXPECT_THAT(Words(steps_.Backfill(job, std::nullopt)),
              ElementsAre("queued", "running (w1)", "fetch", "queued (again after proxy_error)"));
  job.attempts.push_back(Try(2, AttemptOutcome::kLost, {}, FailureClass::kWorkerLost));
  EXPECT_THAT(Words(steps_.Backfill(job, std::nullopt)), ElementsAre("running (w2)", "queued (worker w2 lost it)"));
}

TEST_F(BatchStepsTest, ASnapshotHasTheStepsOfTheNewestAttempt) {
  Take(JobState::kQueued);
  Take(JobState::kRunning, 1, "w1");
  Take(Phase::kFetch, 1);
  Take(JobState::kQueued, 1, "worker w1 lost it");
  EXPECT_THAT(Words(steps_.Snapshot()), ElementsAre("queued", "running (w1)", "fetch", "queued (worker w1 lost it)"));
  Take(JobState::kRunning, 2, "w2");
  Take(Phase::kBuild, 2);
  EXPECT_THAT(Words(steps_.Snapshot()), ElementsAre("queued", "running (w2)", "build"));
}

TEST_F(BatchStepsTest, OnlySoManyJobsAreKept) {
  std::vector<JobId> jobs;
  for (int64_t n = 1; n <= static_cast<int64_t>(kBackfillJobsMax) + 1; ++n) jobs.push_back(JobId{n});
  steps_.SetJobs(jobs);
  for (const JobId job : jobs) {
    domain::JobEvent event = Event(JobState::kQueued);
    event.job.id = job;
    EXPECT_TRUE(steps_.Take(event)) << "news of the others is passed on all the same";
  }
  EXPECT_EQ(steps_.Snapshot().size(), kBackfillJobsMax);
}

TEST_F(BatchStepsTest, ARetriedJobLeavesAndItsSuccessorBegins) {
  Take(JobState::kQueued);
  Take(JobState::kRunning, 1);
  Take(JobState::kFailed, 1);
  EXPECT_EQ(steps_.ended(), 1);
  steps_.SetJobs({JobId{9}});
  EXPECT_EQ(steps_.ended(), 0);
  EXPECT_THAT(steps_.Snapshot(), IsEmpty());
  domain::JobEvent event = Event(JobState::kQueued);
  event.job.id = JobId{9};
  EXPECT_TRUE(steps_.Take(event));
}

}  // namespace
}  // namespace gofarm::service
