// Somebody sets the database's clock, forwards or back, under leases, backoffs and the leadership.
#include <memory>
#include <pqxx/pqxx>

#include "tests/pg/farm_fixture.h"
#include "tests/support/fake_clock.h"

namespace gofarm::testing {
namespace {

// As if somebody had set the database's clock by so much: its times stand where they stood, and by the clock of this
// process it is somewhere else. (Pass() moves the times instead of the clock.)
class SetClockTest : public FarmTest {
 protected:
  void SetUp() override {
    FarmTest::SetUp();
    dispatch_ = std::make_unique<store::PgDispatchStore>(
        *pool_, [] { return 0.5; }, clock_);
  }
  void SetDatabaseClock(absl::Duration step) {
    const std::string by = Cat(" - interval '", absl::ToDoubleSeconds(step), " seconds'");
    Sql(Cat("UPDATE sessions SET lease_expires_at = lease_expires_at", by));
    Sql(Cat("UPDATE queue SET not_before = not_before", by));
    clock_.Advance(-step);
  }
  double Seconds(const std::string& what) {
    pqxx::connection db(url_);
    pqxx::work txn(db);
    return txn.exec1(Cat("SELECT extract(epoch FROM ", what, ")"))[0].as<double>();
  }
  size_t Expired() { return dispatch_->ExpireSessions(Now(), epoch_)->sessions.size(); }

  FakeClock clock_;
};

TEST_F(SetClockTest, SetEitherWayLeasesAndBackoffsKeepTheTimeTheyHadLeft) {
  Hello("w");
  const JobId waits = OnlyJob(Submit({"example.com/later"}).batch.id);
  const JobId due = OnlyJob(Submit({"example.com/due"}).batch.id);
  Sql(Cat("UPDATE queue SET not_before = now() + interval '100 seconds' WHERE job_id = ", waits.value));
  Sql(Cat("UPDATE queue SET not_before = now() - interval '100 seconds' WHERE job_id = ", due.value));
  ASSERT_EQ(Expired(), 0u);  // the first look
  for (const absl::Duration step : {absl::Hours(2), -absl::Hours(2), absl::Seconds(40), -absl::Seconds(40)}) {
    SCOPED_TRACE(absl::FormatDuration(step));
    SetDatabaseClock(step);
    EXPECT_EQ(Expired(), 0u);
    EXPECT_NEAR(Seconds("(SELECT min(lease_expires_at) FROM sessions) - now()"), 30, 10);
    EXPECT_NEAR(Seconds(Cat("(SELECT not_before FROM queue WHERE job_id = ", waits.value, ") - now()")), 100, 10);
    EXPECT_LT(Seconds(Cat("(SELECT not_before FROM queue WHERE job_id = ", due.value, ") - now()")), 0);
  }
  // A lease that had run out is over all the same.
  Sql("UPDATE sessions SET lease_expires_at = now() - interval '1 second'");
  SetDatabaseClock(-absl::Hours(2));
  EXPECT_EQ(Expired(), 1u);
}

// A process that stands still between the database's answer and its own second look at the clock. The test's database
// does not live through the pause, so the next look begins where the pause did.
class SlowClock final : public Clock {
 public:
  absl::Time Now() const override {
    second_look_ = !second_look_;
    return absl::FromUnixSeconds(1'800'000'000) + (second_look_ ? absl::ZeroDuration() : pause);
  }
  absl::Duration pause;

 private:
  mutable bool second_look_ = false;
};

TEST(StepBetweenTest, IsWhatNoPauseExplains) {
  const auto look = [](int least, int most) {
    return store::ClockAhead{.least = absl::Seconds(least), .most = absl::Seconds(most)};
  };
  EXPECT_EQ(store::StepBetween(look(0, 1), look(0, 1)), absl::ZeroDuration());
  EXPECT_EQ(store::StepBetween(look(0, 1), look(-25, 1)), absl::ZeroDuration());
  EXPECT_EQ(store::StepBetween(look(-25, 1), look(0, 1)), absl::ZeroDuration());
  EXPECT_EQ(store::StepBetween(look(0, 1), look(100, 101)), absl::Seconds(99));
  EXPECT_EQ(store::StepBetween(look(0, 1), look(75, 101)), absl::Seconds(74));
  EXPECT_EQ(store::StepBetween(look(0, 1), look(-101, -100)), -absl::Seconds(100));
}

TEST_F(SetClockTest, ACoordinatorThatStoodStillMovesNoLease) {
  SlowClock slow;
  dispatch_ = std::make_unique<store::PgDispatchStore>(
      *pool_, [] { return 0.5; }, slow);
  Hello("w");
  ASSERT_EQ(Expired(), 0u);
  for (const absl::Duration pause : {absl::Seconds(25), absl::ZeroDuration(), absl::Seconds(25)}) {
    slow.pause = pause;
    EXPECT_EQ(Expired(), 0u);
    EXPECT_NEAR(Seconds("(SELECT min(lease_expires_at) FROM sessions) - now()"), 30, 10);
  }
}

TEST_F(SetClockTest, ACoordinatorThatStartsShortensBackoffsThatAClockHasMadeLong) {
  const JobId job = OnlyJob(Submit({"example.com/later"}).batch.id);
  Sql("UPDATE queue SET not_before = now() + interval '3 hours'");
  ASSERT_TRUE(dispatch_->ResetLeasesAtStart(Now(), epoch_, domain::kLease).ok());
  EXPECT_NEAR(Seconds(Cat("(SELECT not_before FROM queue WHERE job_id = ", job.value, ") - now()")),
              absl::ToDoubleSeconds(domain::kRetryWaitMax), 10);
}

class SetLeadershipClockTest : public FarmTest {
 protected:
  void SetUp() override {
    FarmTest::SetUp();
    standby_ = std::make_unique<store::PgLeadershipStore>(*pool_, clock_);
  }
  bool Takes() { return standby_->Take(Now(), {.id = "b", .holder = "b"}, leadership::kLease)->taken; }
  void Renew(absl::Duration as_the_database_sees_it) {
    ASSERT_TRUE(leadership_->Renew(Now(), epoch_, as_the_database_sees_it).ok());
  }
  FakeClock clock_;
  std::unique_ptr<store::PgLeadershipStore> standby_;
};

TEST_F(SetLeadershipClockTest, ALeaderThatRenewsKeepsItWhateverTheDatabasesClockSays) {
  for (int i = 0; i < 3; ++i) {
    Renew(leadership::kLease);
    EXPECT_FALSE(Takes());
    clock_.Advance(leadership::kRenewEvery);
  }
  for (int i = 0; i < 8; ++i) {
    Renew(-absl::Hours(1) + absl::Seconds(i));  // a clock that runs an hour ahead
    EXPECT_FALSE(Takes());
    clock_.Advance(leadership::kRenewEvery);
  }
}

TEST_F(SetLeadershipClockTest, ADeadLeadersLeaseEndsInItsTimeAlthoughTheDatabasesClockWasSetBack) {
  Renew(absl::Hours(3));
  EXPECT_FALSE(Takes());
  clock_.Advance(leadership::kLease - absl::Seconds(1));
  EXPECT_FALSE(Takes());
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(Takes());
}

TEST_F(SetLeadershipClockTest, WhatIsGivenBackIsTakenAtOnceAlsoByOneThatSawItRenewed) {
  EXPECT_FALSE(Takes());
  Renew(absl::Hours(3));
  EXPECT_FALSE(Takes());
  ASSERT_TRUE(leadership_->Release(Now(), epoch_).ok());
  EXPECT_TRUE(Takes());
}

}  // namespace
}  // namespace gofarm::testing
