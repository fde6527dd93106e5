// What every domain::DispatchStore must do, as one typed suite: the in-memory store of the simulation and the
// PostgreSQL store run the same tests, so what the simulation proves is proved over the meaning the real store has.
//
// A fixture F is default-constructible (a fresh, empty store per test) and has:
//   domain::DispatchStore& store();
//   leadership::LeadershipStore& leadership();
//   JobId AddJob(const std::string& module, const std::string& version, Target target, int priority);
//   void Cancel(JobId);                        // as batch cancel does
//   domain::CompleteResult Complete(domain::CompletedAttempt, domain::TryContext);  // as the attempt store does
//   void Pass(absl::Duration);                 // the store's own time goes on
//   JobState StateOf(JobId);
//   std::vector<std::pair<AttemptToken, AttemptOutcome>> AttemptsOf(JobId);   // by token
// Use: INSTANTIATE_TYPED_TEST_SUITE_P(Pg, DispatchStoreContract, PgFixture);
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/text.h"
#include "coordinator/domain/dispatch_store.h"
#include "coordinator/domain/leadership.h"
#include "coordinator/domain/retry_policy.h"
#include "coordinator/domain/types.h"

namespace gofarm::testing {

template <typename F>
class DispatchStoreContract : public ::testing::Test {
 protected:
  using Attempts = std::vector<std::pair<AttemptToken, AttemptOutcome>>;

  void SetUp() override { epoch_ = Lead("first"); }

  // The epoch of a leadership that this one took at once: the lease before it is over, or it has the same id.
  int64_t Lead(const std::string& id) {
    const auto answer =
        fixture_.leadership().Take(scope(), {.id = id, .holder = Cat("holder of ", id)}, leadership::kLease);
    EXPECT_TRUE(answer.ok()) << answer.status();
    EXPECT_TRUE(answer.ok() && answer->taken);
    return answer.ok() ? answer->leader.epoch : 0;
  }

  domain::DispatchStore& store() { return fixture_.store(); }
  static Scope scope() { return Scope::For(absl::Seconds(30)); }

  JobId Job(const std::string& module = "example.com/m", Target target = Target::kX86_64, int priority = 0) {
    return fixture_.AddJob(module, "v1.0.0", target, priority);
  }
  domain::OpenedSession Open(const std::string& worker, std::vector<AnnouncedAttempt> attempts = {},
                             const std::string& instance = "a", const std::string& proof = std::string(64, 'a'),
                             const std::string& fresh = std::string(64, 'a')) {
    domain::SessionRequest request{.name = worker,
                                   .instance = instance,
                                   .host_arch = "x86_64",
                                   .build_version = "test",
                                   .pid = 1,
                                   .targets = {Target::kX86_64},
                                   .slots = 4,
                                   .memory_bytes = 1 << 30,
                                   .isolation_error = "",
                                   .attempts = std::move(attempts),
                                   .proof_sha256 = proof,
                                   .fresh_secret_sha256 = fresh};
    auto opened = store().OpenSession(scope(), epoch_, request, domain::kLease);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *opened : domain::OpenedSession{};
  }
  domain::ClaimResult Claim(JobId job, SessionId session) {
    const auto results = store().ClaimOffers(scope(), epoch_, {{job, session}});
    EXPECT_TRUE(results.ok()) << results.status();
    return results.ok() && results->size() == 1 ? results->front() : domain::ClaimResult{};
  }
  domain::AcceptOutcome Accept(const domain::OfferRef& offer) {
    const auto outcomes = store().AcceptOffers(scope(), epoch_, {offer});
    EXPECT_TRUE(outcomes.ok()) << outcomes.status();
    return outcomes.ok() && outcomes->size() == 1 ? outcomes->front() : domain::AcceptOutcome::kStale;
  }
  domain::ReturnOutcome Return(const domain::OfferRef& offer) {
    const auto outcomes = store().ReturnOffers(scope(), epoch_, {offer});
    EXPECT_TRUE(outcomes.ok()) << outcomes.status();
    return outcomes.ok() && outcomes->size() == 1 ? outcomes->front() : domain::ReturnOutcome::kGone;
  }
  domain::ClaimState Read(JobId job) {
    const auto states = store().ReadClaims(scope(), {job});
    EXPECT_TRUE(states.ok()) << states.status();
    return states.ok() && states->size() == 1 ? states->front() : domain::ClaimState{};
  }
  domain::CompleteResult Complete(AttemptToken token, JobId job,
                                  AttemptOutcome outcome = AttemptOutcome::kNothingToBuild,
                                  FailureClass failure = FailureClass::kNone, const domain::TryContext& context = {}) {
    domain::CompletedAttempt ended{.token = token, .job = job};
    ended.outcome = outcome;
    ended.failure_class = failure;
    if (failure != FailureClass::kNone) ended.failure_detail = "detail";
    return fixture_.Complete(ended, context);
  }
  // An attempt of `job` that runs on `session`.
  AttemptToken Run(JobId job, SessionId session) {
    const domain::ClaimResult won = Claim(job, session);
    EXPECT_EQ(won.outcome, domain::ClaimOutcome::kWon);
    EXPECT_EQ(Accept({won.token, job, session}), domain::AcceptOutcome::kRunning);
    return won.token;
  }
  std::vector<JobId> Queue(JobId after = {}, int limit = 1000) {
    const auto loaded = store().LoadQueue(scope(), after, limit);
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    std::vector<JobId> ids;
    if (loaded.ok()) {
      for (const domain::QueuedJob& job : loaded->jobs) ids.push_back(job.id);
    }
    return ids;
  }

  F fixture_;
  int64_t epoch_ = 0;
};

TYPED_TEST_SUITE_P(DispatchStoreContract);

TYPED_TEST_P(DispatchStoreContract, QueueComesByPriorityThenAge) {
  const JobId first = this->Job("example.com/a");
  const JobId second = this->Job("example.com/b");
  const JobId urgent = this->Job("example.com/c", Target::kX86_64, 5);
  EXPECT_THAT(this->Queue(), ::testing::ElementsAre(urgent, first, second));
  EXPECT_THAT(this->Queue(first), ::testing::ElementsAre(urgent, second)) << "only ids above `after`";
  EXPECT_THAT(this->Queue({}, 1), ::testing::ElementsAre(urgent)) << "at most `limit`";
}

TYPED_TEST_P(DispatchStoreContract, OfferedAndRunningJobsAreNotInTheQueue) {
  const SessionId session = this->Open("w").session;
  const JobId offered = this->Job("example.com/a");
  const JobId running = this->Job("example.com/b");
  this->Claim(offered, session);
  this->Run(running, session);
  EXPECT_THAT(this->Queue(), ::testing::IsEmpty());
}

TYPED_TEST_P(DispatchStoreContract, AJobIsClaimedOnceAndTokensOnlyGrow) {
  const SessionId session = this->Open("w").session;
  const JobId a = this->Job("example.com/a");
  const JobId b = this->Job("example.com/b");
  const auto results = this->store().ClaimOffers(this->scope(), this->epoch_, {{b, session}, {a, session}});
  ASSERT_TRUE(results.ok());
  ASSERT_EQ(results->size(), 2u);
  EXPECT_EQ(results->at(0).job, b) << "answers stand in the order of the requests";
  EXPECT_EQ(results->at(1).job, a);
  EXPECT_NE(results->at(0).token, results->at(1).token);
  EXPECT_EQ(this->Claim(a, session).outcome, domain::ClaimOutcome::kJobGone) << "offered already";
  const domain::OfferRef offer{results->at(1).token, a, session};
  EXPECT_EQ(this->Return(offer), domain::ReturnOutcome::kReturned);
  const domain::ClaimResult again = this->Claim(a, session);
  EXPECT_EQ(again.outcome, domain::ClaimOutcome::kWon);
  EXPECT_GT(again.token, offer.token) << "a token is never used again";
}

TYPED_TEST_P(DispatchStoreContract, AClaimForASessionThatIsGoneSaysSo) {
  const JobId job = this->Job();
  EXPECT_EQ(this->Claim(job, SessionId{987654}).outcome, domain::ClaimOutcome::kSessionGone);
  EXPECT_THAT(this->Queue(), ::testing::ElementsAre(job));
}

TYPED_TEST_P(DispatchStoreContract, AReturnedOfferLeavesNoAttemptAndCannotBeAccepted) {
  const SessionId session = this->Open("w").session;
  const JobId job = this->Job();
  const domain::OfferRef offer{this->Claim(job, session).token, job, session};
  EXPECT_EQ(this->Return(offer), domain::ReturnOutcome::kReturned);
  EXPECT_EQ(this->Return(offer), domain::ReturnOutcome::kGone) << "a repeat has nothing to return";
  EXPECT_EQ(this->Accept(offer), domain::AcceptOutcome::kStale);
  EXPECT_THAT(this->fixture_.AttemptsOf(job), ::testing::IsEmpty());
  EXPECT_THAT(this->Queue(), ::testing::ElementsAre(job));
}

TYPED_TEST_P(DispatchStoreContract, AnAcceptedOfferRunsAndARepeatedAcceptAnswersTheSame) {
  const SessionId session = this->Open("w").session;
  const JobId job = this->Job();
  const domain::OfferRef offer{this->Claim(job, session).token, job, session};
  EXPECT_EQ(this->Accept(offer), domain::AcceptOutcome::kRunning);
  EXPECT_EQ(this->Accept(offer), domain::AcceptOutcome::kRunning);
  EXPECT_EQ(this->Return(offer), domain::ReturnOutcome::kGone) << "a running attempt is no offer";
  EXPECT_EQ(this->fixture_.StateOf(job), JobState::kRunning);
  EXPECT_THAT(this->fixture_.AttemptsOf(job), ::testing::ElementsAre(std::pair(offer.token, AttemptOutcome::kRunning)));
  this->Complete(offer.token, job);
  EXPECT_EQ(this->Accept(offer), domain::AcceptOutcome::kRunning) << "it completed under this token";
}

TYPED_TEST_P(DispatchStoreContract, OnlyTheOffersOwnSessionAccepts) {
  const SessionId session = this->Open("w").session;
  const SessionId other = this->Open("x").session;
  const JobId job = this->Job();
  const AttemptToken token = this->Claim(job, session).token;
  EXPECT_EQ(this->Accept({token, job, other}), domain::AcceptOutcome::kStale);
  EXPECT_EQ(this->Accept({token, job, session}), domain::AcceptOutcome::kRunning);
}

TYPED_TEST_P(DispatchStoreContract, ReadingClaimsTellsWhatBecameOfAJob) {
  const SessionId session = this->Open("w").session;
  const JobId job = this->Job();
  EXPECT_TRUE(this->Read(job).in_queue);
  EXPECT_FALSE(this->Read(job).token);
  const AttemptToken token = this->Claim(job, session).token;
  EXPECT_EQ(this->Read(job).token, token);
  EXPECT_EQ(this->Read(job).session, session);
  EXPECT_FALSE(this->Read(job).running);
  this->Accept({token, job, session});
  EXPECT_TRUE(this->Read(job).running);
  EXPECT_EQ(this->Read(job).token, token);
  this->Complete(token, job);
  EXPECT_FALSE(this->Read(job).in_queue);
}

TYPED_TEST_P(DispatchStoreContract, CompletingEndsTheJobAndARepeatGetsTheSameAnswer) {
  const SessionId session = this->Open("w").session;
  const JobId job = this->Job();
  const AttemptToken token = this->Run(job, session);
  const domain::CompleteResult first = this->Complete(token, job);
  EXPECT_EQ(first.outcome, domain::CompleteOutcome::kEnded);
  EXPECT_EQ(first.job_state, JobState::kNothingToBuild);
  EXPECT_FALSE(first.repeated);
  EXPECT_FALSE(first.requeued.has_value());
  const domain::CompleteResult second = this->Complete(token, job);
  EXPECT_EQ(second.outcome, domain::CompleteOutcome::kEnded);
  EXPECT_EQ(second.job_state, JobState::kNothingToBuild);
  EXPECT_TRUE(second.repeated);
  EXPECT_THAT(this->Queue(), ::testing::IsEmpty());
}

TYPED_TEST_P(DispatchStoreContract, ATokenThatIsNotCurrentCompletesNothing) {
  const SessionId session = this->Open("w").session;
  const JobId job = this->Job();
  const AttemptToken token = this->Run(job, session);
  const JobId other = this->Job("example.com/other");
  const AttemptToken others = this->Run(other, session);
  EXPECT_EQ(this->Complete(AttemptToken{token.value + 1000}, job).outcome, domain::CompleteOutcome::kStale);
  EXPECT_EQ(this->Complete(others, job).outcome, domain::CompleteOutcome::kStale) << "another job's token";
  EXPECT_EQ(this->fixture_.StateOf(job), JobState::kRunning);
}

TYPED_TEST_P(DispatchStoreContract, CompletingBeforeTheAcceptIsStoredIsToBeAskedAgain) {
  const SessionId session = this->Open("w").session;
  const JobId job = this->Job();
  const AttemptToken token = this->Claim(job, session).token;
  EXPECT_EQ(this->Complete(token, job).outcome, domain::CompleteOutcome::kNotAccepted);
  this->Accept({token, job, session});
  EXPECT_EQ(this->Complete(token, job).outcome, domain::CompleteOutcome::kEnded);
}

TYPED_TEST_P(DispatchStoreContract, AFailureOfTheFarmIsTriedAgainLater) {
  const SessionId session = this->Open("w").session;
  const JobId job = this->Job();
  const domain::CompleteResult result =
      this->Complete(this->Run(job, session), job, AttemptOutcome::kFailed, FailureClass::kProxyError);
  EXPECT_EQ(result.job_state, JobState::kQueued);
  ASSERT_TRUE(result.requeued.has_value());
  EXPECT_EQ(result.requeued->id, job);
  EXPECT_GT(result.requeued->not_before, result.requeued->queued_at);
  EXPECT_THAT(this->Queue(), ::testing::ElementsAre(job));
  EXPECT_EQ(this->fixture_.StateOf(job), JobState::kQueued);
}

TYPED_TEST_P(DispatchStoreContract, ACompletionIsAnsweredWithWhatWasRecorded) {
  const SessionId session = this->Open("w").session;
  const JobId job = this->Job();
  const AttemptToken token = this->Run(job, session);
  for (const bool repeated : {false, true}) {
    const auto result = this->Complete(token, job, AttemptOutcome::kCancelled);  // nobody asked for it
    EXPECT_EQ(result.repeated, repeated);
    EXPECT_EQ(result.recorded, AttemptOutcome::kFailed);
    EXPECT_EQ(result.recorded_failure, FailureClass::kInternal);
  }
}

TYPED_TEST_P(DispatchStoreContract, RunningOutOfTimeIsTriedOnceElsewhere) {
  const SessionId session = this->Open("w").session;
  const JobId job = this->Job();
  const auto first = this->Complete(this->Run(job, session), job, AttemptOutcome::kFailed, FailureClass::kTimeout);
  ASSERT_TRUE(first.requeued.has_value());
  EXPECT_EQ(first.requeued->avoid_worker, "w");
  const auto second = this->Complete(this->Run(job, session), job, AttemptOutcome::kFailed, FailureClass::kTimeout);
  EXPECT_EQ(second.job_state, JobState::kFailed);
  EXPECT_FALSE(second.requeued.has_value());
}

TYPED_TEST_P(DispatchStoreContract, AJobEndsForItsWorkersFaultsOnlyAfterTwoWorkersFailedIt) {
  const JobId job = this->Job();
  const auto fail = [&](const std::string& worker) {
    this->fixture_.Pass(absl::Minutes(10));
    const SessionId session = this->Open(worker).session;
    return this->Complete(this->Run(job, session), job, AttemptOutcome::kFailed, FailureClass::kProxyError,
                          {.others = true});
  };
  for (int i = 0; i <= domain::kInfraRetriesMax; ++i) {
    const auto result = fail("a");
    ASSERT_EQ(result.job_state, JobState::kQueued) << i;
    EXPECT_EQ(result.requeued->avoid_worker, "a");
  }
  EXPECT_EQ(fail("b").job_state, JobState::kFailed);
}

TYPED_TEST_P(DispatchStoreContract, OnlyWhoHasTheFormerSessionsSecretTakesItsAttemptsOver) {
  const std::string secret(64, '1'), other(64, '2'), third(64, '3');
  this->Open("w", {}, "a", other, secret);
  const domain::OpenedSession first = this->Open("w", {}, "a", secret, other);
  EXPECT_TRUE(first.same_secret);
  const JobId job = this->Job();
  const AttemptToken token = this->Run(job, first.session);
  const domain::OpenedSession again = this->Open("w", {{token, job}}, "a", secret, third);
  EXPECT_TRUE(again.same_secret) << "it stays the same for as long as each session proves it";
  EXPECT_EQ(again.kept.size(), 1u);
  const domain::OpenedSession thief = this->Open("w", {{token, job}}, "a", other, third);
  EXPECT_FALSE(thief.same_secret);
  EXPECT_TRUE(thief.kept.empty());
  EXPECT_EQ(thief.dropped, std::vector<AttemptToken>{token});
  ASSERT_EQ(thief.lost.size(), 1u);
  EXPECT_EQ(thief.lost[0].token, token);
  EXPECT_FALSE(this->Open("w", {}, "a", secret, other).same_secret) << "nor does the former one come back";
  EXPECT_FALSE(this->Open("x", {}, "a", other, secret).same_secret)
      << "a worker without a former session has no secret";
}

TYPED_TEST_P(DispatchStoreContract, ASecondSessionKeepsWhatItAnnouncesAndLosesTheRest) {
  const SessionId session = this->Open("w").session;
  const JobId kept = this->Job("example.com/kept");
  const JobId lost = this->Job("example.com/lost");
  const JobId offered = this->Job("example.com/offered");
  const AttemptToken kept_token = this->Run(kept, session);
  const AttemptToken lost_token = this->Run(lost, session);
  const AttemptToken offer = this->Claim(offered, session).token;
  const domain::OpenedSession opened = this->Open(
      "w", {{kept_token, kept, false}, {AttemptToken{123456}, JobId{1}, true}, {offer, offered, false}}, "b");
  EXPECT_NE(opened.session, session);
  EXPECT_THAT(opened.superseded, ::testing::ElementsAre(session));
  ASSERT_EQ(opened.kept.size(), 1u);
  EXPECT_EQ(opened.kept[0].token, kept_token);
  EXPECT_EQ(opened.kept[0].job.id, kept);
  EXPECT_EQ(opened.kept[0].job.module, "example.com/kept");
  EXPECT_EQ(opened.kept[0].session, opened.session);
  EXPECT_FALSE(opened.kept[0].cancel_requested);
  EXPECT_THAT(opened.dropped, ::testing::UnorderedElementsAre(AttemptToken{123456}, offer))
      << "an offer whose Accept was never stored is no attempt";
  ASSERT_EQ(opened.lost.size(), 1u);
  EXPECT_EQ(opened.lost[0].token, lost_token);
  EXPECT_EQ(opened.lost[0].worker, "w");
  ASSERT_TRUE(opened.lost[0].requeued.has_value());
  EXPECT_EQ(opened.lost[0].requeued->id, lost);
  EXPECT_EQ(opened.lost[0].job_state, JobState::kQueued);
  EXPECT_EQ(this->Accept({offer, offered, session}), domain::AcceptOutcome::kStale);
  EXPECT_THAT(this->Queue(), ::testing::UnorderedElementsAre(lost, offered));
  EXPECT_EQ(this->Complete(lost_token, lost).outcome, domain::CompleteOutcome::kStale);
  EXPECT_EQ(this->Complete(kept_token, kept).outcome, domain::CompleteOutcome::kEnded);
}

TYPED_TEST_P(DispatchStoreContract, OtherWorkersSessionsAreLeftAlone) {
  const SessionId session = this->Open("w").session;
  const JobId job = this->Job();
  const AttemptToken token = this->Run(job, session);
  const domain::OpenedSession other = this->Open("x", {{token, job, false}});
  EXPECT_THAT(other.dropped, ::testing::ElementsAre(token)) << "announced by a worker that does not run it";
  EXPECT_EQ(this->Complete(token, job).outcome, domain::CompleteOutcome::kEnded);
}

TYPED_TEST_P(DispatchStoreContract, ASessionThatIsRenewedLivesAndOneThatIsNotExpires) {
  const SessionId silent = this->Open("silent").session;
  const SessionId alive = this->Open("alive").session;
  const JobId job = this->Job();
  const AttemptToken token = this->Run(job, silent);
  const JobId offered = this->Job("example.com/offered");
  const AttemptToken offer = this->Claim(offered, silent).token;
  this->fixture_.Pass(domain::kLease * 0.7);
  const auto gone =
      this->store().RenewSessions(this->scope(), this->epoch_, {alive, SessionId{987654}}, domain::kLease);
  ASSERT_TRUE(gone.ok());
  EXPECT_THAT(*gone, ::testing::ElementsAre(SessionId{987654}));
  EXPECT_THAT(this->store().ExpireSessions(this->scope(), this->epoch_)->sessions, ::testing::IsEmpty());
  this->fixture_.Pass(domain::kLease * 0.7);
  const auto expired = this->store().ExpireSessions(this->scope(), this->epoch_);
  ASSERT_TRUE(expired.ok());
  EXPECT_THAT(expired->sessions, ::testing::ElementsAre(silent));
  ASSERT_EQ(expired->lost.size(), 1u);
  EXPECT_EQ(expired->lost[0].token, token);
  ASSERT_TRUE(expired->lost[0].requeued.has_value());
  EXPECT_THAT(this->fixture_.AttemptsOf(job), ::testing::ElementsAre(std::pair(token, AttemptOutcome::kLost)));
  EXPECT_EQ(this->Complete(token, job).outcome, domain::CompleteOutcome::kStale);
  EXPECT_EQ(this->Accept({offer, offered, silent}), domain::AcceptOutcome::kStale);
  EXPECT_THAT(this->Queue(), ::testing::UnorderedElementsAre(job, offered));
}

TYPED_TEST_P(DispatchStoreContract, ANewCoordinatorStartsEveryLeaseAnewAndTakesOffersBack) {
  const SessionId session = this->Open("w").session;
  const JobId job = this->Job();
  const AttemptToken token = this->Run(job, session);
  const JobId offered = this->Job("example.com/offered");
  const AttemptToken offer = this->Claim(offered, session).token;
  this->fixture_.Pass(domain::kLease * 10);
  this->epoch_ = this->Lead("first");
  ASSERT_TRUE(this->store().ResetLeasesAtStart(this->scope(), this->epoch_, domain::kLease).ok());
  EXPECT_THAT(this->store().ExpireSessions(this->scope(), this->epoch_)->sessions, ::testing::IsEmpty());
  EXPECT_EQ(this->Accept({offer, offered, session}), domain::AcceptOutcome::kStale);
  EXPECT_THAT(this->Queue(), ::testing::ElementsAre(offered));
  const domain::OpenedSession opened = this->Open("w", {{token, job, false}});
  ASSERT_EQ(opened.kept.size(), 1u);
  EXPECT_EQ(opened.kept[0].token, token);
}

TYPED_TEST_P(DispatchStoreContract, ExtendingLeasesLeavesOffersOpen) {
  const SessionId session = this->Open("w").session;
  const JobId job = this->Job();
  const AttemptToken offer = this->Claim(job, session).token;
  this->fixture_.Pass(domain::kLease * 2);
  ASSERT_TRUE(this->store().ExtendLeases(this->scope(), this->epoch_, domain::kLease).ok());
  EXPECT_THAT(this->store().ExpireSessions(this->scope(), this->epoch_)->sessions, ::testing::IsEmpty());
  EXPECT_EQ(this->Accept({offer, job, session}), domain::AcceptOutcome::kRunning);
}

TYPED_TEST_P(DispatchStoreContract, AFormerLeaderWritesNothing) {
  const SessionId session = this->Open("w").session;
  const JobId job = this->Job();
  const AttemptToken token = this->Claim(job, session).token;
  const int64_t former = this->epoch_;
  this->epoch_ = this->Lead("first");
  EXPECT_GT(this->epoch_, former);
  domain::DispatchStore& store = this->store();
  const auto refused = [](const absl::Status& status) { return absl::IsFailedPrecondition(status); };
  EXPECT_TRUE(refused(store.ClaimOffers(this->scope(), former, {{job, session}}).status()));
  EXPECT_TRUE(refused(store.AcceptOffers(this->scope(), former, {{token, job, session}}).status()));
  EXPECT_TRUE(refused(store.ReturnOffers(this->scope(), former, {{token, job, session}}).status()));
  EXPECT_TRUE(refused(store.RenewSessions(this->scope(), former, {session}, domain::kLease).status()));
  EXPECT_TRUE(refused(store.ExpireSessions(this->scope(), former).status()));
  EXPECT_TRUE(refused(store.ResetLeasesAtStart(this->scope(), former, domain::kLease)));
  EXPECT_EQ(this->Accept({token, job, session}), domain::AcceptOutcome::kRunning) << "the offer is untouched";
}

TYPED_TEST_P(DispatchStoreContract, TheLeadershipIsTakenWhenItsLeaseIsOverAndByItsOwnIdAtOnce) {
  leadership::LeadershipStore& store = this->fixture_.leadership();
  const auto take = [&](const std::string& id) {
    return *store.Take(this->scope(), {.id = id, .holder = "holder of " + id}, leadership::kLease);
  };
  const leadership::TakeAnswer early = take("second");
  EXPECT_FALSE(early.taken);
  EXPECT_EQ(early.leader.epoch, this->epoch_);
  EXPECT_EQ(early.leader.holder, "holder of first");
  EXPECT_GT(early.leader.lease_left, absl::ZeroDuration());
  EXPECT_LE(early.leader.lease_left, leadership::kLease);

  this->fixture_.Pass(leadership::kLease * 0.7);
  ASSERT_TRUE(store.Renew(this->scope(), this->epoch_, leadership::kLease).ok());
  this->fixture_.Pass(leadership::kLease * 0.7);
  EXPECT_FALSE(take("second").taken) << "it was renewed";
  this->fixture_.Pass(leadership::kLease * 0.7);
  ASSERT_TRUE(store.Renew(this->scope(), this->epoch_, leadership::kLease).ok()) << "nobody took it meanwhile";
  EXPECT_FALSE(take("second").taken);

  const leadership::TakeAnswer again = take("first");
  EXPECT_TRUE(again.taken) << "the former process of the same id is dead";
  EXPECT_GT(again.leader.epoch, this->epoch_);
  EXPECT_TRUE(absl::IsFailedPrecondition(store.Renew(this->scope(), this->epoch_, leadership::kLease)));

  this->fixture_.Pass(leadership::kLease * 1.1);
  const leadership::TakeAnswer late = take("second");
  EXPECT_TRUE(late.taken);
  EXPECT_GT(late.leader.epoch, again.leader.epoch);
  EXPECT_TRUE(absl::IsFailedPrecondition(store.Renew(this->scope(), again.leader.epoch, leadership::kLease)));
  EXPECT_FALSE(take("first").taken);
}

TYPED_TEST_P(DispatchStoreContract, ALeadershipThatIsGivenBackIsFreeAtOnceAndOnlyItsLeaderGivesItBack) {
  leadership::LeadershipStore& store = this->fixture_.leadership();
  const leadership::Claim second{.id = "second", .holder = "b"};
  ASSERT_TRUE(store.Release(this->scope(), this->epoch_ - 1).ok());
  EXPECT_FALSE(store.Take(this->scope(), second, leadership::kLease)->taken);
  ASSERT_TRUE(store.Release(this->scope(), this->epoch_).ok());
  EXPECT_TRUE(store.Take(this->scope(), second, leadership::kLease)->taken);
}

TYPED_TEST_P(DispatchStoreContract, GoodbyeLosesAttemptsAndCountsNothing) {
  const JobId job = this->Job();
  for (int i = 0; i < 2 * domain::kInfraRetriesMax; ++i) {
    const SessionId session = this->Open("w").session;
    const AttemptToken token = this->Run(job, session);
    const auto ended = this->store().EndSessions(this->scope(), this->epoch_, {session});
    ASSERT_TRUE(ended.ok());
    EXPECT_THAT(ended->sessions, ::testing::ElementsAre(session));
    ASSERT_EQ(ended->lost.size(), 1u);
    EXPECT_EQ(ended->lost[0].token, token);
    ASSERT_TRUE(ended->lost[0].requeued.has_value()) << "after " << i + 1 << " goodbyes";
  }
  EXPECT_EQ(this->fixture_.StateOf(job), JobState::kQueued);
}

TYPED_TEST_P(DispatchStoreContract, AJobWhoseWorkersKeepDyingFailsInTheEnd) {
  const JobId job = this->Job();
  for (int i = 0; i <= domain::kInfraRetriesMax; ++i) {
    const SessionId session = this->Open("w").session;
    this->Run(job, session);
    const domain::OpenedSession restarted = this->Open("w", {}, "b");
    ASSERT_EQ(restarted.lost.size(), 1u);
    EXPECT_EQ(restarted.lost[0].requeued.has_value(), i < domain::kInfraRetriesMax) << "loss " << i + 1;
  }
  EXPECT_EQ(this->fixture_.StateOf(job), JobState::kFailed);
}

TYPED_TEST_P(DispatchStoreContract, OverdueAttemptsAreLostAndOthersPassedOver) {
  const SessionId session = this->Open("w").session;
  const JobId job = this->Job();
  const AttemptToken token = this->Run(job, session);
  const auto lost = this->store().LoseAttempts(this->scope(), this->epoch_, {token, AttemptToken{123456}});
  ASSERT_TRUE(lost.ok());
  ASSERT_EQ(lost->size(), 1u);
  EXPECT_EQ(lost->front().token, token);
  EXPECT_EQ(this->Complete(token, job).outcome, domain::CompleteOutcome::kStale);
  EXPECT_THAT(*this->store().LoseAttempts(this->scope(), this->epoch_, {token}), ::testing::IsEmpty());
}

TYPED_TEST_P(DispatchStoreContract, ACancelledOfferIsDeadAndACancelledAttemptEndsTheJob) {
  const SessionId session = this->Open("w").session;
  const JobId offered = this->Job("example.com/offered");
  const JobId running = this->Job("example.com/running");
  const JobId lost = this->Job("example.com/lost");
  const AttemptToken offer = this->Claim(offered, session).token;
  const AttemptToken token = this->Run(running, session);
  const AttemptToken lost_token = this->Run(lost, session);
  this->fixture_.Cancel(offered);
  this->fixture_.Cancel(running);
  this->fixture_.Cancel(lost);
  EXPECT_EQ(this->Accept({offer, offered, session}), domain::AcceptOutcome::kStale);
  EXPECT_EQ(this->fixture_.StateOf(offered), JobState::kCancelled);
  EXPECT_THAT(this->Queue(), ::testing::IsEmpty());
  const domain::OpenedSession opened = this->Open("w", {{token, running, false}});
  ASSERT_EQ(opened.kept.size(), 1u);
  EXPECT_TRUE(opened.kept[0].cancel_requested) << "so that Cancel is sent again";
  ASSERT_EQ(opened.lost.size(), 1u);
  EXPECT_EQ(opened.lost[0].token, lost_token);
  EXPECT_FALSE(opened.lost[0].requeued.has_value()) << "nobody wants it any more";
  EXPECT_EQ(opened.lost[0].job_state, JobState::kCancelled);
  EXPECT_EQ(this->fixture_.StateOf(lost), JobState::kCancelled);
  EXPECT_EQ(this->Complete(token, running, AttemptOutcome::kCancelled).job_state, JobState::kCancelled);
}

REGISTER_TYPED_TEST_SUITE_P(
    DispatchStoreContract, QueueComesByPriorityThenAge, OfferedAndRunningJobsAreNotInTheQueue,
    AJobIsClaimedOnceAndTokensOnlyGrow, AClaimForASessionThatIsGoneSaysSo,
    AReturnedOfferLeavesNoAttemptAndCannotBeAccepted, AnAcceptedOfferRunsAndARepeatedAcceptAnswersTheSame,
    OnlyTheOffersOwnSessionAccepts, ReadingClaimsTellsWhatBecameOfAJob, CompletingEndsTheJobAndARepeatGetsTheSameAnswer,
    ATokenThatIsNotCurrentCompletesNothing, CompletingBeforeTheAcceptIsStoredIsToBeAskedAgain,
    AFailureOfTheFarmIsTriedAgainLater, ACompletionIsAnsweredWithWhatWasRecorded, RunningOutOfTimeIsTriedOnceElsewhere,
    AJobEndsForItsWorkersFaultsOnlyAfterTwoWorkersFailedIt, OnlyWhoHasTheFormerSessionsSecretTakesItsAttemptsOver,
    ASecondSessionKeepsWhatItAnnouncesAndLosesTheRest, OtherWorkersSessionsAreLeftAlone,
    ASessionThatIsRenewedLivesAndOneThatIsNotExpires, ANewCoordinatorStartsEveryLeaseAnewAndTakesOffersBack,
    ExtendingLeasesLeavesOffersOpen, AFormerLeaderWritesNothing,
    TheLeadershipIsTakenWhenItsLeaseIsOverAndByItsOwnIdAtOnce,
    ALeadershipThatIsGivenBackIsFreeAtOnceAndOnlyItsLeaderGivesItBack, GoodbyeLosesAttemptsAndCountsNothing,
    AJobWhoseWorkersKeepDyingFailsInTheEnd, OverdueAttemptsAreLostAndOthersPassedOver,
    ACancelledOfferIsDeadAndACancelledAttemptEndsTheJob);

}  // namespace gofarm::testing
