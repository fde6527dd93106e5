// A worker that cannot build, beside one that can: the batch comes out as if it were not there, and people see why it
// gets no work.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "common/io/files.h"
#include "tests/e2e/farm_harness.h"
#include "tests/e2e/joined_worker.h"

namespace gofarm::testing {
namespace {

namespace fs = std::filesystem;

constexpr int kJobs = 30;

class BadWorkerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    environment_ = proxy_.Environment("example.com/bad");
    farm_ = std::make_unique<Farm>(0, environment_, std::vector<std::string>{},
                                   std::vector<std::string>{"--listen", "127.0.0.1:0"});
  }
  std::unique_ptr<JoinedWorker> Join(const std::string& name, const process::Variables& more,
                                     const std::vector<std::string>& words) {
    std::vector<std::string> all = {"--join", farm_->JoinString("worker")};
    all.insert(all.end(), words.begin(), words.end());
    auto worker =
        std::make_unique<JoinedWorker>(std::vector<std::string>{BinDir() + "/gofarm-worker"}, name, all,
                                       WorkerEnvironment(environment_, more), Cat(farm_->scratch(), "/", name));
    EXPECT_TRUE(farm_->WaitConnected(name)) << worker->Log();
    return worker;
  }
  // The bad one is there first, so it gets work before the good one.
  void ExpectNothingLost() {
    std::vector<std::string> words;
    for (int i = 0; i < kJobs; ++i) {
      words.push_back(proxy_.Add(Cat("example.com/bad/m", i), {"main.go=package main\\n\\nfunc main() {}\\n"}));
    }
    words.insert(words.end(), {"--target", "x86_64"});
    const int64_t batch = farm_->Submit(words);
    EXPECT_TRUE(farm_->WaitUntil([&] { return RowOf("bad").find("paused") != std::string::npos; }, absl::Minutes(3)))
        << RowOf("bad");
    const auto good = Join("good", {}, {});
    farm_->Watch(batch);
    const Json jobs = farm_->Jobs(batch);
    int built = 0, failed_attempts = 0;
    for (const simdjson::dom::element job : Items(jobs.root())) {
      built += Text(job, "state") == "built" ? 1 : 0;
      for (const simdjson::dom::element attempt : Items(At(job, "attempts"))) {
        if (Text(attempt, "worker") == "bad") ++failed_attempts;
      }
    }
    EXPECT_EQ(built, kJobs);
    EXPECT_GT(failed_attempts, 0);
    EXPECT_LE(failed_attempts, kJobs / 2) << "it was paused before it could fail them all";
  }
  std::string RowOf(const std::string& worker) {
    const Json workers = farm_->GofarmJson({"worker", "list"});
    for (const simdjson::dom::element row : Items(workers.root())) {
      if (Text(row, "name") == worker) return simdjson::minify(row);
    }
    return "";
  }

  LocalProxy proxy_;
  std::vector<std::string> environment_;
  std::unique_ptr<Farm> farm_;
};

TEST_F(BadWorkerTest, WithoutItsModuleProxyItFailsNoBatch) {
  // The discard port, at which nobody listens.
  const auto bad = Join("bad", {{"GOFARM_WORKER_GOPROXY", "http://127.0.0.1:9"}}, {});
  ExpectNothingLost();
}

// Each of the programs that a build starts, damaged after it was installed.
class BrokenToolTest : public BadWorkerTest, public ::testing::WithParamInterface<const char*> {
 protected:
  void TearDown() override {
    bad_.reset();
    BadWorkerTest::TearDown();
    EXPECT_TRUE(io::RemoveTree(own_).ok());
  }
  // Everything that the shared cache folder has, as links, but for the files of this name.
  void Damage(const std::string& tool) {
    own_ = Cat(fs::path(SharedCache()).parent_path().string(), "/gofarm-broken-XXXXXX");
    ASSERT_NE(mkdtemp(own_.data()), nullptr);
    for (const char* part : {"toolchains", "seeds"}) {
      ASSERT_EQ(RunCommand({"cp", "-al", Cat(SharedCache(), "/", part), own_}).exit_code, 0);
    }
    int broken = 0;
    for (const auto& entry : fs::recursive_directory_iterator(own_ + "/toolchains")) {
      if (entry.path().filename() != tool || !entry.is_regular_file()) continue;
      const fs::path path = entry.path();
      ASSERT_TRUE(fs::remove(path));  // the shared one is another link to the old bytes
      std::ofstream(path) << "no program\n";
      fs::permissions(path, fs::perms::owner_all);
      ++broken;
    }
    ASSERT_GT(broken, 0);
  }
  std::string own_;
  std::unique_ptr<JoinedWorker> bad_;
};

TEST_P(BrokenToolTest, FailsNoBatch) {
  ASSERT_NO_FATAL_FAILURE(Damage(GetParam()));
  bad_ = Join("bad", {}, {"--cache-dir", own_});
  ExpectNothingLost();
}
INSTANTIATE_TEST_SUITE_P(Tools, BrokenToolTest, ::testing::Values("compile", "go", "link", "zig"));

}  // namespace
}  // namespace gofarm::testing
