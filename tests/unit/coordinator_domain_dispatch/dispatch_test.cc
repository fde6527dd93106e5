// The dispatcher's rules, one by one: placing, offers, attempts, the mirror.
#include "tests/unit/coordinator_domain_dispatch/dispatch_farm.h"

namespace gofarm::dispatch {
namespace {

// ---- placing ------------------------------------------------------------------------------------------------------

TEST(DispatchTest, AModulesTargetsStayOnTheWorkerThatHasItsSource) {
  Farm farm;
  farm.Worker("a", 2);
  farm.Worker("b", 4);
  const auto first = farm.Win(farm.Queue({farm.Job(10, "example.com/m", kX86)}));
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(farm.WorkerOf(first[0]), "b") << "the one with the most free slots";
  farm.Run(first[0]);
  const auto second = farm.Win(farm.Queue({farm.Job(11, "example.com/m", kArm), farm.Job(12, "example.com/other")}));
  ASSERT_EQ(second.size(), 2u);
  for (const Sent<Offer>& offer : second) {
    if (offer.job == JobId{11}) {
      EXPECT_EQ(farm.WorkerOf(offer), "b");
    }
  }
}

// It also sees whether the programs start.
TEST(DispatchTest, OfWorkersWithAsManyFreeSlotsOneOfTheTargetsOwnArchitectureIsTaken) {
  Farm farm;
  farm.host_arch = "x86_64";
  farm.Worker("a", 2);
  farm.host_arch = "aarch64";
  farm.Worker("b", 2);
  const auto first = farm.Win(farm.Queue({farm.Job(10, "example.com/m", kArm)}));
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(farm.WorkerOf(first[0]), "b");
  // It has fewer free slots now: nobody waits behind another job for its sake.
  const auto second = farm.Win(farm.Queue({farm.Job(11, "example.com/other", kArm)}));
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(farm.WorkerOf(second[0]), "a");
}

TEST(DispatchTest, AModuleGoesElsewhereWhenItsWorkerHasNoFreeSlot) {
  Farm farm;
  farm.Worker("a", 1);
  const auto first = farm.Win(farm.Queue({farm.Job(10, "example.com/m", kX86)}));
  farm.Run(first[0]);
  farm.Worker("b", 1);
  const auto second = farm.Win(farm.Queue({farm.Job(11, "example.com/m", kArm)}));
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(farm.WorkerOf(second[0]), "b");
}

TEST(DispatchTest, AFreedSlotPrefersTheModuleWhoseSourceIsThere) {
  Farm farm;
  const StreamId a = farm.Worker("a", 1);
  const auto first = farm.Win(farm.Queue({farm.Job(10, "example.com/m", kX86)}));
  farm.Run(first[0]);
  farm.Queue({farm.Job(20, "example.com/older")});
  farm.now += absl::Seconds(1);
  farm.Queue({farm.Job(30, "example.com/m", kArm)});
  farm.Step(AttemptEnded{first[0].token, JobId{10}, std::nullopt});
  const auto next = farm.Win(farm.Step(ReadyReceived{a, 1, false}));
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0].job, JobId{30});
}

TEST(DispatchTest, AMoreUrgentJobGoesBeforeTheModuleWhoseSourceIsThere) {
  Farm farm;
  const StreamId a = farm.Worker("a", 1);
  const auto first = farm.Win(farm.Queue({farm.Job(10, "example.com/m", kX86)}));
  farm.Run(first[0]);
  farm.Queue({farm.Job(20, "example.com/m", kArm), farm.Job(30, "example.com/urgent", kX86, 1)});
  farm.Step(AttemptEnded{first[0].token, JobId{10}, std::nullopt});
  const auto next = farm.Win(farm.Step(ReadyReceived{a, 1, false}));
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0].job, JobId{30});
}

TEST(DispatchTest, JobsGoByPriorityThenAgeThenId) {
  Farm farm;
  farm.Queue({farm.Job(7)});
  farm.now += absl::Seconds(1);
  farm.Queue({farm.Job(6), farm.Job(5), farm.Job(9, "", kX86, 3)});
  std::vector<int64_t> order;
  const StreamId a = farm.Worker("a", 1);
  auto offers = farm.Win(farm.last);
  while (!offers.empty()) {
    order.push_back(offers[0].job.value);
    farm.Run(offers[0]);
    farm.Step(AttemptEnded{offers[0].token, offers[0].job, std::nullopt});
    offers = farm.Win(farm.Step(ReadyReceived{a, 1, false}));
  }
  EXPECT_THAT(order, ElementsAre(9, 7, 5, 6));
}

TEST(DispatchTest, AJobInBackoffWaitsForItsTime) {
  Farm farm;
  farm.Worker("a", 1);
  QueuedJob job = farm.Job(10);
  job.not_before = farm.now + absl::Seconds(20);
  EXPECT_THAT(All<Claim>(farm.Queue({job})), IsEmpty());
  EXPECT_EQ(WhyItWaits(farm.state, JobId{10}, farm.now).reason, WaitReason::kBackoff);
  EXPECT_THAT(WhyItWaits(farm.state, JobId{10}, farm.now).detail, HasSubstr("20s"));
  EXPECT_THAT(All<Claim>(farm.Wait(absl::Seconds(19))), IsEmpty());
  EXPECT_EQ(All<Claim>(farm.Wait(absl::Seconds(1))).size(), 1u);
}

TEST(DispatchTest, AJobAvoidsTheWorkerWhereItRanOutOfTimeIfThereIsAnother) {
  Farm farm;
  QueuedJob job = farm.Job(10);
  job.avoid_worker = "a";
  farm.Worker("a", 4);
  const StreamId b = farm.Hello("b", 1);
  farm.Opened(b);
  EXPECT_THAT(All<Claim>(farm.Queue({job})), IsEmpty()) << "b is busy, but it is there";
  const auto offers = farm.Win(farm.Step(ReadyReceived{b, 1, false}));
  ASSERT_EQ(offers.size(), 1u);
  EXPECT_EQ(farm.WorkerOf(offers[0]), "b");
}

TEST(DispatchTest, AJobThatAvoidsTheFreeWorkerDoesNotHoldUpTheOnesBehindIt) {
  Farm farm;
  QueuedJob job = farm.Job(10);
  job.avoid_worker = "a";
  farm.Worker("a", 1);
  farm.Worker("b", 0);
  const auto claims = All<Claim>(farm.Queue({job, farm.Job(11)}));
  ASSERT_EQ(claims.size(), 1u);
  EXPECT_THAT(claims[0].claims, ElementsAre(domain::ClaimRequest{JobId{11}, SessionId{1}}));
}

TEST(DispatchTest, AJobGoesBackToTheOnlyWorkerThereIs) {
  Farm farm;
  QueuedJob job = farm.Job(10);
  job.avoid_worker = "a";
  farm.Worker("a", 1);
  EXPECT_EQ(farm.Win(farm.Queue({job})).size(), 1u);
}

TEST(DispatchTest, AWorkerGetsOnlyTargetsItBuildsAndNoMoreThanItsFreeSlots) {
  Farm farm;
  farm.Worker("a", 2, {kArm});
  farm.Queue({farm.Job(10), farm.Job(11)});
  EXPECT_THAT(All<Claim>(farm.last), IsEmpty());
  EXPECT_EQ(WhyItWaits(farm.state, JobId{10}, farm.now).reason, WaitReason::kNoWorkerForTarget);
  const auto offers = farm.Win(farm.Queue({farm.Job(12, "", kArm), farm.Job(13, "", kArm), farm.Job(14, "", kArm)}));
  EXPECT_EQ(offers.size(), 2u);
  EXPECT_EQ(WhyItWaits(farm.state, JobId{14}, farm.now).reason, WaitReason::kNoFreeSlot);
}

TEST(DispatchTest, AJobThatWaitsForDiskSpaceSaysSoUnlessAWorkerHasRoom) {
  Farm farm;
  const StreamId a = farm.Worker("a", 1);
  farm.Step(ReadyReceived{a, 0, false, /*disk_full=*/true});
  EXPECT_THAT(All<Claim>(farm.Queue({farm.Job(10)})), IsEmpty());
  EXPECT_THAT(WhyItWaits(farm.state, JobId{10}, farm.now).detail, HasSubstr("the disk of worker a is full"));
  farm.Worker("b", 0);
  EXPECT_THAT(WhyItWaits(farm.state, JobId{10}, farm.now).detail, HasSubstr("busy")) << "b has room and no free slot";
  EXPECT_EQ(All<Claim>(farm.Step(ReadyReceived{a, 1, false})).size(), 1u);
}

TEST(DispatchTest, DrainingWorkersAndThoseThatCannotIsolateGetNothing) {
  Farm farm;
  const StreamId a = farm.Worker("a", 1);
  farm.Step(ReadyReceived{a, 1, true});
  const StreamId b{++farm.streams};
  farm.Step(HelloReceived{b, {.name = "b", .targets = {kX86}, .slots = 1, .isolation_error = "no user namespaces"}});
  farm.Opened(b);
  farm.Step(ReadyReceived{b, 1, false});
  EXPECT_THAT(All<Claim>(farm.Queue({farm.Job(10)})), IsEmpty());
  EXPECT_EQ(All<Claim>(farm.Step(ReadyReceived{a, 1, false})).size(), 1u) << "a takes offers again";
}

TEST(DispatchTest, AnOfferNamesTheSiblingTargetsThatAreQueuedOrRunning) {
  Farm farm;
  farm.Worker("a", 1);
  const auto offers = farm.Win(farm.Queue({farm.Job(10, "example.com/m", kX86), farm.Job(11, "example.com/m", kArm),
                                           farm.Job(12, "example.com/m", Target::kRiscv64), farm.Job(13, "x", kArm)}));
  ASSERT_EQ(offers.size(), 1u);
  EXPECT_THAT(offers[0].siblings, ElementsAre(kArm, Target::kRiscv64));
}

// ---- offers -------------------------------------------------------------------------------------------------------

TEST(DispatchTest, AnOfferThatNobodyTakesReturnsToTheQueueAfterTenSeconds) {
  Farm farm;
  const StreamId a = farm.Worker("a", 1);
  const Sent<Offer> offer = farm.Win(farm.Queue({farm.Job(10)})).at(0);
  EXPECT_THAT(All<StoreReturn>(farm.Wait(kOfferTimeout)), IsEmpty());
  const auto returns = All<StoreReturn>(farm.Wait(absl::Milliseconds(1)));
  ASSERT_EQ(returns.size(), 1u);
  EXPECT_EQ(returns[0].offer.token, offer.token);
  EXPECT_THAT(All<Sent<Drop>>(farm.Step(AcceptReceived{a, offer.token})),
              ElementsAre(::testing::Field(&Sent<Drop>::token, offer.token)))
      << "too late";
  farm.Step(ReturnsAnswered{Answer::kDone, {returns[0].offer}, {domain::ReturnOutcome::kReturned}});
  EXPECT_EQ(WhyItWaits(farm.state, JobId{10}, farm.now).reason, WaitReason::kNoFreeSlot);
  EXPECT_EQ(farm.Win(farm.Wait(kPauseAfterTrouble)).size(), 1u) << "offered again under a new token";
}

TEST(DispatchTest, AnAcceptAfterTheDeadlineIsDroppedEvenBeforeTheTick) {
  Farm farm;
  const StreamId a = farm.Worker("a", 1);
  const Sent<Offer> offer = farm.Win(farm.Queue({farm.Job(10)})).at(0);
  farm.now += kOfferTimeout + absl::Milliseconds(1);
  const auto effects = farm.Step(AcceptReceived{a, offer.token});
  EXPECT_THAT(All<StoreAccept>(effects), IsEmpty());
  EXPECT_EQ(All<Sent<Drop>>(effects).size(), 1u);
  EXPECT_EQ(All<StoreReturn>(effects).size(), 1u);
}

TEST(DispatchTest, ARefusedOfferReturnsAndTheWorkerIsLeftInPeace) {
  Farm farm;
  const StreamId a = farm.Worker("a", 2);
  const Sent<Offer> offer = farm.Win(farm.Queue({farm.Job(10)})).at(0);
  const auto returns = All<StoreReturn>(farm.Step(RefuseReceived{a, offer.token, RefuseReason::kUnknownToolset, ""}));
  ASSERT_EQ(returns.size(), 1u);
  const auto after = farm.Step(ReturnsAnswered{Answer::kDone, {returns[0].offer}, {domain::ReturnOutcome::kReturned}});
  EXPECT_THAT(All<Claim>(after), IsEmpty()) << "it does not have that toolset";
  farm.Worker("b", 1);
  EXPECT_EQ(All<Claim>(farm.last).size(), 1u);
}

TEST(DispatchTest, AnAttemptRunsOnlyOnceItsAcceptIsStored) {
  Farm farm;
  const StreamId a = farm.Worker("a", 1);
  const Sent<Offer> offer = farm.Win(farm.Queue({farm.Job(10)})).at(0);
  const auto accepts = All<StoreAccept>(farm.Step(AcceptReceived{a, offer.token}));
  ASSERT_EQ(accepts.size(), 1u);
  EXPECT_EQ(WhyItWaits(farm.state, JobId{10}, farm.now).reason, WaitReason::kOffered);
  EXPECT_THAT(All<StoreAccept>(farm.Step(AcceptReceived{a, offer.token})), IsEmpty()) << "a repeat";
  const auto running = farm.Step(AcceptsAnswered{Answer::kDone, {accepts[0].offer}, {domain::AcceptOutcome::kRunning}});
  ASSERT_EQ(All<NoteRunning>(running).size(), 1u);
  EXPECT_EQ(All<NoteRunning>(running)[0].worker, "a");
  EXPECT_EQ(WhyItWaits(farm.state, JobId{10}, farm.now).reason, WaitReason::kNone);
}

TEST(DispatchTest, AStaleAcceptIsDroppedAndTheJobIsReadAnew) {
  Farm farm;
  const StreamId a = farm.Worker("a", 1);
  const Sent<Offer> offer = farm.Win(farm.Queue({farm.Job(10)})).at(0);
  farm.Step(AcceptReceived{a, offer.token});
  const auto effects = farm.Step(
      AcceptsAnswered{Answer::kDone, {{offer.token, JobId{10}, SessionId{1}}}, {domain::AcceptOutcome::kStale}});
  EXPECT_EQ(All<Sent<Drop>>(effects).size(), 1u);
  EXPECT_EQ(All<ReadClaims>(effects).size(), 1u);
  farm.Step(ClaimsRead{Answer::kDone, {JobId{10}}, {{.job = JobId{10}, .in_queue = false}}});
  EXPECT_THAT(farm.state.jobs, IsEmpty());
}

TEST(DispatchTest, AnAcceptThatTheStoreDidNotAnswerIsAskedAgain) {
  Farm farm;
  const StreamId a = farm.Worker("a", 1);
  const Sent<Offer> offer = farm.Win(farm.Queue({farm.Job(10)})).at(0);
  const auto accepts = All<StoreAccept>(farm.Step(AcceptReceived{a, offer.token}));
  for (const Answer answer : {Answer::kFailed, Answer::kUnknown}) {
    EXPECT_THAT(All<StoreAccept>(farm.Step(AcceptsAnswered{answer, {accepts[0].offer}, {}})), IsEmpty());
    EXPECT_EQ(All<StoreAccept>(farm.Wait(kStoreRetry)).size(), 1u);
    EXPECT_THAT(All<StoreAccept>(farm.Wait(kStoreRetry)), IsEmpty()) << "its answer is awaited";
  }
  farm.Step(AcceptsAnswered{Answer::kDone, {accepts[0].offer}, {domain::AcceptOutcome::kRunning}});
  EXPECT_EQ(farm.state.running_until.size(), 1u);
}

// ---- claims -------------------------------------------------------------------------------------------------------

TEST(DispatchTest, AClaimWonForASessionThatIsGoneIsReturned) {
  Farm farm;
  const StreamId a = farm.Worker("a", 1);
  const auto claims = All<Claim>(farm.Queue({farm.Job(10)}));
  farm.Step(StreamClosed{a});
  const auto effects = farm.Step(ClaimsAnswered{
      Answer::kDone, claims[0].claims, {{JobId{10}, SessionId{1}, AttemptToken{5}, domain::ClaimOutcome::kWon}}});
  EXPECT_THAT(All<Sent<Offer>>(effects), IsEmpty());
  ASSERT_EQ(All<StoreReturn>(effects).size(), 1u);
  EXPECT_EQ(All<StoreReturn>(effects)[0].offer.token, AttemptToken{5});
}

TEST(DispatchTest, AClaimWhoseAnswerIsUnknownIsReadBackBeforeAnythingIsDecided) {
  Farm farm;
  farm.Worker("a", 1);
  const auto claims = All<Claim>(farm.Queue({farm.Job(10)}));
  const auto effects = farm.Step(ClaimsAnswered{Answer::kUnknown, claims[0].claims, {}});
  ASSERT_EQ(All<ReadClaims>(effects).size(), 1u);
  EXPECT_THAT(All<Claim>(farm.Wait(absl::Seconds(5))), IsEmpty());
  const auto read =
      farm.Step(ClaimsRead{Answer::kDone,
                           {JobId{10}},
                           {{.job = JobId{10}, .in_queue = true, .token = AttemptToken{9}, .session = SessionId{1}}}});
  ASSERT_EQ(All<Sent<Offer>>(read).size(), 1u);
  EXPECT_EQ(All<Sent<Offer>>(read)[0].token, AttemptToken{9});
}

TEST(DispatchTest, AFailedClaimIsMadeAgainALittleLater) {
  Farm farm;
  farm.Worker("a", 1);
  const auto claims = All<Claim>(farm.Queue({farm.Job(10)}));
  EXPECT_THAT(All<Claim>(farm.Step(ClaimsAnswered{Answer::kFailed, claims[0].claims, {}})), IsEmpty());
  EXPECT_EQ(All<Claim>(farm.Wait(kStoreRetry)).size(), 1u);
}

TEST(DispatchTest, ClaimsGoOutInCallsOfAtMostFiveHundred) {
  Farm farm;
  for (int i = 0; i < 2; ++i) farm.Worker("w" + std::to_string(i), 600);
  std::vector<QueuedJob> jobs;
  for (int i = 0; i < 1100; ++i) jobs.push_back(farm.Job(100 + i));
  std::vector<size_t> sizes;
  for (const Claim& claim : All<Claim>(farm.Queue(jobs))) sizes.push_back(claim.claims.size());
  EXPECT_THAT(sizes, ElementsAre(500, 500, 100));
}

// ---- cancelling and ending ------------------------------------------------------------------------------------------

TEST(DispatchTest, CancellingARunningAttemptTellsItsWorker) {
  Farm farm;
  const StreamId a = farm.Worker("a", 1);
  const Sent<Offer> offer = farm.Win(farm.Queue({farm.Job(10)})).at(0);
  farm.Run(offer);
  const auto cancels = All<Sent<Cancel>>(farm.Step(CancelRequested{{offer.token}}));
  ASSERT_EQ(cancels.size(), 1u);
  EXPECT_EQ(cancels[0].stream, a);
  EXPECT_EQ(cancels[0].token, offer.token);
}

TEST(DispatchTest, AnAttemptCancelledWhileItsAcceptIsStoredIsToldAsSoonAsItRuns) {
  Farm farm;
  const StreamId a = farm.Worker("a", 1);
  const Sent<Offer> offer = farm.Win(farm.Queue({farm.Job(10)})).at(0);
  farm.Step(AcceptReceived{a, offer.token});
  EXPECT_THAT(All<Sent<Cancel>>(farm.Step(CancelRequested{{offer.token}})), IsEmpty());
  const auto effects = farm.Step(
      AcceptsAnswered{Answer::kDone, {{offer.token, JobId{10}, SessionId{1}}}, {domain::AcceptOutcome::kRunning}});
  EXPECT_EQ(All<Sent<Cancel>>(effects).size(), 1u);
}

TEST(DispatchTest, ACancelledJobLeavesTheQueueAndAnOpenOfferIsTakenBack) {
  Farm farm;
  farm.Worker("a", 1);
  const Sent<Offer> offer = farm.Win(farm.Queue({farm.Job(10), farm.Job(11)})).at(0);
  const auto effects = farm.Step(JobsRemoved{{JobId{10}, JobId{11}}});
  EXPECT_THAT(farm.state.jobs, IsEmpty());
  ASSERT_EQ(All<Sent<Drop>>(effects).size(), 1u);
  EXPECT_EQ(All<Sent<Drop>>(effects)[0].token, offer.token);
}

TEST(DispatchTest, AnEndedAttemptFreesTheJobAndATryAgainWaitsForItsTime) {
  Farm farm;
  farm.Worker("a", 1);
  const Sent<Offer> offer = farm.Win(farm.Queue({farm.Job(10)})).at(0);
  farm.Run(offer);
  QueuedJob again = farm.Job(10);
  again.not_before = farm.now + absl::Seconds(5);
  farm.Step(AttemptEnded{offer.token, JobId{10}, again});
  EXPECT_EQ(WhyItWaits(farm.state, JobId{10}, farm.now).reason, WaitReason::kBackoff);
  farm.Step(AttemptEnded{offer.token, JobId{10}, std::nullopt});
  EXPECT_EQ(farm.state.jobs.size(), 1u) << "late news of a token that ended changes nothing";
}

TEST(DispatchTest, AnAttemptFarBeyondItsDeadlineIsLost) {
  Farm farm;
  farm.Worker("a", 1);
  const Sent<Offer> offer = farm.Win(farm.Queue({farm.Job(10)})).at(0);
  farm.Run(offer);
  const auto loses =
      All<LoseAttempts>(farm.Live(farm.state.options.attempt_deadline + kOverdueGrace + absl::Seconds(1)));
  ASSERT_EQ(loses.size(), 1u);
  const auto effects =
      farm.Step(AttemptsLost{Answer::kDone, loses[0].tokens, {{offer.token, JobId{10}, "a", std::nullopt}}});
  EXPECT_EQ(All<Sent<Drop>>(effects).size(), 1u);
  EXPECT_THAT(farm.state.jobs, IsEmpty());
}

TEST(DispatchTest, AJobWhoseToolsetNoWorkerHasSaysSo) {
  Farm farm;
  const StreamId a = farm.Worker("a", 2);
  QueuedJob old = farm.Job(10);
  old.toolset = "retired";
  const Sent<Offer> offer = farm.Win(farm.Queue({old})).at(0);
  farm.Step(RefuseReceived{a, offer.token, RefuseReason::kUnknownToolset, ""});
  farm.Step(
      ReturnsAnswered{Answer::kDone, {{offer.token, JobId{10}, SessionId{1}}}, {domain::ReturnOutcome::kReturned}});
  const WhyWaiting why = WhyItWaits(farm.state, JobId{10}, farm.now);
  EXPECT_EQ(why.reason, WaitReason::kNoWorkerForTarget);
  EXPECT_THAT(why.detail, HasSubstr("no connected worker has toolset retired"));
  EXPECT_EQ(farm.Win(farm.Queue({farm.Job(11)})).size(), 1u) << "jobs of other toolsets go on";
}

// ---- mirror -------------------------------------------------------------------------------------------------------

TEST(DispatchTest, AWholeLoadRemovesWhatIsGoneButNotWhatChangedSince) {
  Farm farm;
  farm.Queue({farm.Job(10), farm.Job(11)});
  const int64_t issued = farm.state.steps + 1;
  farm.Step(Tick{});
  farm.Queue({farm.Job(12)});
  farm.Step(QueueLoaded{Answer::kDone, JobId{}, issued, {farm.Job(11)}});
  std::vector<int64_t> held;
  for (const auto& [id, entry] : farm.state.jobs) held.push_back(id.value);
  EXPECT_THAT(held, UnorderedElementsAre(11, 12));
}

TEST(DispatchTest, ChangesOfTheQueueAreReadFromTheLowestChangedJobOn) {
  Farm farm;
  farm.Step(Tick{});
  farm.Step(QueueLoaded{Answer::kDone, JobId{}, farm.state.steps, {}});
  const auto loads = All<LoadQueue>(farm.Step(QueueChanged{JobId{40}}));
  ASSERT_EQ(loads.size(), 1u);
  EXPECT_EQ(loads[0].after, JobId{39});
  EXPECT_THAT(All<LoadQueue>(farm.Step(QueueChanged{JobId{50}})), IsEmpty()) << "one load at a time";
  EXPECT_EQ(All<LoadQueue>(farm.Step(QueueLoaded{Answer::kDone, JobId{39}, farm.state.steps, {}})).size(), 1u);
}

TEST(DispatchTest, SeventyThousandJobsAndTwoThousandWorkersArePlacedWithoutScans) {
  Farm farm;
  std::vector<QueuedJob> jobs;
  for (int i = 0; i < 70'000; ++i)
    jobs.push_back(farm.Job(i + 1, "m" + std::to_string(i / 4), kAllTargets[static_cast<size_t>(i % 4)]));
  dispatch::Step(farm.state, QueueLoaded{Answer::kDone, JobId{1}, 1, std::move(jobs)}, farm.now);
  size_t claimed = 0;
  for (int i = 1; i <= 2000; ++i) {
    const StreamId stream{i};
    const std::vector<Target> all(kAllTargets.begin(), kAllTargets.end());
    dispatch::Step(farm.state, HelloReceived{stream, {.name = "w" + std::to_string(i), .targets = all, .slots = 4}},
                   farm.now);
    dispatch::Step(farm.state, SessionOpened{stream, Answer::kDone, {.session = SessionId{i}}}, farm.now);
    for (const Claim& claim : All<Claim>(dispatch::Step(farm.state, ReadyReceived{stream, 4, false}, farm.now))) {
      claimed += claim.claims.size();
      std::set<std::string> modules;
      for (const domain::ClaimRequest& c : claim.claims) modules.insert(farm.state.jobs.at(c.job).job.module);
      EXPECT_EQ(modules.size(), 1u) << "all four targets of one module go to one worker";
    }
  }
  EXPECT_EQ(claimed, 8000u);
  EXPECT_EQ(CheckInvariants(farm.state), "");
}

TEST(DispatchTest, AHugeQueueThatEveryWorkerTurnsDownIsNotLookedThrough) {
  Farm farm;
  const StreamId a = farm.Worker("a", 4, {kX86});
  QueuedJob first = farm.Job(1);
  first.toolset = "retired";
  const Sent<Offer> offer = farm.Win(farm.Queue({first})).at(0);
  farm.Step(RefuseReceived{a, offer.token, RefuseReason::kUnknownToolset, ""});
  std::vector<QueuedJob> jobs;
  for (int i = 2; i <= 100'000; ++i) {
    jobs.push_back(farm.Job(i, "m" + std::to_string(i)));
    jobs.back().toolset = "retired";
  }
  dispatch::Step(farm.state, QueueLoaded{Answer::kDone, JobId{1}, 1, std::move(jobs)}, farm.now);
  // With a scan each these would take a quarter of an hour.
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_THAT(dispatch::Step(farm.state, HeartbeatReceived{a}, farm.now), IsEmpty());
  }
  EXPECT_EQ(CheckInvariants(farm.state), "");
}

}  // namespace
}  // namespace gofarm::dispatch
