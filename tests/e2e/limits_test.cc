// What is bounded: disks, logs, the time of a cancelled build. Small file systems stand under the worker's work folder
// and under the coordinator's data folder; the farm waits for room, says so, and goes on by itself when there is some.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "tests/e2e/farm_harness.h"
#include "tests/support/small_disk.h"

namespace gofarm::testing {
namespace {

using ::testing::AnyOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Its bundled C takes a minute to compile: time enough to cancel it.
constexpr char kSlow[] = "github.com/benbjohnson/litestream@v0.3.13";
constexpr char kHey[] = "github.com/rakyll/hey@v0.1.5";
constexpr int64_t kLogBytesMax = int64_t{16} << 20;  // of a farm whose configuration says nothing

class LimitsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_NO_FATAL_FAILURE(EnterOwnMounts());
    proxy_ = new LocalProxy;
    farm_ = new Farm(1, proxy_->Environment("limits.example"));
  }
  static void TearDownTestSuite() {
    delete farm_;
    farm_ = nullptr;
    delete proxy_;
  }
  void TearDown() override {
    if (!disk_) return;
    farm_->Down();
    disk_.reset();
    farm_->Up();
  }

  // A small disk takes the place of a folder of the farm.
  void Shrink(const std::string& folder, const std::string& size) {
    ASSERT_TRUE(farm_->Down());
    disk_.emplace(farm_->dir() + "/" + folder, Cat("size=", size));
    ASSERT_TRUE(farm_->Up());
  }

  static std::string HelloFile() {
    return "main.go=package main\\n\\nimport \\x22fmt\\x22\\n\\nfunc main() { fmt.Println(1) }\\n";
  }
  static int64_t OnlyJob(int64_t batch) {
    const Json jobs = farm_->Jobs(batch);
    const auto all = Items(jobs.root());
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? 0 : Number(all[0], "id");
  }
  static Json Show(int64_t job) { return farm_->GofarmJson({"job", "show", Cat(job)}); }

  static LocalProxy* proxy_;
  static Farm* farm_;
  std::optional<SmallDisk> disk_;
};
LocalProxy* LimitsTest::proxy_ = nullptr;
Farm* LimitsTest::farm_ = nullptr;

TEST_F(LimitsTest, WithoutRoomUnderTheWorkFolderJobsWaitAndAreBuiltAtTheFirstTryWhenThereIsRoom) {
  const std::string module = proxy_->Add("limits.example/work", {HelloFile()});
  ASSERT_NO_FATAL_FAILURE(Shrink("work", "64m"));
  const int64_t batch = farm_->Submit({module, "--target", "x86_64"});
  const int64_t job = OnlyJob(batch);

  // Below the floor the worker takes no offer.
  EXPECT_TRUE(farm_->WaitUntil([&] { return Text(Show(job).root(), "wait_detail").find("disk") != std::string::npos; },
                               absl::Seconds(30)));
  const Json waiting = Show(job);
  EXPECT_EQ(Text(waiting.root(), "state"), "queued");
  EXPECT_EQ(Text(waiting.root(), "wait_reason"), "no_free_slot");
  EXPECT_THAT(Text(waiting.root(), "wait_detail"), HasSubstr("the disk of worker worker-1 is full"));
  EXPECT_EQ(Count(waiting.root(), "attempts"), 0u);
  const Json workers = farm_->GofarmJson({"worker", "list"});
  EXPECT_THAT(Text(Items(workers.root()).at(0), "detail"), HasSubstr("too little room"));

  // What a build has no room for is not offered to one either: no try is used up.
  disk_->Remount("size=600m");
  absl::SleepFor(absl::Seconds(8));  // the worker looks every five seconds
  EXPECT_EQ(Count(Show(job).root(), "attempts"), 0u);
  disk_->Remount("size=4g");
  farm_->Watch(batch);
  const Json built = Show(job);
  EXPECT_EQ(Text(built.root(), "state"), "built") << Text(built.root(), "failure_detail");
  EXPECT_EQ(Count(built.root(), "attempts"), 1u);
}

TEST_F(LimitsTest, ADiskThatFillsUpUnderABuildEndsItBeforeItIsFull) {
  // Enough to compile for a while.
  const std::string source = farm_->scratch() + "/long.go";
  std::ofstream go(source);
  go << "package main\n\nfunc main() {}\n";
  for (int f = 0; f < 150; ++f) {
    go << "\nfunc F" << f << "(x int) int {\n";
    for (int k = 3; k < 3000; ++k) go << "\tx = x*" << k << " + x%" << k + f << "\n";
    go << "\treturn x\n}\n";
  }
  go.close();
  const std::string module = proxy_->Add("limits.example/long", {Cat("main.go=@", source)});
  ASSERT_NO_FATAL_FAILURE(Shrink("work", "4g"));
  const int64_t batch = farm_->Submit({module, "--target", "x86_64"});
  const int64_t job = OnlyJob(batch);
  ASSERT_TRUE(farm_->WaitUntilBuilding(batch));
  disk_->Remount("size=200m");  // below what a running build must leave free
  ASSERT_TRUE(farm_->WaitUntil(
      [&] {
        const Json shown = Show(job);
        const auto attempts = Items(At(shown.root(), "attempts"));
        return !attempts.empty() && Text(attempts[0], "failure_class") == "disk_full";
      },
      absl::Seconds(30)));
  EXPECT_THAT(Text(Items(At(Show(job).root(), "attempts"))[0], "failure_detail"), HasSubstr("while it was building"));
  EXPECT_EQ(farm_->Gofarm({"job", "cancel", Cat(job)}).exit_code, 0);
}

TEST_F(LimitsTest, AFullDiskUnderTheBlobStoreHoldsTheUploadBackUntilThereIsRoom) {
  const std::string module = proxy_->Add("limits.example/data", {HelloFile()});
  ASSERT_NO_FATAL_FAILURE(Shrink("data", "1m"));
  const int64_t batch = farm_->Submit({module, "--target", "x86_64"});
  const int64_t job = OnlyJob(batch);
  std::string shown;
  EXPECT_TRUE(farm_->WaitUntil(
      [&] {
        shown = farm_->Gofarm({"job", "show", Cat(job)}).out;
        return shown.find("No space left on device") != std::string::npos;
      },
      absl::Minutes(2)))
      << shown;
  EXPECT_THAT(shown, HasSubstr("running (upload, tried again after"));
  disk_->Remount("size=256m");
  farm_->Watch(batch);
  const Json built = Show(job);
  EXPECT_EQ(Text(built.root(), "state"), "built") << Text(built.root(), "failure_detail");
  EXPECT_EQ(Count(built.root(), "attempts"), 1u) << "nothing had to be built again";
  ASSERT_EQ(Count(built.root(), "executables"), 1u);
  const std::string digest = Text(Items(At(built.root(), "executables"))[0], "sha256");
  const std::string file = farm_->scratch() + "/artifact";
  EXPECT_EQ(farm_->Gofarm({"artifact", "get", digest, "-o", file}).exit_code, 0);
  EXPECT_THAT(RunCommand({"sha256sum", file}).out, StartsWith(digest));
}

TEST_F(LimitsTest, ALogBeyondItsCapKeepsHeadAndTailAndSaysWhatWasLeftOut) {
  // Errors that are followed by a note for each of many candidates, each with its long line.
  const std::string source = farm_->scratch() + "/loud.c";
  std::ofstream c(source);
  c << "#error the first of all\n";
  for (int i = 0; i < 800; ++i) {
    c << "struct s" << i << " { int x; }; __attribute__((overloadable)) int f(struct s" << i << " a); // "
      << std::string(1500, '.') << "\n";
  }
  for (int i = 0; i < 15; ++i) c << "int g" << i << "(void) { return f(" << i << "); }\n";
  c << "#error the last of all\n";
  c.close();
  const std::string module =
      proxy_->Add("limits.example/verbose",
                  {"main.go=package main\\n\\nimport \\x22C\\x22\\n\\nfunc main() {}\\n", Cat("loud.c=@", source)});
  const int64_t batch = farm_->Submit({module, "--target", "x86_64"});
  farm_->Watch(batch);
  const int64_t job = OnlyJob(batch);
  const Json built = Show(job);
  EXPECT_EQ(Text(built.root(), "failure_class"), "compile_error") << Text(built.root(), "failure_detail");

  const CommandResult log = farm_->Gofarm({"job", "log", Cat(job)});
  EXPECT_EQ(log.exit_code, 0) << log.err;
  EXPECT_GT(log.out.size(), static_cast<size_t>(kLogBytesMax / 2)) << log.out.substr(0, 2000);
  EXPECT_LE(log.out.size(), static_cast<size_t>(kLogBytesMax + 4096));
  EXPECT_EQ(static_cast<int64_t>(log.out.size()), Number(Items(At(built.root(), "attempts")).at(0), "log_bytes"));
  const size_t cut = log.out.find("\nlog| ");
  ASSERT_NE(cut, std::string::npos);
  const std::string line = log.out.substr(cut + 1, log.out.find('\n', cut + 1) - cut - 1);
  EXPECT_THAT(line, ::testing::MatchesRegex(Cat("log. [0-9]+ bytes left out: the log is longer than its limit of ",
                                                kLogBytesMax, " bytes")));
  EXPECT_EQ(log.out.find("\nlog| ", cut + 1), std::string::npos);
  const std::string head = log.out.substr(0, cut), tail = log.out.substr(cut + 1 + line.size());
  EXPECT_NE(head.find("the first of all"), std::string::npos);
  EXPECT_NE(tail.find("the last of all"), std::string::npos);
  EXPECT_EQ(head.find("the last of all"), std::string::npos);
}

// A bubblewrap that says it is too old, in front of the real one, until it is taken away.
TEST(MendedHostTest, AWorkerWhoseHostIsMendedGoesToWorkWithoutARestart) {
  char folder[] = "/tmp/gofarm-old-bwrap-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string fake = Cat(folder, "/bwrap");
  std::ofstream(fake)
      << "#!/bin/sh\n[ \"$1\" = --version ] && echo bubblewrap 0.1.0 && exit 0\nPATH=${PATH#*:} exec bwrap \"$@\"\n";
  ASSERT_EQ(chmod(folder, 0755), 0);
  ASSERT_EQ(chmod(fake.c_str(), 0755), 0);
  {
    const Farm farm(1, {Cat("PATH=", folder, ":", std::getenv("PATH"))});
    const auto worker = [&farm](std::string_view key) {
      const Json workers = farm.GofarmJson({"worker", "list"});
      const auto rows = Items(workers.root());
      return rows.empty() ? std::string() : Text(rows[0], key);
    };
    EXPECT_TRUE(farm.WaitUntil([&] { return worker("detail").find("is 0.1, 0.8 is needed") != std::string::npos; },
                               absl::Seconds(30)))
        << worker("detail");
    const int pid = farm.WorkerPid();
    EXPECT_EQ(unlink(fake.c_str()), 0);
    EXPECT_TRUE(
        farm.WaitUntil([&] { return worker("detail").empty() && worker("state") == "connected"; }, absl::Seconds(60)))
        << worker("detail");
    EXPECT_EQ(farm.WorkerPid(), pid) << "the same process";
    const int64_t batch = farm.Submit({"github.com/BurntSushi/toml@v1.6.0", "--target", "x86_64", "--force"});
    farm.Watch(batch);
    const Json jobs = farm.Jobs(batch);
    EXPECT_EQ(Text(Items(jobs.root()).at(0), "state"), "built");
  }
  EXPECT_TRUE(io::RemoveTree(folder).ok());
}

// Two workers, the proxy of the environment.
class TwoWorkersTest : public ::testing::Test {
 protected:
  TwoWorkersTest() : farm_(2) {}

  Json Workers() const { return farm_.GofarmJson({"worker", "list"}); }
  bool AllReady() const {
    return farm_.WaitUntil(
        [&] {
          const Json workers = Workers();
          for (const simdjson::dom::element worker : Items(workers.root())) {
            if (Number(worker, "free_slots") < 1 || Count(worker, "readiness") < 4) return false;
            for (const simdjson::dom::element target : Items(At(worker, "readiness"))) {
              if (Text(target, "state") != "ready") return false;
            }
          }
          return Items(workers.root()).size() == 2;
        },
        absl::Minutes(15));
  }
  int PidOf(const std::string& worker) const {
    const Json workers = Workers();
    for (const simdjson::dom::element row : Items(workers.root())) {
      if (Text(row, "name") == worker) return static_cast<int>(Number(row, "pid"));
    }
    ADD_FAILURE() << "no worker " << worker;
    return -1;
  }
  // A worker reads its configuration when it starts: it is ended, and the supervisor starts it again.
  void SetSlots(int slots) const {
    for (const std::string name : {"worker-1", "worker-2"}) {
      const std::string file = Cat(farm_.dir(), "/", name, ".toml");
      std::stringstream kept;
      std::ifstream in(file);
      for (std::string line; std::getline(in, line);) {
        if (line.rfind("slots ", 0) != 0 && line.rfind("memory_bytes_per_slot ", 0) != 0) kept << line << "\n";
      }
      std::ofstream(file) << kept.str() << "slots = " << slots << "\nmemory_bytes_per_slot = " << (int64_t{3} << 30)
                          << "\n";
      const int pid = PidOf(name);
      ASSERT_GT(pid, 0);
      ASSERT_EQ(kill(pid, SIGTERM), 0);
    }
    ASSERT_TRUE(farm_.WaitUntil(
        [&] {
          const Json workers = Workers();
          size_t fresh = 0;
          for (const simdjson::dom::element row : Items(workers.root())) {
            fresh += Text(row, "state") == "connected" && Number(row, "slots") == slots &&
                     Number(row, "free_slots") == slots;
          }
          return fresh == 2;
        },
        absl::Minutes(1)));
  }
  // Who built each job of the batch, in one attempt each.
  std::vector<std::string> Builders(int64_t batch) const {
    std::vector<std::string> out;
    const Json jobs = farm_.Jobs(batch);
    for (const simdjson::dom::element job : Items(jobs.root())) {
      EXPECT_EQ(Text(job, "state"), "built") << Text(job, "failure_detail");
      EXPECT_EQ(Count(job, "attempts"), 1u);
      for (const simdjson::dom::element attempt : Items(At(job, "attempts"))) out.push_back(Text(attempt, "worker"));
    }
    return out;
  }

  Farm farm_;
};

TEST_F(TwoWorkersTest, CancelEndsTheBuildsProcessesAndTheWaitAndRetryMakesANewGeneration) {
  ASSERT_TRUE(AllReady());
  CommandResult waited;
  std::thread waiter([&] {
    waited = farm_.Gofarm({"submit", kSlow, "--target", "x86_64", "--wait", "--output", "json"});
  });
  int64_t batch = 0;
  EXPECT_TRUE(farm_.WaitUntil(
      [&] {
        const Json batches = farm_.GofarmJson({"batch", "list"});
        for (const simdjson::dom::element row : Items(batches.root())) batch = Number(row, "id");
        return batch != 0;
      },
      absl::Minutes(1)));
  EXPECT_TRUE(farm_.WaitUntilBuilding(batch));
  const Json running = farm_.Jobs(batch);
  const simdjson::dom::element job = Items(running.root()).at(0);
  const int worker = PidOf(Text(Items(At(job, "attempts")).at(0), "worker"));
  std::vector<int> build;
  EXPECT_TRUE(farm_.WaitUntil(
      [&] {
        build = TreeOf(worker);
        return build.size() > 3;
      },
      absl::Seconds(30)));
  build.erase(build.begin());

  const Json cancelled = farm_.GofarmJson({"batch", "cancel", Cat(batch)});
  EXPECT_TRUE(
      farm_.WaitUntil([&] { return TreeOf(worker).size() == 1 && std::none_of(build.begin(), build.end(), &IsAlive); },
                      absl::Seconds(5)));
  EXPECT_TRUE(IsAlive(worker));
  EXPECT_EQ(Text(cancelled.root(), "state"), "cancelled");
  waiter.join();
  EXPECT_EQ(waited.exit_code, 1) << waited.err;
  const Json end(waited.out);
  EXPECT_EQ(Text(end.root(), "state"), "cancelled");
  EXPECT_EQ(Number(At(end.root(), "jobs"), "cancelled"), 1);
  EXPECT_EQ(Number(end.root(), "executables"), 0);

  const int64_t id = Number(job, "id");
  const Json shown = farm_.GofarmJson({"job", "show", Cat(id)});
  EXPECT_EQ(Text(shown.root(), "state"), "cancelled");
  ASSERT_EQ(Count(shown.root(), "attempts"), 1u);
  EXPECT_EQ(Text(Items(At(shown.root(), "attempts"))[0], "outcome"), "cancelled");

  const Json retried = farm_.GofarmJson({"job", "retry", Cat(id)});
  EXPECT_NE(Number(retried.root(), "id"), id);
  EXPECT_EQ(Number(retried.root(), "generation"), Number(shown.root(), "generation") + 1);
  EXPECT_EQ(Text(retried.root(), "recipe_digest"), Text(shown.root(), "recipe_digest"));
  EXPECT_THAT(Text(retried.root(), "state"), AnyOf("queued", "running"));
  const std::string again = Cat(Number(retried.root(), "id"));
  farm_.GofarmJson({"job", "cancel", again});
  EXPECT_TRUE(farm_.WaitUntil(
      [&] {
        return Text(farm_.GofarmJson({"job", "show", again}).root(), "state") == "cancelled";
      },
      absl::Seconds(10)));
  EXPECT_EQ(Text(farm_.GofarmJson({"job", "show", Cat(id)}).root(), "state"), "cancelled")
      << "the old one stays as it was";
}

TEST_F(TwoWorkersTest, TargetsOfOneModuleStayWithTheWorkerThatHasTheSourceAsLongAsItHasSlots) {
  ASSERT_TRUE(AllReady());
  ASSERT_NO_FATAL_FAILURE(SetSlots(4));
  ASSERT_TRUE(AllReady());
  const int64_t together = Number(farm_.GofarmJson({"submit", kHey, "--force", "--wait"}).root(), "id");
  const std::vector<std::string> one = Builders(together);
  ASSERT_EQ(one.size(), 4u);
  EXPECT_THAT(one, Each(one[0]));

  ASSERT_NO_FATAL_FAILURE(SetSlots(1));
  ASSERT_TRUE(AllReady());
  const int64_t apart = Number(farm_.GofarmJson({"submit", kHey, "--force", "--wait"}).root(), "id");
  const std::vector<std::string> both = Builders(apart);
  ASSERT_EQ(both.size(), 4u);
  EXPECT_EQ(std::set<std::string>(both.begin(), both.end()), (std::set<std::string>{"worker-1", "worker-2"}))
      << "no worker stays idle while a job waits";
}

}  // namespace
}  // namespace gofarm::testing
