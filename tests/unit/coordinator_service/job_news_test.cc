// Who hears what of jobs and attempts: the real board and fence, a fake dispatcher.
#include "coordinator/service/job_news.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <variant>

#include "common/base/text.h"
#include "tests/support/fake_clock.h"

namespace gofarm::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Step = std::variant<JobState, Phase>;

class FakeDispatch final : public DispatchPort {
 public:
  absl::Status Post(dispatch::Event event) override {
    if (full && std::holds_alternative<dispatch::JobsRemoved>(event)) return absl::ResourceExhaustedError("full");
    events.push_back(std::move(event));
    return absl::OkStatus();
  }
  void QueueChanged(JobId lowest) override { queue_changes.push_back(lowest); }
  domain::TryContext ContextOf(AttemptToken) const override { return {}; }

  bool full = false;
  std::vector<dispatch::Event> events;
  std::vector<JobId> queue_changes;
};

domain::JobRef Ref(int64_t id) { return {JobId{id}, "example.com/m", "v1.0.0", Target::kX86_64}; }
std::vector<domain::JobRef> Refs(size_t count) {
  std::vector<domain::JobRef> refs;
  for (size_t i = 1; i <= count; ++i) refs.push_back(Ref(static_cast<int64_t>(i)));
  return refs;
}

class JobNewsTest : public ::testing::Test {
 protected:
  // Attempt 1 of job 7 runs on w1.
  void Run() {
    domain::QueuedJob job;
    job.id = JobId{7};
    news_.Offered(AttemptToken{1}, job, "w1");
    news_.Running(AttemptToken{1}, job, "w1", clock_.Now());
  }
  // Whether the fence has to ask the store again.
  bool IsAskedAgain() {
    const int before = asked_;
    PeerIdentity peer = LocalPeer();
    peer.secret_sha256 = "secret";
    EXPECT_TRUE(fence_.CheckToken(Scope::For(absl::Seconds(10)), peer, AttemptToken{1}).ok());
    return asked_ > before;
  }
  domain::JobEvent Last() { return board_.Since(board_.Newest() - 1, 1).at(0); }

  testing::FakeClock clock_;
  ProgressBoard board_;
  int asked_ = 0;
  AttemptFence fence_{[this](const Scope&, AttemptToken) -> absl::StatusOr<domain::TokenFacts> {
                        ++asked_;
                        return domain::TokenFacts{
                            .state = domain::TokenState::kRunning, .worker = "w1", .secret_sha256 = "secret"};
                      },
                      clock_};
  FakeDispatch dispatch_;
  metrics::Registry registry_;
  JobMetrics metrics_{registry_, clock_};
  JobNews news_{board_, fence_, dispatch_, metrics_};
};

TEST_F(JobNewsTest, QueuedJobsAreShownAndTheDispatcherReadsFromTheLowestOn) {
  news_.Queued({Ref(7), Ref(8)}, JobId{5});
  EXPECT_EQ(board_.Newest(), 2);
  EXPECT_EQ(Last().step, Step(JobState::kQueued));
  EXPECT_THAT(dispatch_.queue_changes, ElementsAre(JobId{5}));
  news_.Queued({}, JobId{});
  EXPECT_THAT(dispatch_.queue_changes, SizeIs(1)) << "nothing changed";
}

TEST_F(JobNewsTest, CancelledJobsAreShownAndLeaveTheDispatcher) {
  news_.Cancelled({Ref(7), Ref(8)});
  EXPECT_EQ(Last().step, Step(JobState::kCancelled));
  ASSERT_THAT(dispatch_.events, SizeIs(1));
  EXPECT_THAT(std::get<dispatch::JobsRemoved>(dispatch_.events[0]).jobs, ElementsAre(JobId{7}, JobId{8}));
  EXPECT_THAT(dispatch_.queue_changes, IsEmpty());
  news_.Cancelled({});
  EXPECT_THAT(dispatch_.events, SizeIs(1));
}

TEST_F(JobNewsTest, OfVeryManyTheFirstAreNamedAndTheDispatcherReadsTheQueueAgain) {
  news_.Cancelled(Refs(kNewsJobsMax + 1));
  EXPECT_EQ(board_.Newest(), static_cast<int64_t>(kNewsJobsMax));
  EXPECT_THAT(std::get<dispatch::JobsRemoved>(dispatch_.events.at(0)).jobs, SizeIs(kNewsJobsMax));
  EXPECT_THAT(dispatch_.queue_changes, ElementsAre(JobId{}));
}

TEST_F(JobNewsTest, ADispatcherThatIsFullReadsTheQueueAgain) {
  dispatch_.full = true;
  news_.Cancelled({Ref(7)});
  EXPECT_THAT(dispatch_.queue_changes, ElementsAre(JobId{}));
}

TEST_F(JobNewsTest, RunningAttemptsAreCancelledByTheDispatcher) {
  news_.CancelRunning({});
  EXPECT_THAT(dispatch_.events, IsEmpty());
  news_.CancelRunning({{AttemptToken{1}, JobId{7}}, {AttemptToken{2}, JobId{8}}});
  EXPECT_THAT(std::get<dispatch::CancelRequested>(dispatch_.events.at(0)).tokens,
              ElementsAre(AttemptToken{1}, AttemptToken{2}));
}

TEST_F(JobNewsTest, TheEndOfAnAttemptReachesBoardDispatcherFenceAndMetrics) {
  Run();
  EXPECT_TRUE(IsAskedAgain());
  EXPECT_FALSE(IsAskedAgain());
  domain::CompleteResult result{
      .outcome = domain::CompleteOutcome::kEnded, .job_state = JobState::kBuilt, .recorded = AttemptOutcome::kBuilt};
  domain::CompletedAttempt attempt{.token = AttemptToken{1}, .job = JobId{7}};
  attempt.outcome = AttemptOutcome::kBuilt;
  news_.AttemptEnded(attempt, result);
  EXPECT_FALSE(board_.Of(AttemptToken{1}).has_value());
  EXPECT_EQ(Last().step, Step(JobState::kBuilt));
  const auto& ended = std::get<dispatch::AttemptEnded>(dispatch_.events.at(0));
  EXPECT_EQ(ended.token, AttemptToken{1});
  EXPECT_EQ(ended.job, JobId{7});
  EXPECT_TRUE(IsAskedAgain());
  result.repeated = true;
  news_.AttemptEnded(attempt, result);
  EXPECT_THAT(registry_.Text(), HasSubstr("gofarm_attempts_ended_total{outcome=\"built\",target=\"x86_64\"} 1\n"))
      << "a repeat is no second end";
}

TEST_F(JobNewsTest, ALostAttemptLeavesTheFenceAndItsJobIsShownAsWaitingOnlyWhenItWaits) {
  Run();
  EXPECT_TRUE(IsAskedAgain());
  news_.Lost(AttemptToken{1}, JobState::kQueued, "worker w1 lost it");
  EXPECT_EQ(Last().step, Step(JobState::kQueued));
  EXPECT_EQ(Last().detail, "worker w1 lost it");
  EXPECT_TRUE(IsAskedAgain());

  const int64_t newest = board_.Newest();
  domain::QueuedJob job;
  job.id = JobId{8};
  news_.Offered(AttemptToken{2}, job, "w1");
  news_.Lost(AttemptToken{2}, JobState::kFailed, "worker w1 lost it");
  EXPECT_EQ(board_.Newest(), newest) << "the store knows how it ended";
  EXPECT_FALSE(board_.Of(AttemptToken{2}).has_value());
}

class EndOfAnAttemptTest : public JobNewsTest {
 protected:
  // The worker ends an attempt as cancelled; what the store made of it is `result`.
  domain::JobEvent EndOf(int64_t token, const domain::CompleteResult& result) {
    domain::QueuedJob job;
    job.id = JobId{token};
    news_.Running(AttemptToken{token}, job, "w1", clock_.Now());
    domain::CompletedAttempt attempt{.token = AttemptToken{token}, .job = job.id};
    attempt.outcome = AttemptOutcome::kCancelled;
    news_.AttemptEnded(attempt, result);
    return Last();
  }
};

TEST_F(EndOfAnAttemptTest, IsShownAsItWasRecordedNotAsItsWorkerReportedIt) {
  domain::CompleteResult result{.outcome = domain::CompleteOutcome::kEnded,
                                .job_state = JobState::kQueued,
                                .recorded = AttemptOutcome::kFailed,
                                .recorded_failure = FailureClass::kInternal};
  EXPECT_EQ(EndOf(1, result).step, Step(JobState::kQueued));
  EXPECT_EQ(Last().detail, "again: its worker ended it unasked");
  result.job_state = JobState::kFailed;  // no try is left
  EXPECT_EQ(EndOf(2, result).step, Step(JobState::kFailed));
  EXPECT_EQ(Last().detail, "internal");
  result = {.outcome = domain::CompleteOutcome::kEnded,
            .job_state = JobState::kCancelled,
            .recorded = AttemptOutcome::kCancelled};
  EXPECT_EQ(EndOf(3, result).step, Step(JobState::kCancelled));
  EXPECT_EQ(Last().detail, "");
}

}  // namespace
}  // namespace gofarm::service
