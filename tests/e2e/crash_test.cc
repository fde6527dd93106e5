// kill -9 of each process while a build runs. Every case ends healed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <set>

#include "absl/time/clock.h"
#include "common/base/text.h"
#include "tests/e2e/farm_harness.h"

namespace gofarm::testing {
namespace {

constexpr int kSlowFunctions = 3000;  // compiled for a good ten seconds: time enough to kill something

class CrashTest : public ::testing::Test {
 protected:
  CrashTest() : farm_(1, proxy_.Environment("crash.example")) {}

  int64_t SubmitSlow() {
    return farm_.Submit({proxy_.AddSlow("crash.example/slow", kSlowFunctions), "--target", "x86_64"});
  }
  static std::set<int64_t> Tokens(const Json& jobs) {
    std::set<int64_t> out;
    for (const simdjson::dom::element job : Items(jobs.root())) {
      for (const simdjson::dom::element a : Items(At(job, "attempts"))) out.insert(Number(a, "token"));
    }
    return out;
  }
  static std::vector<std::string> Outcomes(const Json& jobs) {
    std::vector<std::string> out;
    for (const simdjson::dom::element a : Items(At(Items(jobs.root())[0], "attempts")))
      out.push_back(Text(a, "outcome"));
    return out;
  }

  LocalProxy proxy_;
  Farm farm_;
};

TEST_F(CrashTest, ACoordinatorThatIsKilledComesBackAndTakesItsBuildsBack) {
  const int64_t batch = SubmitSlow();
  ASSERT_TRUE(farm_.WaitUntilBuilding(batch));
  const std::set<int64_t> before = Tokens(farm_.Jobs(batch));
  const int pid = farm_.CoordinatorPid();
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  ASSERT_TRUE(farm_.WaitUntil([&] { return !IsAlive(pid); }, absl::Seconds(5)));
  ASSERT_TRUE(farm_.WaitUntil([&] { return farm_.Gofarm({"batch", "list"}).exit_code == 0; }, absl::Minutes(1)));
  EXPECT_NE(farm_.CoordinatorPid(), pid);
  farm_.Watch(batch);
  const Json jobs = farm_.Jobs(batch);
  EXPECT_EQ(Text(Items(jobs.root())[0], "state"), "built");
  EXPECT_THAT(Outcomes(jobs), ::testing::ElementsAre("built"));
  EXPECT_EQ(Tokens(jobs), before);
}

TEST_F(CrashTest, APostgresThatIsKilledIsRestartedAndTheBuildEndsUnderItsToken) {
  const int64_t batch = SubmitSlow();
  ASSERT_TRUE(farm_.WaitUntilBuilding(batch));
  const std::set<int64_t> before = Tokens(farm_.Jobs(batch));
  const int pid = farm_.PostgresPid();
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  ASSERT_TRUE(farm_.WaitUntil(
      [&] {
        return !IsAlive(pid) && farm_.Gofarm({"batch", "list"}).exit_code == 0;
      },
      absl::Minutes(2)));
  EXPECT_NE(farm_.PostgresPid(), pid);
  farm_.Watch(batch);
  const Json jobs = farm_.Jobs(batch);
  EXPECT_EQ(Text(Items(jobs.root())[0], "state"), "built");
  EXPECT_THAT(Outcomes(jobs), ::testing::ElementsAre("built"));
  EXPECT_EQ(Tokens(jobs), before);
}

TEST_F(CrashTest, AWorkerThatIsKilledLeavesNothingAndItsJobRunsAgain) {
  const int64_t batch = SubmitSlow();
  ASSERT_TRUE(farm_.WaitUntilBuilding(batch));
  const int pid = farm_.WorkerPid();
  const std::vector<int> tree = TreeOf(pid);
  ASSERT_GT(tree.size(), 1u);
  const absl::Time killed_at = absl::Now();
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  EXPECT_TRUE(farm_.WaitUntil([&] { return std::none_of(tree.begin(), tree.end(), &IsAlive); }, absl::Seconds(5)));
  farm_.Watch(batch);
  const Json jobs = farm_.Jobs(batch);
  EXPECT_EQ(Text(Items(jobs.root())[0], "state"), "built");
  ASSERT_THAT(Outcomes(jobs), ::testing::ElementsAre("lost", "built"));
  absl::Time again;
  std::string error;
  ASSERT_TRUE(absl::ParseTime(absl::RFC3339_full, Text(Items(At(Items(jobs.root())[0], "attempts"))[1], "started_at"),
                              &again, &error));
  EXPECT_LE(again - killed_at, absl::Seconds(45));
}

TEST_F(CrashTest, DownInTheMiddleOfABuildLeavesNothingAndUpFinishesIt) {
  const int64_t batch = SubmitSlow();
  ASSERT_TRUE(farm_.WaitUntilBuilding(batch));
  std::vector<int> all = TreeOf(farm_.WorkerPid());
  for (const int root : {farm_.CoordinatorPid(), farm_.PostgresPid()}) {
    for (const int p : TreeOf(root)) all.push_back(p);
  }
  ASSERT_TRUE(farm_.Down());
  EXPECT_TRUE(std::none_of(all.begin(), all.end(), &IsAlive));
  ASSERT_TRUE(farm_.Up());
  farm_.Watch(batch);
  const Json jobs = farm_.Jobs(batch);
  EXPECT_EQ(Text(Items(jobs.root())[0], "state"), "built");
  EXPECT_THAT(Outcomes(jobs), ::testing::ElementsAre("lost", "built"));
}

}  // namespace
}  // namespace gofarm::testing
