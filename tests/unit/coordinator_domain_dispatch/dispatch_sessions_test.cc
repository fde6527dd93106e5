// The dispatcher's rules for sessions and their leases.
#include "tests/unit/coordinator_domain_dispatch/dispatch_farm.h"

namespace gofarm::dispatch {
namespace {

TEST(DispatchTest, AWorkerThatComesBackKeepsItsAttemptAndIsToldOfACancel) {
  Farm farm;
  const StreamId first = farm.Worker("a", 1);
  const QueuedJob job = farm.Job(10);
  const Sent<Offer> offer = farm.Win(farm.Queue({job})).at(0);
  farm.Run(offer);
  farm.Step(StreamClosed{first});
  EXPECT_EQ(farm.state.running_until.size(), 1u) << "the lease runs on";
  const StreamId second = farm.Hello("a", 1);
  domain::OpenedSession opened;
  opened.session = SessionId{++farm.sessions};
  opened.superseded = {SessionId{1}};
  opened.kept = {{.token = offer.token, .job = job, .session = opened.session, .age = {}, .cancel_requested = true}};
  const auto effects = farm.Step(SessionOpened{second, Answer::kDone, opened});
  ASSERT_EQ(All<Sent<Welcome>>(effects).size(), 1u);
  EXPECT_THAT(All<Sent<Welcome>>(effects)[0].keep, ElementsAre(offer.token));
  EXPECT_EQ(All<Sent<Cancel>>(effects).size(), 1u);
  EXPECT_EQ(farm.state.sessions.size(), 1u);
}

TEST(DispatchTest, ARestartedCoordinatorTakesTheBuildBack) {
  Farm farm;  // a new process: it knows nothing
  const QueuedJob job = farm.Job(10, "example.com/m", kX86);
  domain::OpenedSession opened;
  opened.kept = {{.token = AttemptToken{77}, .job = job, .session = SessionId{1}, .age = {}}};
  const StreamId a = farm.Worker("a", 2, {kX86, kArm}, opened);
  farm.Step(ReadyReceived{a, 1, false});
  EXPECT_EQ(WhyItWaits(farm.state, JobId{10}, farm.now).reason, WaitReason::kNone);
  farm.Worker("b", 4);
  const auto offers = farm.Win(farm.Queue({farm.Job(11, "example.com/m", kArm)}));
  ASSERT_EQ(offers.size(), 1u);
  EXPECT_EQ(offers[0].stream, a) << "what it builds it has the source of";
  EXPECT_THAT(offers[0].siblings, ElementsAre(kX86));
  farm.Step(AttemptEnded{AttemptToken{77}, JobId{10}, std::nullopt});
  EXPECT_EQ(farm.state.jobs.size(), 1u);
}

TEST(DispatchTest, ARestartedWorkersAttemptIsLostAndItsJobWaitsAgain) {
  Farm farm;
  const StreamId first = farm.Worker("a", 1);
  const QueuedJob job = farm.Job(10);
  const Sent<Offer> offer = farm.Win(farm.Queue({job})).at(0);
  farm.Run(offer);
  const StreamId second = farm.Hello("a", 1);
  domain::OpenedSession opened;
  opened.session = SessionId{++farm.sessions};
  opened.superseded = {SessionId{1}};
  opened.lost = {{offer.token, JobId{10}, "a", job}};
  const auto effects = farm.Step(SessionOpened{second, Answer::kDone, opened});
  ASSERT_EQ(All<NoteLost>(effects).size(), 1u);
  EXPECT_EQ(All<NoteLost>(effects)[0].job_state, JobState::kQueued);
  ASSERT_EQ(All<Close>(effects).size(), 1u);
  EXPECT_EQ(All<Close>(effects)[0].stream, first);
  EXPECT_EQ(farm.Win(farm.Step(ReadyReceived{second, 1, false})).size(), 1u) << "it runs again at once";
}

TEST(DispatchTest, ASecondProcessOfALiveWorkersNameIsRefused) {
  Farm farm;
  const StreamId first = farm.Worker("a", 1);
  const auto closes_of_hello = [&](const std::string& instance) {
    farm.Hello("a", 1, {kX86}, instance);
    return All<Close>(farm.last);
  };
  const auto refused = closes_of_hello("another");
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].stream, StreamId{farm.streams});
  EXPECT_EQ(refused[0].why, CloseWhy::kNameTaken);
  EXPECT_THAT(All<OpenSession>(farm.last), IsEmpty());
  EXPECT_EQ(farm.state.sessions.at(SessionId{1}).namesake_at, farm.now);
  EXPECT_EQ(farm.state.sessions.at(SessionId{1}).namesake_pid, 7);
  farm.Step(StreamClosed{refused[0].stream});
  EXPECT_TRUE(farm.state.sessions.at(SessionId{1}).stream) << "the first one does not notice";

  EXPECT_THAT(closes_of_hello("i"), IsEmpty()) << "the same process on a new connection";
  farm.now += kNameHeld - absl::Seconds(1);
  farm.Step(HeartbeatReceived{first});
  farm.now += kNameHeld - absl::Seconds(1);
  EXPECT_EQ(closes_of_hello("another").size(), 1u);
  farm.now += absl::Seconds(1);
  EXPECT_THAT(closes_of_hello("another"), IsEmpty()) << "a connection that is silent for so long may be dead";
}

TEST(DispatchTest, AWorkerThatIsGoneLeavesItsNameAtOnce) {
  Farm farm;
  const StreamId first = farm.Worker("a", 1);
  farm.Step(StreamClosed{first});
  farm.Hello("a", 1, {kX86}, "another");
  EXPECT_EQ(All<OpenSession>(farm.last).size(), 1u);
  const StreamId b = farm.Worker("b", 1);
  farm.Step(GoodbyeReceived{b});
  farm.Hello("b", 1, {kX86}, "another");
  EXPECT_EQ(All<OpenSession>(farm.last).size(), 1u);
}

TEST(DispatchTest, OpenOffersOfABrokenStreamAreReturned) {
  Farm farm;
  const StreamId a = farm.Worker("a", 1);
  const Sent<Offer> offer = farm.Win(farm.Queue({farm.Job(10)})).at(0);
  const auto returns = All<StoreReturn>(farm.Step(StreamClosed{a}));
  ASSERT_EQ(returns.size(), 1u);
  EXPECT_EQ(returns[0].offer.token, offer.token);
}

TEST(DispatchTest, OneRenewalSpeaksForAllSessionsThatWereHeardAndSilentOnesExpire) {
  Farm farm;
  const StreamId a = farm.Worker("a", 1);
  const StreamId b = farm.Worker("b", 1);
  const auto first = All<RenewSessions>(farm.Wait({}));
  ASSERT_EQ(first.size(), 1u);
  EXPECT_THAT(first[0].sessions, ElementsAre(SessionId{1}, SessionId{2}));
  farm.Step(SessionsRenewed{});
  farm.Step(HeartbeatReceived{b});
  const auto second = All<RenewSessions>(farm.Wait(absl::Seconds(5)));
  ASSERT_EQ(second.size(), 1u);
  EXPECT_THAT(second[0].sessions, ElementsAre(SessionId{2}));
  const auto effects = farm.Step(SessionsEnded{Answer::kDone, {{SessionId{1}}, {}}});
  ASSERT_EQ(All<Close>(effects).size(), 1u);
  EXPECT_EQ(All<Close>(effects)[0].stream, a);
  EXPECT_EQ(farm.state.former.count("a"), 1u);
}

TEST(DispatchTest, NothingExpiresWhileLeasesCouldNotBeRenewed) {
  Farm farm;
  farm.Worker("a", 1);
  farm.Wait({});
  farm.Step(SessionsEnded{});
  farm.Step(SessionsRenewed{Answer::kFailed, {}});
  const auto effects = farm.Wait(absl::Seconds(2));
  EXPECT_EQ(All<ExtendLeases>(effects).size(), 1u);
  EXPECT_THAT(All<ExpireSessions>(effects), IsEmpty());
  farm.Step(LeasesExtended{});
  EXPECT_EQ(All<ExpireSessions>(farm.Wait(absl::Seconds(2))).size(), 1u);
}

TEST(DispatchTest, AStoreThatCannotOpenASessionSendsTheWorkerAway) {
  Farm farm;
  const StreamId a = farm.Hello("a", 1);
  const auto effects = farm.Step(SessionOpened{a, Answer::kUnknown, {}});
  ASSERT_EQ(All<Close>(effects).size(), 1u);
  EXPECT_EQ(All<Close>(effects)[0].why, CloseWhy::kStoreUnavailable);
}

TEST(DispatchTest, AWorkerThatSaysGoodbyeGetsNoMoreOffersAndItsSessionEnds) {
  Farm farm;
  const StreamId a = farm.Worker("a", 2);
  const QueuedJob job = farm.Job(10);
  const Sent<Offer> offer = farm.Win(farm.Queue({job})).at(0);
  farm.Run(offer);
  ASSERT_EQ(All<EndSessions>(farm.Step(GoodbyeReceived{a})).size(), 1u);
  EXPECT_THAT(All<Claim>(farm.Queue({farm.Job(11)})), IsEmpty());
  const auto effects = farm.Step(SessionsEnded{Answer::kDone, {{SessionId{1}}, {{offer.token, JobId{10}, "a", job}}}});
  EXPECT_EQ(All<Close>(effects).at(0).why, CloseWhy::kLeft);
  EXPECT_EQ(WhyItWaits(farm.state, JobId{10}, farm.now).reason, WaitReason::kNoWorker);
}

TEST(DispatchTest, NothingExpiresAfterTheCoordinatorStoodStillUntilLeasesAreExtended) {
  Farm farm;
  farm.Worker("a", 1);
  farm.Wait({});
  farm.Step(SessionsEnded{});
  farm.Step(SessionsRenewed{});
  // A closed lid, a debugger, a machine that swaps: its worker was alive and could not be heard.
  const auto effects = farm.Wait(kClockJump + absl::Seconds(1));
  EXPECT_EQ(All<ExtendLeases>(effects).size(), 1u);
  EXPECT_THAT(All<ExpireSessions>(effects), IsEmpty());
  farm.Step(LeasesExtended{});
  farm.Step(SessionsRenewed{});
  EXPECT_EQ(All<ExpireSessions>(farm.Wait(absl::Seconds(2))).size(), 1u) << "who stays silent expires then";
}

TEST(DispatchTest, AnAttemptsDeadlineCountsFromItsStartHoweverOftenItsWorkerComesBack) {
  Farm farm;
  const QueuedJob job = farm.Job(10);
  domain::OpenedSession opened;
  const absl::Duration age = farm.state.options.attempt_deadline - absl::Minutes(1);
  opened.kept = {{.token = AttemptToken{77}, .job = job, .session = SessionId{1}, .age = age}};
  farm.Worker("a", 2, {kX86}, opened);
  EXPECT_EQ(farm.state.jobs.at(JobId{10}).started, farm.now - age);
  EXPECT_THAT(All<LoseAttempts>(farm.Live(absl::Minutes(1))), IsEmpty());
  const auto loses = All<LoseAttempts>(farm.Live(kOverdueGrace + absl::Seconds(1)));
  ASSERT_EQ(loses.size(), 1u);
  EXPECT_THAT(loses[0].tokens, ElementsAre(AttemptToken{77}));
}

TEST(DispatchTest, AJumpOfTheClockDoesNotMakeRunningAttemptsOverdue) {
  Farm farm;
  farm.Worker("a", 2);
  farm.Run(farm.Win(farm.Queue({farm.Job(10)})).at(0));
  farm.Live(absl::Minutes(1));
  // The lid was closed for a night: the build stood still as well and goes on now.
  EXPECT_THAT(All<LoseAttempts>(farm.Wait(absl::Hours(8))), IsEmpty());
  const absl::Duration rest = farm.state.options.attempt_deadline + kOverdueGrace - absl::Minutes(1);
  EXPECT_THAT(All<LoseAttempts>(farm.Live(rest)), IsEmpty()) << "it has the time it had left";
  EXPECT_EQ(All<LoseAttempts>(farm.Live(absl::Seconds(6))).size(), 1u) << "and no more";
}

TEST(DispatchTest, AWorkerThatComesBackAfterAJumpOfTheClockKeepsItsAttemptsTime) {
  Farm farm;
  farm.Worker("a", 2);
  const QueuedJob job = farm.Job(10);
  farm.Run(farm.Win(farm.Queue({job})).at(0));
  farm.Live(absl::Minutes(1));
  farm.Wait(absl::Hours(8));
  // Its stream broke meanwhile. The store knows when the attempt began, not how long everybody slept.
  domain::OpenedSession opened;
  opened.kept = {
      {.token = AttemptToken{1}, .job = job, .session = SessionId{2}, .age = absl::Hours(8) + absl::Minutes(1)}};
  opened.superseded = {SessionId{1}};
  farm.Worker("a", 2, {kX86}, opened);
  EXPECT_THAT(All<LoseAttempts>(farm.Live(absl::Minutes(30))), IsEmpty());
  EXPECT_EQ(All<LoseAttempts>(farm.Live(absl::Minutes(35))).size(), 1u);
}

TEST(DispatchTest, AnAttemptThatBeganAfterTheClockJumpedGetsNoMoreThanItsTime) {
  Farm farm;
  farm.Worker("a", 2);
  farm.Wait({});
  farm.now += absl::Hours(8);
  const Sent<Offer> offer = farm.Win(farm.Queue({farm.Job(10)})).at(0);  // before the first tick notices
  farm.Run(offer);
  EXPECT_EQ(All<LoseAttempts>(farm.Live(farm.state.options.attempt_deadline + kOverdueGrace + absl::Seconds(1))).size(),
            1u);
}

TEST(DispatchTest, ACancelThatAWorkerWasToldBeforeItsStreamBrokeIsToldOnceMoreAfterItsWelcome) {
  Farm farm;
  farm.Worker("a", 1);
  const QueuedJob job = farm.Job(10);
  const Sent<Offer> offer = farm.Win(farm.Queue({job})).at(0);
  farm.Run(offer);
  farm.Step(CancelRequested{{offer.token}});
  const StreamId again = farm.Hello("a", 1);
  domain::OpenedSession opened;
  opened.kept = {{.token = offer.token, .job = job, .session = SessionId{2}, .age = {}, .cancel_requested = true}};
  opened.superseded = {SessionId{1}};
  farm.Opened(again, opened);
  std::vector<std::string> down;
  for (const Effect& effect : farm.last) {
    if (const Send* send = std::get_if<Send>(&effect)) {
      EXPECT_EQ(send->stream, again);
      down.push_back(std::holds_alternative<Welcome>(send->message)            ? "welcome"
                     : std::holds_alternative<dispatch::Cancel>(send->message) ? "cancel"
                                                                               : "other");
    }
  }
  EXPECT_THAT(down, ElementsAre("welcome", "cancel"));
  EXPECT_THAT(All<Sent<Cancel>>(farm.Step(CancelRequested{{offer.token}})), IsEmpty()) << "it was told";
}

TEST(DispatchTest, AWorkerThatWasWelcomedAndSaysNothingYetIsAlive) {
  Farm farm;
  farm.Opened(farm.Hello("a", 1));
  farm.Hello("a", 1, {kX86}, "another");
  EXPECT_EQ(All<Close>(farm.last).at(0).why, CloseWhy::kNameTaken);
  const auto renewals = All<RenewSessions>(farm.Wait({}));
  ASSERT_EQ(renewals.size(), 1u);
  EXPECT_THAT(renewals[0].sessions, ElementsAre(SessionId{1}));
}

TEST(DispatchTest, AStreamThatBrokeBeforeItsSessionWasOpenedIsNotWelcomed) {
  Farm farm;
  const StreamId a = farm.Hello("a", 1);
  farm.Step(StreamClosed{a});
  const SessionId session = farm.Opened(a);
  EXPECT_THAT(All<Sent<Welcome>>(farm.last), IsEmpty());
  EXPECT_EQ(farm.state.sessions.count(session), 1u) << "it ends by its lease";
  farm.Step(SessionsEnded{Answer::kDone, {{session}, {}}});
  EXPECT_THAT(farm.state.sessions, IsEmpty());
  EXPECT_THAT(farm.state.former, IsEmpty()) << "it was never there";

  const StreamId b = farm.Hello("b", 1);
  farm.Step(StreamClosed{b});
  EXPECT_THAT(All<Close>(farm.Step(SessionOpened{b, Answer::kFailed, {}})), IsEmpty()) << "nothing is left to close";
}

// The store's answer to an earlier Hello, which named the older session as superseded, was lost.
TEST(DispatchTest, TheFormerSessionOfANameEndsEvenWhenTheStoreDoesNotNameIt) {
  Farm farm;
  const StreamId first = farm.Worker("a", 1);
  const StreamId second = farm.Hello("a", 1);
  farm.Opened(second);
  const auto closes = All<Close>(farm.last);
  ASSERT_EQ(closes.size(), 1u);
  EXPECT_EQ(closes[0].stream, first);
  EXPECT_EQ(closes[0].why, CloseWhy::kSuperseded);
  EXPECT_EQ(farm.state.sessions.size(), 1u);
  EXPECT_THAT(farm.state.former, IsEmpty()) << "a worker that is there is not lost";
}

TEST(DispatchTest, OfTheFormerWorkersOnlySoManyAreRemembered) {
  Farm farm;
  for (size_t i = 0; i < kFormerWorkersMax; ++i) farm.state.former["former " + std::to_string(i)] = {};
  farm.Worker("last", 1);
  farm.Step(SessionsEnded{Answer::kDone, {{SessionId{1}}, {}}});
  EXPECT_EQ(farm.state.former.size(), kFormerWorkersMax);
  EXPECT_EQ(farm.state.former.count("last"), 1u);
}

TEST(DispatchTest, AnExpiredSessionsOffersWaitAgainAndWhatItRanIsReadBack) {
  Farm farm;
  farm.Worker("a", 2);
  const auto offers = farm.Win(farm.Queue({farm.Job(10), farm.Job(11)}));
  ASSERT_EQ(offers.size(), 2u);
  farm.Run(offers[0]);
  const auto reads = All<ReadClaims>(farm.Step(SessionsEnded{Answer::kDone, {{SessionId{1}}, {}}}));
  ASSERT_EQ(reads.size(), 1u);
  EXPECT_THAT(reads[0].jobs, ElementsAre(offers[0].job));
  farm.Worker("b", 2);
  const auto elsewhere = farm.Win(farm.last);
  ASSERT_EQ(elsewhere.size(), 1u);
  EXPECT_EQ(elsewhere[0].job, offers[1].job);
}

// Another process, such as the coordinator that led before, ended the attempt: only the store says so.
TEST(DispatchTest, AnAttemptThatTheStoreHasNoMoreWhenItIsReadBackIsShownAsLost) {
  for (const bool still_runs : {false, true}) {
    Farm farm;
    farm.Worker("a", 1);
    const Sent<Offer> offer = farm.Win(farm.Queue({farm.Job(10)})).at(0);
    farm.Run(offer);
    const auto reads = All<ReadClaims>(farm.Step(SessionsEnded{Answer::kDone, {{SessionId{1}}, {}}}));
    ASSERT_EQ(reads.size(), 1u);
    domain::ClaimState read{.job = offer.job, .in_queue = true};
    if (still_runs) {
      read.token = offer.token;
      read.session = SessionId{1};
      read.running = true;
    }
    const auto lost = All<NoteLost>(farm.Step(ClaimsRead{Answer::kDone, reads[0].jobs, {read}}));
    ASSERT_EQ(lost.size(), still_runs ? 0u : 1u);
    if (still_runs) continue;
    EXPECT_EQ(lost[0].token, offer.token);
    EXPECT_EQ(lost[0].worker, "a");
    EXPECT_EQ(lost[0].job_state, JobState::kQueued);
  }
}

// After a takeover: the worker of the former leader's attempt went away with it.
TEST(DispatchTest, AnAttemptThatNeverCameToThisCoordinatorIsShownAsLostOnce) {
  Farm farm;
  domain::ExpiredSessions ended;
  ended.sessions = {SessionId{1}};
  ended.lost = {{.token = AttemptToken{5}, .job = JobId{10}, .worker = "a", .requeued = farm.Job(10)}};
  const auto lost = All<NoteLostUnseen>(farm.Step(SessionsEnded{Answer::kDone, ended}));
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_EQ(lost[0].attempt.token, AttemptToken{5});
  EXPECT_EQ(lost[0].attempt.worker, "a");
  EXPECT_EQ(farm.state.counters.attempts_lost, 1);
  EXPECT_THAT(All<NoteLostUnseen>(farm.Step(SessionsEnded{Answer::kDone, ended})), IsEmpty());
}

TEST(DispatchTest, ASessionThatTheStoreHasNoMoreIsClosedAtItsRenewal) {
  Farm farm;
  const StreamId a = farm.Worker("a", 1);
  farm.Worker("b", 1);
  farm.Wait({});
  const auto closes = All<Close>(farm.Step(SessionsRenewed{Answer::kDone, {SessionId{1}, SessionId{77}}}));
  ASSERT_EQ(closes.size(), 1u);
  EXPECT_EQ(closes[0].stream, a);
  EXPECT_EQ(closes[0].why, CloseWhy::kSessionGone);
}

TEST(DispatchTest, LeasesAreExtendedBeforeAnythingExpiresWhenTheStoreDidNotAnswerTheLastExpiry) {
  Farm farm;
  farm.Worker("a", 1);
  ASSERT_EQ(All<ExpireSessions>(farm.Wait({})).size(), 1u);
  farm.Step(SessionsEnded{Answer::kFailed, {}});
  const auto effects = farm.Wait(absl::Seconds(1));
  EXPECT_EQ(All<ExtendLeases>(effects).size(), 1u);
  EXPECT_THAT(All<ExpireSessions>(effects), IsEmpty());
}

TEST(DispatchTest, ExpiryIsAskedForOnceASecondAndOneCallAtATime) {
  Farm farm;
  farm.Worker("a", 1);
  ASSERT_EQ(All<ExpireSessions>(farm.Wait({})).size(), 1u);
  EXPECT_THAT(All<ExpireSessions>(farm.Wait(absl::Seconds(2))), IsEmpty()) << "its answer is awaited";
  farm.Step(SessionsEnded{});
  EXPECT_EQ(All<ExpireSessions>(farm.Wait({})).size(), 1u);
  farm.Step(SessionsEnded{});
  EXPECT_THAT(All<ExpireSessions>(farm.Wait(absl::Milliseconds(999))), IsEmpty());
  EXPECT_EQ(All<ExpireSessions>(farm.Wait(absl::Milliseconds(1))).size(), 1u);
}

TEST(DispatchTest, LeasesAreRenewedEveryFiveSecondsAndOneCallAtATime) {
  Farm farm;
  const StreamId a = farm.Worker("a", 1);
  const auto renewals_after = [&](absl::Duration d) {
    farm.Step(HeartbeatReceived{a});
    return All<RenewSessions>(farm.Wait(d)).size();
  };
  ASSERT_EQ(renewals_after({}), 1u);
  EXPECT_EQ(renewals_after(absl::Seconds(5)), 0u) << "its answer is awaited";
  farm.Step(SessionsRenewed{});
  EXPECT_EQ(renewals_after({}), 1u);
  farm.Step(SessionsRenewed{});
  EXPECT_EQ(renewals_after(absl::Seconds(4)), 0u);
  EXPECT_EQ(renewals_after(absl::Seconds(1)), 1u);
}

TEST(DispatchTest, WhatAHelloSaysIsBounded) {
  Farm farm;
  domain::SessionRequest request{.name = "a", .instance = "i", .targets = {kArm, kX86, kArm}, .slots = kSlotsMax + 1};
  for (int i = 1; i <= domain::kAnnouncedMax + 1; ++i) request.attempts.push_back({AttemptToken{i}, JobId{i}});
  const auto opens = All<OpenSession>(farm.Step(HelloReceived{StreamId{1}, request}));
  ASSERT_EQ(opens.size(), 1u);
  EXPECT_EQ(opens[0].request.slots, kSlotsMax);
  EXPECT_THAT(opens[0].request.targets, ElementsAre(kX86, kArm)) << "each once";
  EXPECT_EQ(opens[0].request.attempts.size(), static_cast<size_t>(domain::kAnnouncedMax));
  request.slots = -3;
  request.name = "b";
  EXPECT_EQ(All<OpenSession>(farm.Step(HelloReceived{StreamId{2}, request})).at(0).request.slots, 0);
}

TEST(DispatchTest, StreamsBeyondTheLimitAreClosedUnasked) {
  Farm farm;
  for (size_t i = 0; i < kStreamsMax; ++i) farm.state.greeting[StreamId{static_cast<int64_t>(100 + i)}] = {};
  const auto effects = farm.Step(HelloReceived{StreamId{1}, {.name = "a", .instance = "i", .slots = 1}});
  ASSERT_EQ(All<Close>(effects).size(), 1u);
  EXPECT_EQ(All<Close>(effects)[0].why, CloseWhy::kTooManyWorkers);
  EXPECT_THAT(All<OpenSession>(effects), IsEmpty());
}

}  // namespace
}  // namespace gofarm::dispatch
