// The machine's clock is set to and fro under a farm while it builds (PostgreSQL's: set_clock_pgtest). Only what is
// written on things may change.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "absl/time/clock.h"
#include "common/base/text.h"
#include "tests/e2e/farm_harness.h"

namespace gofarm::testing {
namespace {

constexpr char kSlow[] = "github.com/benbjohnson/litestream@v0.3.13";  // a minute of C
constexpr char kQuick[] = "github.com/rakyll/hey@v0.1.4";
// Far beyond every lease, offer and silence of the farm.
constexpr absl::Duration kStep = absl::Hours(3);
// For what takes seconds; a wait by the wall clock would last hours.
constexpr absl::Duration kSoon = absl::Minutes(2);

class ClockTest : public ::testing::Test {
 protected:
  ClockTest() {
    Set(absl::ZeroDuration());
    farm_ = std::make_unique<Farm>(
        1, std::vector<std::string>{Cat("LD_PRELOAD=", GOFARM_CLOCK_SHIM), Cat("GOFARM_TEST_CLOCK=", clock_)});
  }
  ~ClockTest() override {
    farm_.reset();
    std::remove(clock_.c_str());
  }

  // In place: the farm's processes have the file mapped.
  void Set(absl::Duration offset) {
    const int64_t nanos = absl::ToInt64Nanoseconds(offset);
    FILE* file = std::fopen(clock_.c_str(), first_ ? "w" : "r+");
    ASSERT_NE(file, nullptr);
    EXPECT_EQ(std::fwrite(&nanos, sizeof nanos, 1, file), 1u);
    std::fclose(file);
    first_ = false;
  }
  std::string StateOfWorker() const {
    const Json workers = farm_->GofarmJson({"worker", "list"});
    return Items(workers.root()).empty() ? "" : Text(Items(workers.root())[0], "state");
  }
  int64_t LogBytes(int64_t job) const {
    return static_cast<int64_t>(farm_->Gofarm({"job", "log", Cat(job)}).out.size());
  }

  const std::string clock_ = Cat(::testing::TempDir(), "gofarm-clock-", getpid());
  bool first_ = true;
  std::unique_ptr<Farm> farm_;
};

TEST_F(ClockTest, SetToAndFroItEndsNoLeaseAndNoBuildAndStopsNothing) {
  const int64_t batch = farm_->Submit({kSlow, "--force", "--target", "x86_64"});
  ASSERT_TRUE(farm_->WaitUntilBuilding(batch));
  for (const absl::Duration offset : {kStep, -kStep}) {
    SCOPED_TRACE(absl::FormatDuration(offset));
    Set(offset);
    // Longer than the lease of a worker, if it were not renewed, and than its heartbeats.
    absl::SleepFor(absl::Seconds(12));
    EXPECT_EQ(StateOfWorker(), "connected");
  }
  farm_->Watch(batch);
  const Json jobs = farm_->Jobs(batch);
  const simdjson::dom::element job = Items(jobs.root())[0];
  EXPECT_EQ(Text(job, "state"), "built");
  const std::vector<simdjson::dom::element> attempts = Items(At(job, "attempts"));
  ASSERT_EQ(attempts.size(), 1u);
  EXPECT_EQ(Text(attempts[0], "outcome"), "built");
  EXPECT_GT(LogBytes(Number(job, "id")), 0);

  // Offers, uploads, completions and watches that begin after a step back.
  Set(-2 * kStep);
  const absl::Time began = absl::Now();
  const int64_t after = farm_->Submit({kQuick, "--force", "--target", "x86_64"});
  EXPECT_EQ(farm_->Gofarm({"batch", "watch", Cat(after)}, kSoon).exit_code, 0);
  EXPECT_LT(absl::Now() - began, kSoon);
  EXPECT_EQ(Text(Items(farm_->Jobs(after).root())[0], "state"), "built");
}

TEST_F(ClockTest, SetBackItHoldsUpNoRestartOfWorkerAndCoordinator) {
  Set(-kStep);
  for (const int pid : {farm_->WorkerPid(), farm_->CoordinatorPid()}) {
    ASSERT_EQ(kill(pid, SIGKILL), 0);
    ASSERT_TRUE(farm_->WaitUntil([&] { return !IsAlive(pid); }, absl::Seconds(5)));
    EXPECT_TRUE(farm_->WaitUntil(
        [&] { return farm_->Gofarm({"batch", "list"}).exit_code == 0 && StateOfWorker() == "connected"; }, kSoon));
  }
}

}  // namespace
}  // namespace gofarm::testing
