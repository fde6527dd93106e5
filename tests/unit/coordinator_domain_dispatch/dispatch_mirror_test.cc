// The dispatcher's mirror of the queue: what loads change in it, when it is loaded, and what it remembers of sources.
#include "tests/unit/coordinator_domain_dispatch/dispatch_farm.h"

namespace gofarm::dispatch {
namespace {

constexpr absl::Duration kMoment = absl::Milliseconds(1);

// A load of all jobs, or of those from 2 on, that was asked for after everything that was done so far.
QueueLoaded WholeLoad(const Farm& farm, std::vector<QueuedJob> jobs) {
  return {Answer::kDone, JobId{}, farm.state.steps + 1, std::move(jobs)};
}
QueueLoaded PartLoad(const Farm& farm, std::vector<QueuedJob> jobs) {
  return {Answer::kDone, JobId{1}, farm.state.steps + 1, std::move(jobs)};
}

QueuedJob Urgent(QueuedJob job) {
  job.priority = 5;
  return job;
}

// ---- what a load changes --------------------------------------------------------------------------------------------

TEST(DispatchTest, AReloadReplacesWhatChanged) {
  Farm farm;
  QueuedJob delayed = farm.Job(12);
  delayed.not_before = farm.now + absl::Minutes(1);
  farm.Queue({farm.Job(10), farm.Job(11), delayed});
  farm.Step(PartLoad(farm, {farm.Job(10), Urgent(farm.Job(11)), Urgent(farm.Job(12))}));
  farm.Worker("a", 3);
  std::vector<int64_t> order;
  for (const Claim& claim : All<Claim>(farm.last)) {
    for (const domain::ClaimRequest& c : claim.claims) order.push_back(c.job.value);
  }
  EXPECT_THAT(order, ElementsAre(11, 12, 10));
}

TEST(DispatchTest, ALoadThatIsOlderThanAChangeDoesNotUndoIt) {
  Farm farm;
  farm.Worker("a", 1);
  const auto claims = All<Claim>(farm.Queue({farm.Job(10)}));
  farm.Step(Tick{});
  const int64_t asked = farm.state.steps;
  farm.Step(ClaimsAnswered{Answer::kFailed, claims[0].claims, {}});  // it waits again, since the load was asked for
  farm.Step(QueueLoaded{Answer::kDone, JobId{1}, asked, {Urgent(farm.Job(10))}});
  EXPECT_EQ(farm.state.jobs.at(JobId{10}).job.priority, 0);
  farm.Step(QueueLoaded{Answer::kDone, JobId{}, asked, {}});
  EXPECT_EQ(farm.state.jobs.size(), 1u);
}

TEST(DispatchTest, ALoadLeavesAJobAloneOnWhichAnAnswerOfTheStoreIsUnderWay) {
  Farm farm;
  farm.Worker("a", 1);
  const auto claimed = farm.Queue({farm.Job(10)});
  farm.Step(PartLoad(farm, {Urgent(farm.Job(10))}));
  EXPECT_EQ(farm.state.jobs.at(JobId{10}).phase, JobPhase::kClaiming);
  EXPECT_EQ(farm.Win(claimed).size(), 1u);
}

TEST(DispatchTest, AWholeLoadRemovesDelayedJobsThatAreGone) {
  Farm farm;
  QueuedJob delayed = farm.Job(10);
  delayed.not_before = farm.now + absl::Minutes(1);
  farm.Queue({delayed});
  farm.Step(WholeLoad(farm, {}));
  EXPECT_THAT(farm.state.jobs, IsEmpty());
}

// ---- when it is loaded ----------------------------------------------------------------------------------------------

TEST(DispatchTest, AllIsLoadedAtTheStartAndAgainAWhileAfterEachAnswer) {
  Farm farm;
  const auto first = All<LoadQueue>(farm.Step(Tick{}));
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].after, JobId{});
  EXPECT_THAT(All<LoadQueue>(farm.Live(2 * kReloadSoon)), IsEmpty()) << "its answer is awaited";
  EXPECT_THAT(All<LoadQueue>(farm.Step(QueueLoaded{Answer::kDone, JobId{}, first[0].issued, {}})), IsEmpty());
  EXPECT_THAT(All<LoadQueue>(farm.Wait(kReloadSoon - kMoment)), IsEmpty());
  // What changed is loaded in between, and puts the whole load neither off nor forward.
  ASSERT_EQ(All<LoadQueue>(farm.Step(QueueChanged{JobId{40}})).size(), 1u);
  EXPECT_THAT(All<LoadQueue>(farm.Step(QueueLoaded{Answer::kDone, JobId{39}, farm.state.steps, {}})), IsEmpty());
  const auto second = All<LoadQueue>(farm.Wait(kMoment));
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].after, JobId{});
}

TEST(DispatchTest, ALoadThatFailedIsAskedForAgainWhenTheStoreMayBeBack) {
  Farm farm;
  ASSERT_EQ(All<LoadQueue>(farm.Step(Tick{})).size(), 1u);
  EXPECT_THAT(All<LoadQueue>(farm.Step(QueueLoaded{Answer::kFailed, JobId{}, 1, {}})), IsEmpty());
  EXPECT_THAT(All<LoadQueue>(farm.Wait(kStoreRetry - kMoment)), IsEmpty());
  EXPECT_EQ(All<LoadQueue>(farm.Wait(kMoment)).size(), 1u);
}

TEST(DispatchTest, ALargeMirrorIsLoadedWholeLessOften) {
  Farm farm;
  std::vector<QueuedJob> jobs;
  for (size_t i = 1; i <= kSmallMirror + 1; ++i) jobs.push_back(farm.Job(static_cast<int64_t>(i)));
  farm.Step(WholeLoad(farm, std::move(jobs)));
  EXPECT_THAT(All<LoadQueue>(farm.Wait(kReloadLate - kMoment)), IsEmpty());
  EXPECT_EQ(All<LoadQueue>(farm.Wait(kMoment)).size(), 1u);
}

TEST(DispatchTest, AJobThatIsNotReadYetWaitsForAWorkerWhenNoneIsThere) {
  Farm farm;
  EXPECT_EQ(WhyItWaits(farm.state, JobId{10}, farm.now).reason, WaitReason::kNoWorker);
}

TEST(DispatchTest, NothingIsLeftOfAGroupOfJobsThatAreDone) {
  Farm farm;
  farm.Queue({farm.Job(10)});
  EXPECT_EQ(farm.state.waiting.size(), 1u);
  farm.Step(JobsRemoved{{JobId{10}}});
  EXPECT_THAT(farm.state.waiting, IsEmpty());
}

// ---- who has which source -------------------------------------------------------------------------------------------

class RecentSourcesTest : public ::testing::Test {
 protected:
  RecentSourcesTest() : stream_(farm_.Worker("a", 1)) {}

  // The one slot builds this job, alone in the queue, from its offer to its end.
  void Build(const std::string& module) {
    const auto offers = farm_.Win(farm_.Queue({farm_.Job(++jobs_, module)}));
    ASSERT_EQ(offers.size(), 1u);
    farm_.Run(offers[0]);
    farm_.Step(AttemptEnded{offers[0].token, offers[0].job, std::nullopt});
    farm_.Step(ReadyReceived{stream_, 1, false});
  }
  // Of two jobs of which `older` waits for longer, the module that the slot takes.
  std::string Chosen(const std::string& older, const std::string& newer) {
    farm_.Step(ReadyReceived{stream_, 0, false});
    farm_.Queue({farm_.Job(++jobs_, older, kArm)});
    farm_.now += absl::Seconds(1);
    farm_.Queue({farm_.Job(++jobs_, newer, kArm)});
    const auto offers = farm_.Win(farm_.Step(ReadyReceived{stream_, 1, false}));
    return offers.size() == 1 ? offers[0].module : "";
  }

  Farm farm_;
  StreamId stream_;
  int64_t jobs_ = 100;
};

TEST_F(RecentSourcesTest, AJobIsPreferredWhoseSourceIsAmongTheNewestSixteen) {
  for (int i = 1; i <= 16; ++i) Build("m" + std::to_string(i));
  for (int i = 0; i < 16; ++i) Build("m16");  // one module again and again counts once
  EXPECT_EQ(Chosen("other", "m1"), "m1");
}

TEST_F(RecentSourcesTest, TheSeventeenthSourceIsForgotten) {
  for (int i = 1; i <= 17; ++i) Build("m" + std::to_string(i));
  EXPECT_EQ(Chosen("other", "m1"), "other");
}

TEST_F(RecentSourcesTest, AJobThatIsSentToItsSourceIsNotPassedOverForANewerOne) {
  for (int i = 1; i <= 17; ++i) Build("m" + std::to_string(i));
  EXPECT_EQ(Chosen("m1", "m17"), "m1") << "the worker has both sources";
}

// ---- the largest queue ----------------------------------------------------------------------------------------------

TEST(DispatchTest, AQueueLargerThanTheMirrorIsLoadedAgainOnceHalfOfItIsDone) {
  Farm farm;
  farm.Worker("a", 0);
  farm.Step(WholeLoad(farm, {}));
  const JobId beyond{domain::kQueueLoadMax + 1};
  EXPECT_EQ(WhyItWaits(farm.state, beyond, farm.now).reason, WaitReason::kNone) << "not read yet";
  std::vector<QueuedJob> jobs;
  for (int i = 1; i <= domain::kQueueLoadMax + 1; ++i) jobs.push_back(farm.Job(i));
  std::vector<JobId> half;
  for (int i = 1; i <= domain::kQueueLoadMax / 2; ++i) half.push_back(JobId{i});
  // Not by Farm: it would walk all of them after each step.
  const auto loads_of = [&](const Event& event) {
    return All<LoadQueue>(dispatch::Step(farm.state, event, farm.now)).size();
  };
  EXPECT_EQ(loads_of(PartLoad(farm, std::move(jobs))), 0u);
  EXPECT_EQ(farm.state.jobs.size(), static_cast<size_t>(domain::kQueueLoadMax));
  EXPECT_THAT(WhyItWaits(farm.state, beyond, farm.now).detail, HasSubstr("behind more than 200000 other jobs"));
  EXPECT_EQ(loads_of(Tick{}), 0u);
  EXPECT_EQ(loads_of(JobsRemoved{half}), 0u);
  EXPECT_EQ(loads_of(Tick{}), 0u) << "half of it is there";
  EXPECT_EQ(loads_of(JobsRemoved{{JobId{domain::kQueueLoadMax}}}), 0u);
  EXPECT_EQ(loads_of(Tick{}), 0u) << "nor right after a whole load";
  farm.state.whole_load_at = absl::InfiniteFuture();
  farm.now += kReloadSoon;
  EXPECT_EQ(loads_of(Tick{}), 1u);
  farm.Step(WholeLoad(farm, {farm.Job(7)}));
  EXPECT_EQ(farm.state.jobs.size(), 1u);
  EXPECT_EQ(WhyItWaits(farm.state, beyond, farm.now).reason, WaitReason::kNone) << "all of it is read now";
}

// Of `count` jobs that are tried again later, the first in `first` and each a millisecond after the one before.
std::vector<QueuedJob> Later(const Farm& farm, int64_t id, int count, absl::Duration first) {
  std::vector<QueuedJob> jobs;
  for (int i = 0; i < count; ++i) {
    jobs.push_back(farm.Job(id + i));
    jobs.back().not_before = farm.now + first + absl::Milliseconds(i);
  }
  return jobs;
}

TEST(DispatchTest, AFloodOfDelayedJobsIsReadInBoundedPartsAndKeepsNoDueJobOut) {
  Farm farm;
  farm.Worker("a", 0);
  QueueLoaded load = WholeLoad(farm, Later(farm, 1, domain::kDelayedLoadMax, absl::Minutes(10)));
  load.more_delayed = true;
  dispatch::Step(farm.state, load, farm.now);
  int loads = 0;
  for (int i = 0; i < 4 * 50; ++i) {
    farm.now += absl::Milliseconds(250);
    loads += static_cast<int>(All<LoadQueue>(dispatch::Step(farm.state, Tick{}, farm.now)).size());
  }
  EXPECT_EQ(loads, 0) << "nothing of it is due";

  dispatch::Step(farm.state, PartLoad(farm, {farm.Job(1'000'001)}), farm.now);
  EXPECT_TRUE(farm.state.jobs.contains(JobId{1'000'001})) << "due jobs have their own room";
  const JobId latest = farm.state.delayed.rbegin()->second;
  dispatch::Step(farm.state, PartLoad(farm, Later(farm, 1'000'002, 1, absl::Minutes(1))), farm.now);
  EXPECT_TRUE(farm.state.jobs.contains(JobId{1'000'002})) << "one that is due sooner takes the last one's place";
  EXPECT_FALSE(farm.state.jobs.contains(latest));
  dispatch::Step(farm.state, PartLoad(farm, Later(farm, 1'000'003, 1, absl::Hours(1))), farm.now);
  EXPECT_FALSE(farm.state.jobs.contains(JobId{1'000'003}));
  EXPECT_EQ(farm.state.delayed.size(), static_cast<size_t>(domain::kDelayedLoadMax));
  EXPECT_EQ(CheckInvariants(farm.state), "");

  // More than half of them come due: the next ones are read, once.
  farm.state.whole_load_at = absl::InfiniteFuture();
  farm.now += absl::Minutes(10);
  size_t asked = 0;
  for (int i = 0; i < 8; ++i) {
    farm.now += absl::Milliseconds(250);
    asked += All<LoadQueue>(dispatch::Step(farm.state, Tick{}, farm.now)).size();
  }
  EXPECT_EQ(asked, 1u);
}

}  // namespace
}  // namespace gofarm::dispatch
