#include "worker/agent/session_logic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gofarm::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

template <typename E>
std::vector<E> All(const std::vector<Effect>& effects) {
  std::vector<E> found;
  for (const Effect& effect : effects) {
    if (const E* e = std::get_if<E>(&effect)) found.push_back(*e);
  }
  return found;
}

class SessionLogicTest : public ::testing::Test {
 protected:
  std::vector<Effect> On(const Event& event) { return Step(state_, event, now_); }
  std::vector<Effect> Wait(absl::Duration d) {
    now_ += d;
    return On(Tick{0.5});
  }
  // Dialled, greeted and welcomed.
  std::vector<Effect> GoLive(std::vector<AttemptToken> keep = {}, std::vector<AttemptToken> drop = {}) {
    if (state_.link == SessionState::Link::kDown) On(Started{0});
    On(Connected{state_.link_number});
    return On(Welcome(std::move(keep), std::move(drop)));
  }
  WelcomeReceived Welcome(std::vector<AttemptToken> keep = {}, std::vector<AttemptToken> drop = {}) const {
    return {state_.link_number, epoch_, SessionId{1}, absl::Seconds(5), std::move(keep), std::move(drop), {"t"}};
  }
  std::vector<Effect> Offered(int64_t token, Target target = Target::kX86_64, const std::string& toolset = "t") {
    Offer offer;
    offer.token = AttemptToken{token};
    offer.job = JobId{token + 100};
    offer.target = target;
    offer.toolset = toolset;
    return On(OfferReceived{state_.link_number, epoch_, offer});
  }

  SessionState state_{
      SessionConfig{.slots = 2, .targets = {Target::kX86_64}, .coordinators = 2, .isolation_error = ""}};
  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  int64_t epoch_ = 3;
};

TEST_F(SessionLogicTest, AWelcomedWorkerSaysHowManySlotsAreFree) {
  On(Started{0});
  EXPECT_EQ(All<SendHello>(On(Connected{1})).size(), 1u);
  const auto effects = On(Welcome());
  ASSERT_EQ(All<SendReady>(effects).size(), 1u);
  EXPECT_EQ(All<SendReady>(effects)[0].free_slots, 2);
  EXPECT_EQ(All<SendReport>(effects).size(), 1u);
}

TEST_F(SessionLogicTest, AnOfferIsAcceptedAndItsBuildStartsInAFreeSlot) {
  GoLive();
  const auto effects = Offered(1);
  EXPECT_EQ(All<SendAccept>(effects).at(0).token, AttemptToken{1});
  EXPECT_EQ(All<StartBuild>(effects).at(0).slot, 0);
  EXPECT_EQ(All<SendReady>(effects).at(0).free_slots, 1);
  EXPECT_EQ(All<StartBuild>(Offered(2)).at(0).slot, 1);
  EXPECT_THAT(Offered(2), IsEmpty()) << "a repeated offer";
}

TEST_F(SessionLogicTest, OffersThatCannotBeBuiltAreRefusedWithTheReason) {
  GoLive();
  EXPECT_EQ(All<SendRefuse>(Offered(1, Target::kRiscv64)).at(0).reason, RefuseReason::kUnsupportedTarget);
  EXPECT_EQ(All<SendRefuse>(Offered(9, static_cast<Target>(77))).at(0).reason, RefuseReason::kUnsupportedTarget);
  EXPECT_EQ(All<SendRefuse>(Offered(2, Target::kX86_64, "other")).at(0).reason, RefuseReason::kUnknownToolset);
  const SendReady full = All<SendReady>(On(DiskSpace{true})).at(0);
  EXPECT_EQ(full.free_slots, 0);
  EXPECT_TRUE(full.disk_full);
  EXPECT_EQ(All<SendRefuse>(Offered(3)).at(0).reason, RefuseReason::kDiskFull);
  EXPECT_FALSE(All<SendReady>(On(DiskSpace{false})).at(0).disk_full);
  Offered(4);
  Offered(5);
  EXPECT_EQ(All<SendRefuse>(Offered(6)).at(0).reason, RefuseReason::kNoFreeSlot);
  EXPECT_TRUE(All<SendReady>(On(DrainReceived{state_.link_number, epoch_})).at(0).draining);
  EXPECT_EQ(All<SendRefuse>(Offered(7)).at(0).reason, RefuseReason::kDraining);
}

TEST_F(SessionLogicTest, AHostThatIsMendedIsToldByANewHello) {
  state_.config.isolation_error = "no user namespaces";
  GoLive();
  EXPECT_THAT(On(IsolationChanged{"no bubblewrap"}), IsEmpty()) << "other words alone";
  EXPECT_EQ(All<Hangup>(On(IsolationChanged{""})).size(), 1u);
  On(Disconnected{state_.link_number, 0});
  EXPECT_EQ(All<SendHello>(On(Connected{state_.link_number})).size(), 1u);
  EXPECT_EQ(All<SendReady>(On(Welcome())).at(0).free_slots, 2);
  EXPECT_EQ(All<SendAccept>(Offered(1)).size(), 1u);
}

TEST_F(SessionLogicTest, AHostThatCanNoLongerIsolateTakesNoMoreAndFinishesWhatRuns) {
  GoLive();
  Offered(1);
  const auto effects = On(IsolationChanged{"user namespaces are off"});
  EXPECT_EQ(All<Hangup>(effects).size(), 1u);
  EXPECT_THAT(All<StopBuild>(effects), IsEmpty());
  EXPECT_EQ(All<SendRefuse>(Offered(2)).at(0).detail, "user namespaces are off");
  On(Disconnected{state_.link_number, 0});
  EXPECT_EQ(All<SendHello>(On(Connected{state_.link_number})).at(0).attempts.size(), 1u);
}

TEST_F(SessionLogicTest, UntilAFullDiskLetsTheHostBeLookedAtTheDiskIsFull) {
  state_.config.isolation_unproven = true;
  const SendReady full = All<SendReady>(GoLive()).at(0);
  EXPECT_EQ(full.free_slots, 0);
  EXPECT_TRUE(full.disk_full);
  EXPECT_THAT(All<SendReady>(On(DiskSpace{false})), IsEmpty());
  EXPECT_EQ(All<SendRefuse>(Offered(1)).at(0).reason, RefuseReason::kDiskFull) << "room alone proves nothing";
  const auto proven = On(IsolationChanged{""});
  EXPECT_THAT(All<Hangup>(proven), IsEmpty());
  EXPECT_EQ(All<SendReady>(proven).at(0).free_slots, 2);
  EXPECT_EQ(All<SendAccept>(Offered(2)).size(), 1u);
}

TEST_F(SessionLogicTest, AHostThatProvesUnableOnceTheDiskHasRoomSaysSo) {
  state_.config.isolation_unproven = true;
  GoLive();
  EXPECT_EQ(All<Hangup>(On(IsolationChanged{"no user namespaces"})).size(), 1u);
  EXPECT_EQ(All<SendRefuse>(Offered(1)).at(0).reason, RefuseReason::kCannotIsolate);
}

TEST_F(SessionLogicTest, AWorkerThatCannotIsolateRefusesEverything) {
  state_.config.isolation_error = "no user namespaces";
  EXPECT_EQ(All<SendReady>(GoLive()).at(0).free_slots, 0);
  const SendRefuse refusal = All<SendRefuse>(Offered(1)).at(0);
  EXPECT_EQ(refusal.reason, RefuseReason::kCannotIsolate);
  EXPECT_EQ(refusal.detail, "no user namespaces");
}

TEST_F(SessionLogicTest, ASlotIsFreeOnceTheCompletionIsAnswered) {
  GoLive();
  Offered(1);
  EXPECT_EQ(All<SendComplete>(On(AttemptFinished{AttemptToken{1}})).at(0).token, AttemptToken{1});
  EXPECT_EQ(state_.FreeSlots(), 1);
  const auto effects = On(CompleteAnswered{AttemptToken{1}, CompleteAnswer::kRecorded, 0});
  EXPECT_EQ(All<DiscardResult>(effects).size(), 1u);
  EXPECT_EQ(All<SendReady>(effects).at(0).free_slots, 2);
}

TEST_F(SessionLogicTest, ACompletionIsRepeatedUntilItIsAnswered) {
  GoLive();
  Offered(1);
  On(AttemptFinished{AttemptToken{1}});
  for (int i = 1; i <= 4; ++i) {
    EXPECT_THAT(On(CompleteAnswered{AttemptToken{1}, CompleteAnswer::kRetry, 0.99}), IsEmpty());
    EXPECT_THAT(All<SendComplete>(On(Tick{})), IsEmpty()) << "not at once";
    EXPECT_EQ(All<SendComplete>(Wait(kCompleteBackoff.longest)).size(), 1u);
  }
  EXPECT_EQ(All<DiscardResult>(On(CompleteAnswered{AttemptToken{1}, CompleteAnswer::kStale, 0})).size(), 1u);
}

TEST_F(SessionLogicTest, LosingTheSessionEndsNoBuildAndHelloTellsOfIt) {
  GoLive();
  Offered(1);
  Offered(2);
  const auto effects = On(Disconnected{state_.link_number, 0.5});
  EXPECT_THAT(All<StopBuild>(effects), IsEmpty());
  ASSERT_EQ(All<Dial>(effects).size(), 1u);
  EXPECT_EQ(All<Dial>(effects)[0].address, 1) << "the other coordinator's address is tried next";
  EXPECT_GT(All<Dial>(effects)[0].after, absl::ZeroDuration());
  EXPECT_THAT(All<SendComplete>(On(AttemptFinished{AttemptToken{2}})), IsEmpty()) << "nobody to tell";
  const auto hello = All<SendHello>(On(Connected{state_.link_number}));
  ASSERT_EQ(hello.size(), 1u);
  EXPECT_THAT(hello[0].attempts, ElementsAre(AnnouncedAttempt{AttemptToken{1}, JobId{101}, false},
                                             AnnouncedAttempt{AttemptToken{2}, JobId{102}, true}));
  const auto welcomed = On(Welcome({AttemptToken{1}, AttemptToken{2}}));
  EXPECT_THAT(All<StopBuild>(welcomed), IsEmpty());
  EXPECT_EQ(All<SendComplete>(welcomed).at(0).token, AttemptToken{2}) << "what waited goes out now";
}

TEST_F(SessionLogicTest, WhatWelcomeDoesNotKeepIsEndedAndThrownAway) {
  GoLive();
  Offered(1);
  Offered(2);
  On(AttemptFinished{AttemptToken{2}});
  On(CompleteAnswered{AttemptToken{2}, CompleteAnswer::kRetry, 0});
  On(Disconnected{state_.link_number, 0});
  On(Connected{state_.link_number});
  const auto effects = On(Welcome({}, {AttemptToken{1}, AttemptToken{2}}));
  EXPECT_EQ(All<StopBuild>(effects).at(0).token, AttemptToken{1});
  EXPECT_EQ(All<StopBuild>(effects).at(0).why, StopWhy::kDropped);
  EXPECT_EQ(All<DiscardResult>(effects).at(0).token, AttemptToken{2});
  const auto finished = On(AttemptFinished{AttemptToken{1}});
  EXPECT_THAT(All<SendComplete>(finished), IsEmpty());
  EXPECT_EQ(All<DiscardResult>(finished).at(0).token, AttemptToken{1});
  EXPECT_EQ(state_.FreeSlots(), 2);
}

TEST_F(SessionLogicTest, CancelEndsTheBuildAndReportsIt) {
  GoLive();
  Offered(1);
  const CancelReceived cancel{state_.link_number, epoch_, AttemptToken{1}};
  EXPECT_EQ(All<StopBuild>(On(cancel)).at(0).why, StopWhy::kCancelled);
  EXPECT_THAT(On(cancel), IsEmpty()) << "a repeat";
  EXPECT_EQ(All<SendComplete>(On(AttemptFinished{AttemptToken{1}})).size(), 1u);
}

TEST_F(SessionLogicTest, DropAfterCancelIsSilent) {
  GoLive();
  Offered(1);
  On(CancelReceived{state_.link_number, epoch_, AttemptToken{1}});
  EXPECT_THAT(On(DropReceived{state_.link_number, epoch_, AttemptToken{1}}), IsEmpty()) << "it stops already";
  const auto effects = On(AttemptFinished{AttemptToken{1}});
  EXPECT_THAT(All<SendComplete>(effects), IsEmpty());
  EXPECT_EQ(All<DiscardResult>(effects).size(), 1u);
}

TEST_F(SessionLogicTest, AStaleTokenEndsItsBuild) {
  GoLive();
  Offered(1);
  EXPECT_EQ(All<StopBuild>(On(AttemptStale{AttemptToken{1}})).at(0).why, StopWhy::kDropped);
}

TEST_F(SessionLogicTest, ADropWhileTheCompletionIsUnderWayWaitsForItsAnswer) {
  GoLive();
  Offered(1);
  On(AttemptFinished{AttemptToken{1}});
  EXPECT_THAT(On(DropReceived{state_.link_number, epoch_, AttemptToken{1}}), IsEmpty());
  EXPECT_EQ(All<DiscardResult>(On(CompleteAnswered{AttemptToken{1}, CompleteAnswer::kRetry, 0})).size(), 1u);
}

TEST_F(SessionLogicTest, AFormerLeaderIsIgnoredAndLeft) {
  GoLive();
  Offered(1);
  const auto effects = On(DropReceived{state_.link_number, epoch_ - 1, AttemptToken{1}});
  EXPECT_THAT(All<StopBuild>(effects), IsEmpty());
  ASSERT_EQ(All<Hangup>(effects).size(), 1u);
  On(Disconnected{state_.link_number, 0});
  On(Connected{state_.link_number});
  epoch_ = 2;
  EXPECT_EQ(All<Hangup>(On(Welcome())).size(), 1u);
  EXPECT_THAT(All<SendReady>(On(Tick{})), IsEmpty());
}

TEST_F(SessionLogicTest, MessagesOfAFormerLinkChangeNothing) {
  GoLive();
  Offered(1);
  const int64_t old = state_.link_number;
  On(Disconnected{old, 0});
  EXPECT_THAT(On(Disconnected{old, 0}), IsEmpty());
  EXPECT_THAT(On(DropReceived{old, epoch_, AttemptToken{1}}), IsEmpty());
  GoLive({AttemptToken{1}});
  EXPECT_THAT(On(CancelReceived{old, epoch_, AttemptToken{1}}), IsEmpty());
}

TEST_F(SessionLogicTest, DialsAreJitteredAndFurtherApartUpToALimit) {
  On(Started{0});
  absl::Duration last;
  for (int i = 0; i < 12; ++i) {
    last = All<Dial>(On(Disconnected{state_.link_number, 0.999})).at(0).after;
    EXPECT_LE(last, kDialBackoff.longest);
  }
  EXPECT_GT(last, kDialBackoff.longest * 0.9);
  const absl::Duration other = All<Dial>(On(Disconnected{state_.link_number, 0.0})).at(0).after;
  EXPECT_EQ(other, kDialBackoff.longest * 0.5);
}

TEST_F(SessionLogicTest, ACoordinatorThatDoesNotWelcomeIsLeft) {
  On(Started{0});
  On(Connected{1});
  EXPECT_THAT(All<Hangup>(Wait(kWelcomeTimeout - absl::Seconds(1))), IsEmpty());
  EXPECT_EQ(All<Hangup>(Wait(absl::Seconds(1))).size(), 1u);
  EXPECT_THAT(All<Hangup>(Wait(absl::Seconds(1))), IsEmpty()) << "once";
}

TEST_F(SessionLogicTest, HeartbeatsAndReportsKeepComing) {
  GoLive();
  EXPECT_THAT(All<SendHeartbeat>(Wait(absl::Seconds(4))), IsEmpty());
  EXPECT_EQ(All<SendHeartbeat>(Wait(absl::Seconds(1))).size(), 1u);
  const auto effects = Wait(kReportInterval);
  EXPECT_EQ(All<SendReport>(effects).size(), 1u);
  EXPECT_EQ(All<SendReady>(effects).size(), 1u) << "so that a lost Ready costs half a minute at most";
  EXPECT_EQ(All<SendReport>(On(ReportChanged{})).size(), 1u);
}

TEST_F(SessionLogicTest, AnOrderlyStopEndsBuildsSaysGoodbyeAndLeaves) {
  GoLive();
  Offered(1);
  const auto effects = On(StopRequested{});
  EXPECT_EQ(All<StopBuild>(effects).at(0).token, AttemptToken{1});
  EXPECT_EQ(All<SendGoodbye>(effects).size(), 1u);
  EXPECT_THAT(All<Exit>(effects), IsEmpty()) << "a build's processes still live";
  EXPECT_EQ(All<Exit>(On(AttemptFinished{AttemptToken{1}})).size(), 1u);
  EXPECT_THAT(On(Tick{}), IsEmpty());
}

TEST_F(SessionLogicTest, AnOrderlyStopWaitsForACompletionButNotForEver) {
  GoLive();
  Offered(1);
  On(AttemptFinished{AttemptToken{1}});
  EXPECT_THAT(All<SendGoodbye>(On(StopRequested{})), IsEmpty());
  EXPECT_THAT(All<Exit>(Wait(kStopGrace - absl::Seconds(1))), IsEmpty());
  const auto effects = Wait(absl::Seconds(1));
  EXPECT_EQ(All<SendGoodbye>(effects).size(), 1u);
  EXPECT_EQ(All<Exit>(effects).size(), 1u);
}

TEST_F(SessionLogicTest, AStopLetsBuildsEndByThemselvesWithinItsBound) {
  state_.config.drain_max = absl::Seconds(30);
  GoLive();
  Offered(1);
  const auto effects = On(StopRequested{});
  EXPECT_TRUE(All<SendReady>(effects).at(0).draining);
  EXPECT_THAT(All<StopBuild>(effects), IsEmpty());
  EXPECT_EQ(All<SendRefuse>(Offered(2)).at(0).reason, RefuseReason::kDraining);
  EXPECT_THAT(All<StopBuild>(Wait(absl::Seconds(29))), IsEmpty());
  EXPECT_EQ(All<SendComplete>(On(AttemptFinished{AttemptToken{1}})).size(), 1u) << "its result counts";
  const auto answered = On(CompleteAnswered{AttemptToken{1}, CompleteAnswer::kRecorded, 0});
  EXPECT_EQ(All<SendGoodbye>(answered).size(), 1u);
  EXPECT_EQ(All<Exit>(answered).size(), 1u);
}

TEST_F(SessionLogicTest, AStopWithoutBuildsIsDoneAtOnceWhateverItsBound) {
  state_.config.drain_max = absl::Seconds(30);
  GoLive();
  EXPECT_EQ(All<Exit>(On(StopRequested{})).size(), 1u);
}

TEST_F(SessionLogicTest, WhatBuildsBeyondTheBoundIsGivenBack) {
  state_.config.drain_max = absl::Seconds(30);
  GoLive();
  Offered(1);
  On(StopRequested{});
  const auto effects = Wait(absl::Seconds(30));
  EXPECT_EQ(All<StopBuild>(effects).at(0).why, StopWhy::kDropped);
  EXPECT_EQ(All<SendGoodbye>(effects).size(), 1u) << "its job goes to another worker now, not when its lease ends";
  EXPECT_EQ(All<Exit>(On(AttemptFinished{AttemptToken{1}})).size(), 1u);
}

TEST_F(SessionLogicTest, ASecondStopIsInAHurry) {
  state_.config.drain_max = absl::Hours(1);
  GoLive();
  Offered(1);
  Offered(2);
  On(StopRequested{});
  On(AttemptFinished{AttemptToken{1}});
  const auto effects = On(StopRequested{});
  EXPECT_EQ(All<StopBuild>(effects).at(0).token, AttemptToken{2});
  EXPECT_THAT(All<SendGoodbye>(effects), IsEmpty()) << "what ended already gets its moment to be answered";
  EXPECT_EQ(All<SendGoodbye>(On(CompleteAnswered{AttemptToken{1}, CompleteAnswer::kRecorded, 0})).size(), 1u);
  EXPECT_EQ(All<Exit>(On(AttemptFinished{AttemptToken{2}})).size(), 1u);
  EXPECT_THAT(On(StopRequested{}), IsEmpty());
}

TEST_F(SessionLogicTest, AWorkerThatStopsKeepsDiallingWhileItsBuildsMayEnd) {
  state_.config.drain_max = absl::Seconds(30);
  GoLive();
  Offered(1);
  On(StopRequested{});
  EXPECT_EQ(All<Dial>(On(Disconnected{state_.link_number, 0})).size(), 1u);
  On(AttemptFinished{AttemptToken{1}});
  EXPECT_EQ(All<SendHello>(On(Connected{state_.link_number})).at(0).attempts.size(), 1u);
  const auto welcomed = On(Welcome({AttemptToken{1}}));
  EXPECT_EQ(All<SendComplete>(welcomed).size(), 1u);
  EXPECT_TRUE(All<SendReady>(welcomed).at(0).draining);
  EXPECT_EQ(All<Exit>(On(CompleteAnswered{AttemptToken{1}, CompleteAnswer::kRecorded, 0})).size(), 1u);
}

TEST_F(SessionLogicTest, WithoutACoordinatorAStopEndsAtItsBoundAllTheSame) {
  state_.config.drain_max = absl::Seconds(30);
  GoLive();
  Offered(1);
  On(StopRequested{});
  On(Disconnected{state_.link_number, 0});
  On(AttemptFinished{AttemptToken{1}});
  EXPECT_THAT(All<Exit>(Wait(absl::Seconds(29))), IsEmpty());
  EXPECT_EQ(All<Exit>(Wait(absl::Seconds(1))).size(), 1u) << "nobody is there who could answer";
}

TEST_F(SessionLogicTest, AWorkerWithoutACoordinatorStopsAtOnce) {
  On(Started{0});
  EXPECT_EQ(All<Exit>(On(StopRequested{})).size(), 1u);
}

TEST_F(SessionLogicTest, ProgressGoesOutOnlyWhileTheSessionLives) {
  GoLive();
  Offered(1);
  EXPECT_EQ(All<SendProgress>(On(AttemptProgressed{AttemptToken{1}})).size(), 1u);
  EXPECT_THAT(On(AttemptProgressed{AttemptToken{9}}), IsEmpty());
  On(Disconnected{state_.link_number, 0});
  EXPECT_THAT(On(AttemptProgressed{AttemptToken{1}}), IsEmpty());
}

}  // namespace
}  // namespace gofarm::agent
