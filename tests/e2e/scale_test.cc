// One submission as large as the farm takes: 100,000 modules for four targets. Nothing is built: no worker is
// connected. What each step took and what memory the coordinator needs is printed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "common/base/text.h"
#include "tests/e2e/farm_harness.h"

namespace gofarm::testing {
namespace {

constexpr int kModules = 100'000;
constexpr int64_t kJobs = 4 * kModules;
// Of each step, also on a busy machine of two cores.
constexpr absl::Duration kStepMax = absl::Minutes(2);
constexpr absl::Duration kAnswerMax = absl::Seconds(20);  // of others, meanwhile
constexpr int64_t kMemoryMax = int64_t{2} << 30;

class ScaleTest : public ::testing::Test {
 protected:
  // The proxy is an empty folder: a module it is asked for would be refused.
  ScaleTest() : farm_(1, {"GOPROXY=file:///var/empty", "GOSUMDB=off"}) {}

  // The worker starts again and finds no coordinator.
  void LoseTheWorker() const {
    const int pid = farm_.WorkerPid();
    const std::string file = farm_.dir() + "/worker-1.toml";
    std::string text;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
      text += (line.rfind("coordinators ", 0) == 0 ? Cat("coordinators = [\"unix:", farm_.dir(), "/nobody.sock\"]")
                                                   : line) +
              "\n";
    }
    std::ofstream(file) << text;
    ASSERT_GT(pid, 0);
    ASSERT_EQ(kill(pid, SIGTERM), 0);
    ASSERT_TRUE(farm_.WaitUntil(
        [&] {
          const Json workers = farm_.GofarmJson({"worker", "list"});
          return Text(Items(workers.root()).at(0), "state") == "lost";
        },
        absl::Minutes(1)));
  }

  int64_t Memory() const {
    std::ifstream status(Cat("/proc/", farm_.CoordinatorPid(), "/status"));
    for (std::string line; std::getline(status, line);) {
      if (line.rfind("VmRSS:", 0) == 0) return std::stoll(line.substr(6)) << 10;
    }
    ADD_FAILURE() << "no VmRSS";
    return 0;
  }
  void Step(const std::string& what, const std::function<void()>& step) const {
    const absl::Time began = absl::Now();
    step();
    const absl::Duration took = absl::Now() - began;
    const int64_t memory = Memory();
    std::printf("scale: %-45s %7.2f s, coordinator %4lld MiB\n", what.c_str(), absl::ToDoubleSeconds(took),
                static_cast<long long>(memory >> 20));
    std::fflush(stdout);
    EXPECT_LE(took, kStepMax) << what;
    EXPECT_LE(memory, kMemoryMax) << what;
  }
  int64_t JobsIn(int64_t batch, const std::string& state) const {
    return Number(At(farm_.GofarmJson({"batch", "show", Cat(batch)}).root(), "jobs"), state);
  }
  int64_t FirstJob(int64_t batch) const {
    const Json jobs = farm_.GofarmJson({"job", "list", "--batch", Cat(batch), "--limit", "1"});
    return Number(Items(jobs.root()).at(0), "id");
  }

  Farm farm_;
};

TEST_F(ScaleTest, AHundredThousandModulesAreAcceptedJoinedAndCancelled) {
  ASSERT_NO_FATAL_FAILURE(LoseTheWorker());
  const std::string list = farm_.scratch() + "/list";
  std::ofstream lines(list);
  for (int i = 0; i < kModules; ++i) lines << "example.com/m" << i << "@v1.0.0\n";
  lines.close();

  // Somebody else looks at the farm all the while.
  std::atomic<bool> over = false;
  absl::Duration slowest;
  std::thread other([&] {
    while (!over) {
      const absl::Time began = absl::Now();
      EXPECT_EQ(farm_.Gofarm({"batch", "list", "--limit", "1"}).exit_code, 0);
      slowest = std::max(slowest, absl::Now() - began);
      absl::SleepFor(absl::Milliseconds(500));
    }
  });
  int64_t batch = 0, again = 0;
  Step("submit", [&] { batch = farm_.Submit({"--file", list, "--name", "large"}); });
  Step("batch show", [&] { EXPECT_EQ(JobsIn(batch, "queued"), kJobs); });
  Step("job list --limit 1000", [&] {
    const Json jobs = farm_.GofarmJson({"job", "list", "--batch", Cat(batch), "--limit", "1000"});
    EXPECT_EQ(Items(jobs.root()).size(), 1000u);
    EXPECT_EQ(Text(Items(jobs.root()).at(0), "wait_reason"), "no_worker");
  });
  Step("submit again: every job is joined", [&] { again = farm_.Submit({"--file", list, "--name", "again"}); });
  EXPECT_NE(again, batch);
  EXPECT_EQ(FirstJob(again), FirstJob(batch));
  Step("cancel of a batch whose jobs another wants", [&] { farm_.GofarmJson({"batch", "cancel", Cat(again)}); });
  EXPECT_EQ(JobsIn(batch, "queued"), kJobs);
  over = true;
  other.join();
  std::printf("scale: the slowest answer to another meanwhile %.2f s\n", absl::ToDoubleSeconds(slowest));
  EXPECT_LE(slowest, kAnswerMax);

  Step("a coordinator that is killed is back", [&] {
    const int pid = farm_.CoordinatorPid();
    ASSERT_EQ(kill(pid, SIGKILL), 0);
    ASSERT_TRUE(farm_.WaitUntil([&] { return !IsAlive(pid); }, absl::Seconds(5)));
    ASSERT_TRUE(farm_.WaitUntil([&] { return farm_.Gofarm({"batch", "list"}).exit_code == 0; }, absl::Minutes(1)));
  });
  EXPECT_EQ(JobsIn(batch, "queued"), kJobs);
  Step("cancel", [&] {
    const Json cancelled = farm_.GofarmJson({"batch", "cancel", Cat(batch)});
    EXPECT_EQ(Text(cancelled.root(), "state"), "cancelled");
  });
  EXPECT_EQ(JobsIn(batch, "cancelled"), kJobs);
  EXPECT_EQ(JobsIn(batch, "queued"), 0);
  EXPECT_EQ(Number(farm_.GofarmJson({"batch", "show", Cat(batch)}).root(), "executables"), 0);
  Step("watch of the ended batch", [&] { EXPECT_EQ(farm_.Gofarm({"batch", "watch", Cat(batch)}).exit_code, 1); });
  Step("job list of all", [&] {
    const Json jobs = farm_.GofarmJson({"job", "list", "--batch", Cat(batch)});
    EXPECT_EQ(Items(jobs.root()).size(), static_cast<size_t>(kJobs));
  });
}

}  // namespace
}  // namespace gofarm::testing
