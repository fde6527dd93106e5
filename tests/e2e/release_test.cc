// The programs of the last release beside today's: either may be the coordinator or the worker, and a farm that is
// upgraded while it builds loses nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>

#include "tests/e2e/farm_harness.h"
#include "tests/e2e/joined_worker.h"

namespace gofarm::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class ReleaseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* const before = std::getenv("GOFARM_RELEASE_BIN_DIR");
    ASSERT_NE(before, nullptr) << "tests/run.sh --full builds the last release and names its folder";
    before_ = before;
    environment_ = proxy_.Environment("example.com/release");
  }
  void Start(const std::string& programs) {
    farm_ = std::make_unique<Farm>(0, environment_, std::vector<std::string>{},
                                   std::vector<std::string>{"--listen", "127.0.0.1:0"}, programs);
  }
  // One that has joined before needs no join string.
  std::unique_ptr<JoinedWorker> Work(const std::string& programs, const std::string& name, bool joins) {
    std::vector<std::string> words;
    if (joins) words = {"--join", farm_->JoinString("worker")};
    auto worker = std::make_unique<JoinedWorker>(std::vector<std::string>{programs + "/gofarm-worker"}, name, words,
                                                 WorkerEnvironment(environment_), Cat(farm_->scratch(), "/", name));
    EXPECT_TRUE(farm_->WaitConnected(name)) << worker->Log();
    return worker;
  }
  // Every job of the batch is built, and nothing of it twice.
  void ExpectBuilt(int64_t batch, size_t jobs) {
    farm_->Watch(batch);
    const Json all = farm_->Jobs(batch);
    EXPECT_THAT(Items(all.root()), SizeIs(jobs));
    for (const simdjson::dom::element job : Items(all.root())) {
      EXPECT_EQ(Text(job, "state"), "built") << Text(job, "failure_detail");
      EXPECT_THAT(Items(At(job, "executables")), SizeIs(1));
      size_t built = 0;
      for (const simdjson::dom::element attempt : Items(At(job, "attempts"))) {
        built += Text(attempt, "outcome") == "built" ? 1 : 0;
      }
      EXPECT_EQ(built, 1u);
      EXPECT_THAT(farm_->Gofarm({"job", "log", Cat(Number(job, "id"))}).out, Not(IsEmpty()));
    }
  }
  std::vector<std::string> Modules(int count) {
    std::vector<std::string> words;
    for (int i = 0; i < count; ++i) words.push_back(proxy_.AddSlow(Cat("example.com/release/m", i), 700));
    words.insert(words.end(), {"--target", "x86_64"});
    return words;
  }

  LocalProxy proxy_;
  std::string before_;
  std::vector<std::string> environment_;
  std::unique_ptr<Farm> farm_;
};

TEST_F(ReleaseTest, AWorkerOfTheReleaseBeforeBuildsForTodaysCoordinator) {
  Start(BinDir());
  const auto worker = Work(before_, "before", true);
  ExpectBuilt(farm_->Submit(Modules(1)), 1);
}

TEST_F(ReleaseTest, TodaysWorkerAndCommandLineServeACoordinatorOfTheReleaseBefore) {
  Start(before_);
  const auto worker = Work(BinDir(), "today", true);
  farm_->SetPrograms(BinDir());
  ExpectBuilt(farm_->Submit(Modules(1)), 1);
}

TEST_F(ReleaseTest, AnUpgradeOfCoordinatorAndThenOfEachWorkerUnderLoadLosesNothing) {
  constexpr int kJobs = 12;
  Start(before_);
  auto one = Work(before_, "one", true), two = Work(before_, "two", true);
  const int64_t batch = farm_->Submit(Modules(kJobs));
  ASSERT_TRUE(farm_->WaitUntilBuilding(batch));
  ASSERT_TRUE(farm_->Down());
  farm_->SetPrograms(BinDir());
  ASSERT_TRUE(farm_->Up());
  ASSERT_TRUE(farm_->WaitConnected("one") && farm_->WaitConnected("two")) << one->Log() << two->Log();
  one.reset();
  one = Work(BinDir(), "one", false);
  two.reset();
  two = Work(BinDir(), "two", false);
  ExpectBuilt(batch, kJobs);
}

}  // namespace
}  // namespace gofarm::testing
