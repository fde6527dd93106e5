// What the dispatcher makes of the store's answers: what is in doubt is read back or asked again, one call at a time,
// and news that came too late changes nothing.
#include "tests/unit/coordinator_domain_dispatch/dispatch_farm.h"

namespace gofarm::dispatch {
namespace {

constexpr absl::Duration kMoment = absl::Milliseconds(1);
const JobId kJob{10};

std::vector<Effect> Read(Farm& farm, const domain::ClaimState& state) {
  return farm.Step(ClaimsRead{Answer::kDone, {state.job}, {state}});
}

JobPhase PhaseOf(const Farm& farm, JobId job) { return farm.state.jobs.at(job).phase; }

// The store took the Accept of this offer's token, or so it said; now it says that the token is not the job's.
void AcceptGoesStale(Farm& farm, const Sent<Offer>& offer) {
  const auto accepts = All<StoreAccept>(farm.Step(AcceptReceived{offer.stream, offer.token}));
  ASSERT_EQ(accepts.size(), 1u);
  const auto effects = farm.Step(AcceptsAnswered{Answer::kDone, {accepts[0].offer}, {domain::AcceptOutcome::kStale}});
  ASSERT_EQ(All<ReadClaims>(effects).size(), 1u);
}

// ---- offers and claims in doubt -------------------------------------------------------------------------------------

TEST(DispatchTest, AReadThatFailedIsAskedAgainAndAClaimThatTheStoreDidNotTakeIsMadeAnew) {
  Farm farm;
  farm.Worker("a", 1);
  const auto claims = All<Claim>(farm.Queue({farm.Job(10)}));
  farm.Step(ClaimsAnswered{Answer::kUnknown, claims[0].claims, {}});
  EXPECT_THAT(All<ReadClaims>(farm.Step(ClaimsRead{Answer::kFailed, {kJob}, {}})), IsEmpty());
  EXPECT_THAT(All<ReadClaims>(farm.Wait(kStoreRetry - kMoment)), IsEmpty()) << "the store is left in peace";
  const auto again = All<ReadClaims>(farm.Wait(kMoment));
  ASSERT_EQ(again.size(), 1u);
  EXPECT_THAT(again[0].jobs, ElementsAre(kJob));
  EXPECT_THAT(All<ReadClaims>(farm.Wait(kStoreRetry)), IsEmpty()) << "its answer is awaited";
  EXPECT_EQ(All<Claim>(Read(farm, {.job = kJob, .in_queue = true})).size(), 1u);
}

TEST(DispatchTest, AnAcceptThatTheStoreTookAfterAllRuns) {
  Farm farm;
  farm.Worker("a", 1);
  const Sent<Offer> offer = farm.Win(farm.Queue({farm.Job(10)})).at(0);
  AcceptGoesStale(farm, offer);
  const auto running = All<NoteRunning>(
      Read(farm, {.job = kJob, .in_queue = true, .running = true, .token = offer.token, .session = SessionId{1}}));
  ASSERT_EQ(running.size(), 1u);
  EXPECT_EQ(running[0].token, offer.token);
  EXPECT_EQ(running[0].worker, "a");
}

TEST(DispatchTest, AnOfferThatTheStoreHoldsForAnotherSessionIsTakenBackUntilItIsGone) {
  Farm farm;
  farm.Worker("a", 1);
  const auto claims = All<Claim>(farm.Queue({farm.Job(10)}));
  farm.Step(ClaimsAnswered{Answer::kUnknown, claims[0].claims, {}});
  const domain::ClaimState elsewhere{
      .job = kJob, .in_queue = true, .running = false, .token = AttemptToken{9}, .session = SessionId{5}};
  const domain::OfferRef ref{AttemptToken{9}, kJob, SessionId{5}};
  for (int i = 0; i < 2; ++i) {
    const auto returns = All<StoreReturn>(Read(farm, elsewhere));
    ASSERT_EQ(returns.size(), 1u) << i;
    EXPECT_EQ(returns[0].offer, ref);
    const auto reads =
        All<ReadClaims>(farm.Step(ReturnsAnswered{Answer::kDone, {ref}, {domain::ReturnOutcome::kGone}}));
    ASSERT_EQ(reads.size(), 1u) << "the offer is gone; what became of the job?";
    EXPECT_THAT(reads[0].jobs, ElementsAre(kJob));
  }
}

TEST(DispatchTest, AReturnThatTheStoreDidNotAnswerIsAskedAgain) {
  Farm farm;
  const StreamId a = farm.Worker("a", 1);
  farm.Win(farm.Queue({farm.Job(10)}));
  auto returns = All<StoreReturn>(farm.Step(StreamClosed{a}));
  ASSERT_EQ(returns.size(), 1u);
  const domain::OfferRef ref = returns[0].offer;
  for (const Answer answer : {Answer::kFailed, Answer::kUnknown}) {
    EXPECT_THAT(All<StoreReturn>(farm.Step(ReturnsAnswered{answer, {ref}, {}})), IsEmpty());
    EXPECT_THAT(All<StoreReturn>(farm.Wait(kStoreRetry - kMoment)), IsEmpty()) << "the store is left in peace";
    returns = All<StoreReturn>(farm.Wait(kMoment));
    ASSERT_EQ(returns.size(), 1u);
    EXPECT_EQ(returns[0].offer, ref);
    EXPECT_THAT(All<StoreReturn>(farm.Wait(kStoreRetry)), IsEmpty()) << "its answer is awaited";
  }
  farm.Step(ReturnsAnswered{Answer::kDone, {ref}, {domain::ReturnOutcome::kReturned}});
  EXPECT_EQ(PhaseOf(farm, kJob), JobPhase::kWaiting);
}

TEST(DispatchTest, AnOfferIsShownToThoseWhoWatch) {
  Farm farm;
  farm.Worker("a", 1);
  const auto offers = farm.Win(farm.Queue({farm.Job(10)}));
  const auto notes = All<NoteOffered>(farm.last);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].token, offers.at(0).token);
  EXPECT_EQ(notes[0].job.id, kJob);
  EXPECT_EQ(notes[0].worker, "a");
}

TEST(DispatchTest, AClaimWonForAJobThatWasCancelledMeanwhileIsTakenBack) {
  Farm farm;
  farm.Worker("a", 1);
  const auto claims = All<Claim>(farm.Queue({farm.Job(10)}));
  farm.Step(JobsRemoved{{kJob}});
  const auto returns = All<StoreReturn>(farm.Step(ClaimsAnswered{
      Answer::kDone, claims[0].claims, {{kJob, SessionId{1}, AttemptToken{5}, domain::ClaimOutcome::kWon}}}));
  ASSERT_EQ(returns.size(), 1u);
  EXPECT_EQ(returns[0].offer, (domain::OfferRef{AttemptToken{5}, kJob, SessionId{1}}));
}

TEST(DispatchTest, AClaimForAJobThatIsGoneRemovesIt) {
  Farm farm;
  farm.Worker("a", 1);
  const auto claims = All<Claim>(farm.Queue({farm.Job(10)}));
  farm.Step(ClaimsAnswered{
      Answer::kDone, claims[0].claims, {{kJob, SessionId{1}, AttemptToken{}, domain::ClaimOutcome::kJobGone}}});
  EXPECT_THAT(farm.state.jobs, IsEmpty());
}

TEST(DispatchTest, AClaimForASessionThatIsGoneClosesItsStreamAndTheJobGoesElsewhere) {
  Farm farm;
  const StreamId a = farm.Worker("a", 2);
  const auto claims = All<Claim>(farm.Queue({farm.Job(10)}));
  const auto effects = farm.Step(ClaimsAnswered{
      Answer::kDone, claims[0].claims, {{kJob, SessionId{1}, AttemptToken{}, domain::ClaimOutcome::kSessionGone}}});
  const auto closes = All<Close>(effects);
  ASSERT_EQ(closes.size(), 1u);
  EXPECT_EQ(closes[0].stream, a);
  EXPECT_EQ(closes[0].why, CloseWhy::kSessionGone);
  EXPECT_THAT(All<Claim>(effects), IsEmpty()) << "not for that session";
  EXPECT_THAT(All<Claim>(farm.Step(HeartbeatReceived{a})), IsEmpty());
  farm.Worker("b", 1);
  const auto elsewhere = All<Claim>(farm.last);
  ASSERT_EQ(elsewhere.size(), 1u);
  EXPECT_THAT(elsewhere[0].claims, ElementsAre(domain::ClaimRequest{kJob, SessionId{2}}));
}

TEST(DispatchTest, AClaimsAnswerForAJobThatWentOnMeanwhileChangesNothing) {
  for (const domain::ClaimOutcome outcome : {domain::ClaimOutcome::kJobGone, domain::ClaimOutcome::kSessionGone}) {
    Farm farm;
    const StreamId a = farm.Worker("a", 1);
    const auto claims = All<Claim>(farm.Queue({farm.Job(10)}));
    farm.Step(StreamClosed{a});
    farm.Step(JobsRemoved{{kJob}});
    const ClaimsAnswered late{Answer::kDone, claims[0].claims, {{kJob, SessionId{1}, AttemptToken{}, outcome}}};
    farm.Step(late);
    EXPECT_THAT(farm.state.jobs, IsEmpty());
    farm.Queue({farm.Job(10)});  // submitted again
    farm.Step(late);
    ASSERT_EQ(farm.state.jobs.size(), 1u);
    EXPECT_EQ(PhaseOf(farm, kJob), JobPhase::kWaiting);
  }
}

TEST(DispatchTest, ACancelOfAnAttemptDoesNotReachTheJobsNextOne) {
  Farm farm;
  const StreamId a = farm.Worker("a", 1);
  const Sent<Offer> offer = farm.Win(farm.Queue({farm.Job(10)})).at(0);
  farm.Step(CancelRequested{{offer.token}});
  AcceptGoesStale(farm, offer);
  Read(farm, {.job = kJob, .in_queue = true});
  const auto next = farm.Win(farm.Step(ReadyReceived{a, 1, false}));
  ASSERT_EQ(next.size(), 1u);
  farm.Run(next[0]);
  EXPECT_EQ(All<NoteRunning>(farm.last).size(), 1u);
  EXPECT_THAT(All<Sent<Cancel>>(farm.last), IsEmpty());
}

// ---- attempts that ended --------------------------------------------------------------------------------------------

TEST(DispatchTest, AnEndThatOvertakesTheReadOfItsJobWins) {
  Farm farm;
  farm.Worker("a", 1);
  const Sent<Offer> offer = farm.Win(farm.Queue({farm.Job(10)})).at(0);
  AcceptGoesStale(farm, offer);
  farm.Step(AttemptEnded{offer.token, kJob, std::nullopt});
  Read(farm, {.job = kJob, .in_queue = true, .running = true, .token = offer.token, .session = SessionId{1}});
  EXPECT_THAT(farm.state.jobs, IsEmpty());
}

// The answer to a Hello may have been written down before the end of what it names.
TEST(DispatchTest, AnAttemptThatEndedIsNotTakenBackByALateAnswerToAHello) {
  using End = std::vector<Effect> (*)(Farm&, AttemptToken, const QueuedJob&);
  const End ends[] = {
      [](Farm& farm, AttemptToken token, const QueuedJob& job) {
        return farm.Step(AttemptEnded{token, job.id, std::nullopt});
      },
      [](Farm& farm, AttemptToken token, const QueuedJob& job) {
        return farm.Step(SessionsEnded{Answer::kDone, {{SessionId{1}}, {{token, job.id, "a", std::nullopt}}}});
      },
      [](Farm& farm, AttemptToken, const QueuedJob& job) {
        const std::vector<Effect> effects =
            farm.Step(QueueLoaded{Answer::kDone, JobId{1}, farm.state.steps + 1, {job}});
        EXPECT_EQ(PhaseOf(farm, job.id), JobPhase::kWaiting) << "the store says that it waits";
        farm.Step(JobsRemoved{{job.id}});
        return effects;
      },
  };
  for (const End& end : ends) {
    Farm farm;
    const StreamId a = farm.Worker("a", 1);
    const QueuedJob job = farm.Job(10);
    const Sent<Offer> offer = farm.Win(farm.Queue({job})).at(0);
    farm.Run(offer);
    farm.Step(StreamClosed{a});
    const StreamId again = farm.Hello("a", 1);
    end(farm, offer.token, job);
    EXPECT_THAT(farm.state.jobs, IsEmpty());
    domain::OpenedSession opened;
    opened.kept = {{.token = offer.token, .job = job, .session = SessionId{2}, .age = {}}};
    farm.Opened(again, opened);
    EXPECT_THAT(farm.state.jobs, IsEmpty());
    EXPECT_THAT(All<NoteRunning>(farm.last), IsEmpty());
  }
}

TEST(DispatchTest, OnlyTheNewestEndsAreRemembered) {
  Farm farm;
  for (size_t i = 1; i <= kEndedTokensMax + 1; ++i) {
    dispatch::Step(farm.state, AttemptEnded{AttemptToken{static_cast<int64_t>(i)}, kJob, std::nullopt}, farm.now);
  }
  EXPECT_EQ(farm.state.ended.size(), kEndedTokensMax);
  EXPECT_FALSE(farm.state.ended.contains(AttemptToken{1}));
}

TEST(DispatchTest, AnAttemptWhoseJobWaitsInTheStoreIsShownAsLost) {
  Farm farm;
  farm.Worker("a", 1);
  const QueuedJob job = farm.Job(10);
  const Sent<Offer> offer = farm.Win(farm.Queue({job})).at(0);
  farm.Run(offer);
  const auto lost = All<NoteLost>(farm.Step(QueueLoaded{Answer::kDone, JobId{1}, farm.state.steps + 1, {job}}));
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_EQ(lost[0].token, offer.token);
  EXPECT_EQ(lost[0].worker, "a");
  EXPECT_EQ(lost[0].job_state, JobState::kQueued);
}

TEST(DispatchTest, OverdueAttemptsThatCouldNotBeEndedAreAskedForAgainAndReadBackWhenTheyWereOver) {
  Farm farm;
  farm.Worker("a", 2);
  for (const Sent<Offer>& offer : farm.Win(farm.Queue({farm.Job(10), farm.Job(11)}))) farm.Run(offer);
  const auto first =
      All<LoseAttempts>(farm.Live(farm.state.options.attempt_deadline + kOverdueGrace + absl::Seconds(1)));
  ASSERT_EQ(first.size(), 1u);
  EXPECT_THAT(first[0].tokens, UnorderedElementsAre(AttemptToken{1}, AttemptToken{2})) << "one call for both";
  farm.Step(AttemptsLost{Answer::kFailed, first[0].tokens, {}});
  const auto second = All<LoseAttempts>(farm.Wait(kStoreRetry));
  ASSERT_EQ(second.size(), 1u);
  // Neither was lost by the call: they had completed, and the news went missing.
  const auto reads = All<ReadClaims>(farm.Step(AttemptsLost{Answer::kDone, second[0].tokens, {}}));
  ASSERT_EQ(reads.size(), 1u);
  EXPECT_THAT(reads[0].jobs, UnorderedElementsAre(JobId{10}, JobId{11}));
}

TEST(DispatchTest, AtMostFiveHundredOverdueAttemptsAreEndedInOneCall) {
  Farm farm;
  domain::OpenedSession opened;
  for (int i = 1; i <= domain::kClaimsMax + 1; ++i) {
    opened.kept.push_back(
        {.token = AttemptToken{i}, .job = farm.Job(i), .session = SessionId{1}, .age = absl::Hours(9)});
  }
  farm.Worker("a", 600, {kX86}, opened);
  const auto first = All<LoseAttempts>(farm.Wait({}));
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].tokens.size(), static_cast<size_t>(domain::kClaimsMax));
  farm.Step(AttemptsLost{Answer::kDone, first[0].tokens, {}});
  const auto second = All<LoseAttempts>(farm.Wait(kMoment));
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].tokens.size(), 1u);
}

}  // namespace
}  // namespace gofarm::dispatch
