// One coordinator's way to the leadership and back, as values.
#include "coordinator/domain/leadership.h"

#include <gtest/gtest.h>

#include <variant>

namespace gofarm::leadership {
namespace {

const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1);

class LeadershipTest : public ::testing::Test {
 protected:
  std::vector<Effect> Feed(const Event& event) { return Step(state_, event, now_); }
  // The effect of a tick at `now_ + wait`; a tick a moment before asks for nothing.
  template <typename E>
  bool AsksAfter(absl::Duration wait) {
    if (wait > absl::ZeroDuration()) {
      now_ += wait - absl::Milliseconds(1);
      if (!Feed(Tick{}).empty()) return false;
      now_ += absl::Milliseconds(1);
    }
    const std::vector<Effect> effects = Feed(Tick{});
    return effects.size() == 1 && std::holds_alternative<E>(effects[0]);
  }
  void Lead(int64_t epoch = 7) {
    ASSERT_TRUE(AsksAfter<HoldFolder>({}));
    Feed(FolderHeld{});
    ASSERT_TRUE(AsksAfter<Take>({}));
    Feed(TakeAnswered{{.taken = true, .leader = {.epoch = epoch, .holder = "me", .lease_left = kLease}}});
    ASSERT_EQ(state_.role, Role::kLeading);
  }
  static TakeAnswered Refusal(absl::Duration left) {
    return {{.taken = false, .leader = {.epoch = 6, .holder = "a pid 1", .lease_left = left}}};
  }

  State state_;
  absl::Time now_ = kStart;
};

TEST_F(LeadershipTest, ItHoldsItsFolderThenTakesThenRenews) {
  Lead();
  EXPECT_EQ(state_.why, "");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(AsksAfter<Renew>(kRenewEvery));
    EXPECT_TRUE(Feed(Tick{}).empty()) << "one call at a time";
    Feed(Renewed{});
  }
}

TEST_F(LeadershipTest, WithoutItsFolderItAsksForNothingElse) {
  ASSERT_TRUE(AsksAfter<HoldFolder>({}));
  Feed(FolderBusy{"another coordinator uses data_dir /d"});
  EXPECT_EQ(state_.role, Role::kStandby);
  EXPECT_EQ(state_.why, "another coordinator uses data_dir /d");
  ASSERT_TRUE(AsksAfter<HoldFolder>(kAskEvery));
  Feed(FolderHeld{});
  EXPECT_TRUE(AsksAfter<Take>({}));
}

TEST_F(LeadershipTest, WhileAnotherOneLeadsItAsksOftenAndWhenTheLeaseEnds) {
  ASSERT_TRUE(AsksAfter<HoldFolder>({}));
  Feed(FolderHeld{});
  ASSERT_TRUE(AsksAfter<Take>({}));
  Feed(Refusal(absl::Seconds(14)));
  EXPECT_EQ(state_.why, "a pid 1 leads");
  EXPECT_EQ(state_.leader.holder, "a pid 1");
  ASSERT_TRUE(AsksAfter<Take>(kAskEvery)) << "a leader that stops gives its lease back";
  Feed(Refusal(absl::Milliseconds(300)));
  ASSERT_TRUE(AsksAfter<Take>(absl::Milliseconds(300)));
  Feed(Refusal(-absl::Seconds(1)));
  EXPECT_TRUE(Feed(Tick{}).empty()) << "a lease that is over by a moment is no reason to ask without end";
  now_ += kAskEvery;
  EXPECT_EQ(Feed(Tick{}).size(), 1u);
  Feed(TakeAnswered{{.taken = true, .leader = {.epoch = 8, .holder = "me", .lease_left = kLease}}});
  EXPECT_EQ(state_.why, "") << "it leads";
}

TEST_F(LeadershipTest, NothingIsDueWhileAnAnswerIsAwaitedOrNothingIsLeftToAskFor) {
  ASSERT_TRUE(AsksAfter<HoldFolder>({}));
  EXPECT_EQ(state_.due, absl::InfiniteFuture());
  Feed(FolderHeld{});
  ASSERT_TRUE(AsksAfter<Take>({}));
  EXPECT_EQ(state_.due, absl::InfiniteFuture());
  Feed(TakeAnswered{{.taken = true, .leader = {.epoch = 7, .holder = "me", .lease_left = kLease}}});
  State stopped = state_;
  Feed(Deposed{"b leads"});
  EXPECT_EQ(state_.due, absl::InfiniteFuture()) << "the end of what is being taken down is awaited";
  Step(stopped, Ended{}, now_);
  EXPECT_EQ(stopped.due, absl::InfiniteFuture()) << "it asks for nothing any more";
}

TEST_F(LeadershipTest, OneThatIsDeposedByTheAnswerToItsRenewalAsksAgainOnceAllIsTakenDown) {
  Lead();
  ASSERT_TRUE(AsksAfter<Renew>(kRenewEvery));
  Feed(Deposed{"b leads"});
  Feed(Ended{});
  EXPECT_TRUE(AsksAfter<Take>(kAskEvery));
}

TEST_F(LeadershipTest, AStoreThatDoesNotAnswerDeposesNobody) {
  Lead();
  ASSERT_TRUE(AsksAfter<Renew>(kRenewEvery));
  Feed(CallFailed{"the database is away"});
  now_ += 10 * kLease;
  EXPECT_EQ(state_.role, Role::kLeading);
  EXPECT_TRUE(AsksAfter<Renew>({}));
  Feed(Renewed{});
  EXPECT_EQ(state_.role, Role::kLeading) << "nobody took it meanwhile";
}

TEST_F(LeadershipTest, OnStandbyAStoreThatDoesNotAnswerIsAskedAgain) {
  ASSERT_TRUE(AsksAfter<HoldFolder>({}));
  Feed(FolderHeld{});
  ASSERT_TRUE(AsksAfter<Take>({}));
  Feed(CallFailed{"the database is away"});
  EXPECT_EQ(state_.why, "the database is away");
  EXPECT_TRUE(AsksAfter<Take>(kAskEvery));
}

TEST_F(LeadershipTest, ADeposedOneAsksForNothingUntilAllIsTakenDownAndThenStandsBy) {
  Lead();
  Feed(Deposed{"epoch 7 is over: b leads"});
  EXPECT_EQ(state_.role, Role::kEnding);
  EXPECT_EQ(state_.why, "epoch 7 is over: b leads");
  now_ += 10 * kLease;
  EXPECT_TRUE(Feed(Tick{}).empty());
  Feed(Renewed{});  // the answer of a call that was under way
  EXPECT_EQ(state_.role, Role::kEnding);
  EXPECT_TRUE(Feed(Ended{}).empty()) << "there is nothing of its own to give back";
  EXPECT_EQ(state_.role, Role::kStandby);
  EXPECT_TRUE(AsksAfter<Take>(kAskEvery)) << "its folder is still held";
}

TEST_F(LeadershipTest, OneThatStopsGivesItsLeaseBackAndAsksNoMore) {
  Lead(9);
  const std::vector<Effect> effects = Feed(Ended{});
  ASSERT_EQ(effects.size(), 1u);
  ASSERT_TRUE(std::holds_alternative<Release>(effects[0]));
  EXPECT_EQ(std::get<Release>(effects[0]).epoch, 9);
  EXPECT_EQ(state_.role, Role::kReleased);
  EXPECT_EQ(state_.why, "it gave the leadership up");
  now_ += 10 * kLease;
  EXPECT_TRUE(Feed(Tick{}).empty());
}

TEST_F(LeadershipTest, AStandbyThatIsToldOfALossStaysOne) {
  ASSERT_TRUE(AsksAfter<HoldFolder>({}));
  Feed(FolderHeld{});
  Feed(Deposed{"late news of the leadership before"});
  EXPECT_EQ(state_.role, Role::kStandby);
  EXPECT_TRUE(Feed(Ended{}).empty());
  EXPECT_EQ(state_.role, Role::kStandby);
}

}  // namespace
}  // namespace gofarm::leadership
