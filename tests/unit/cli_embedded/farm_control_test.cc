// What `up` and `down` find out about a folder before they touch anything; the processes themselves:
// supervisor_test.cc.
#include "cli/embedded/farm_control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "cli/embedded/postgres.h"
#include "common/process/run.h"

namespace gofarm::embedded {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FarmControlTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/gofarm-control-XXXXXX";
    top_ = mkdtemp(pattern);
  }
  void TearDown() override { fs::remove_all(top_); }
  std::string Folder(const std::string& name) const {
    fs::create_directories(top_ + "/" + name);
    return top_ + "/" + name;
  }
  // As if this test were the supervisor of the farm in `dir`.
  static void WriteRunning(const std::string& dir) {
    FarmFile farm{.state = "running", .dir = dir, .run = dir + "/run", .supervisor = process::Identify(getpid())};
    ASSERT_TRUE(WriteFarmFile(dir + "/farm.json", farm).ok());
  }
  static bool Supervised(const std::string& dir) {
    const absl::StatusOr<FarmView> view = LookAt(dir);
    EXPECT_TRUE(view.ok()) << view.status();
    return view.ok() && view->supervised;
  }
  absl::StatusOr<Prepared> Prepare(const std::string& dir) const {
    return PrepareFarm(Scope::For(absl::Seconds(10)), {.dir = dir}, ProcessEnvironment(), [](const std::string&) {});
  }
  std::string top_;
};

TEST_F(FarmControlTest, ACopyOfAFarmsFolderIsNotThatFarm) {
  const std::string farm = Folder("farm");
  WriteRunning(farm);
  EXPECT_TRUE(Supervised(farm));
  fs::copy(farm, top_ + "/copy");
  EXPECT_FALSE(Supervised(top_ + "/copy"));
  EXPECT_FALSE(LookAt(top_ + "/copy")->leftovers);
  // By another name it is the same folder, and a folder that was moved is still itself.
  fs::create_directory_symlink(farm, top_ + "/link");
  EXPECT_TRUE(Supervised(top_ + "/link"));
  fs::rename(farm, top_ + "/moved");
  EXPECT_TRUE(Supervised(top_ + "/moved"));
}

TEST_F(FarmControlTest, UpLeavesAFolderAloneThatHoldsOtherThings) {
  const std::string dir = Folder("project");
  std::ofstream(dir + "/thesis.txt") << "years of work\n";
  chmod(dir.c_str(), 0755);
  const absl::StatusOr<Prepared> prepared = Prepare(dir);
  EXPECT_TRUE(absl::IsInvalidArgument(prepared.status())) << prepared.status();
  EXPECT_THAT(std::string(prepared.status().message()), HasSubstr("thesis.txt"));
  struct stat info {};
  ASSERT_EQ(stat(dir.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0755u);
  EXPECT_EQ(std::distance(fs::directory_iterator(dir), fs::directory_iterator()), 1);
}

TEST_F(FarmControlTest, AnAddressWhereAFileIsNamedIsRefusedBeforeAnythingIsWritten) {
  const Environment environment = [](const char* name) -> std::optional<std::string> {
    if (std::string(name) != "GOFARM_WEBHOOK_URL_FILE") return std::nullopt;
    return "https://x.test/sEcReT";
  };
  const absl::StatusOr<Prepared> prepared =
      PrepareFarm(Scope::For(absl::Seconds(10)), {.dir = top_ + "/farm"}, environment, [](const std::string&) {});
  EXPECT_TRUE(absl::IsInvalidArgument(prepared.status())) << prepared.status();
  EXPECT_THAT(std::string(prepared.status().message()), HasSubstr("GOFARM_WEBHOOK_URL_FILE names a file"));
  EXPECT_FALSE(fs::exists(top_ + "/farm"));
}

TEST_F(FarmControlTest, FoldersThatNoConfigurationCanNameAreRefused) {
  for (const char* name : {"/a\xff", "/a\nb", "/a\x1b[2J"}) {
    const absl::StatusOr<Prepared> prepared = Prepare(top_ + name);
    EXPECT_TRUE(absl::IsInvalidArgument(prepared.status())) << prepared.status();
    EXPECT_FALSE(fs::exists(top_ + name));
  }
}

TEST_F(FarmControlTest, DownOfAFolderWithoutAFarmWritesNothingThere) {
  const std::string dir = Folder("project");
  const absl::StatusOr<bool> down = TakeDown(dir, [](const std::string&) {});
  ASSERT_TRUE(down.ok()) << down.status();
  EXPECT_FALSE(*down);
  EXPECT_TRUE(fs::is_empty(dir));
  EXPECT_FALSE(TakeDown(top_ + "/nowhere", [](const std::string&) {}).value());
}

TEST_F(FarmControlTest, DownWaitsForItsTurnAndSaysSo) {
  const std::string dir = Folder("farm");
  absl::StatusOr<io::FileLock> other = io::FileLock::TryAcquire(PathsFor(dir).ControlLock());
  ASSERT_TRUE(other.ok());
  std::vector<std::string> news;
  const absl::StatusOr<bool> down = TakeDown(dir, [&](const std::string& line) {
    news.push_back(line);
    other = absl::CancelledError("the other one is done");
  });
  ASSERT_TRUE(down.ok()) << down.status();
  EXPECT_FALSE(*down);
  EXPECT_THAT(news, ElementsAre(HasSubstr("another gofarm up or down is at work on " + dir)));
}

TEST_F(FarmControlTest, ALockThatAStrangerHoldsIsNamedInsteadOfTakenForAFarm) {
  const std::string dir = Folder("farm");
  const absl::StatusOr<io::FileLock> foreign = io::FileLock::TryAcquire(PathsFor(dir).LockFile());
  ASSERT_TRUE(foreign.ok());
  const absl::StatusOr<bool> down = TakeDown(dir, [](const std::string&) {});
  EXPECT_THAT(std::string(down.status().message()), HasSubstr(dir + "/lock is held by another process"));
}

TEST_F(FarmControlTest, AFarmFileThatCannotBeReadSaysWhatToDo) {
  const std::string dir = Folder("farm");
  std::ofstream(dir + "/farm.json") << "{\"state\": ";
  EXPECT_THAT(std::string(LookAt(dir).status().message()), HasSubstr("remove the file, then gofarm up"));
}

TEST_F(FarmControlTest, ADatabaseLockIsStaleUnlessItsProcessWorksInTheCluster) {
  const FarmPaths paths = PathsFor(Folder("farm"));
  const std::string cluster = Folder("farm/pg");
  const auto lock_of = [&](int pid) { std::ofstream(cluster + "/postmaster.pid") << pid << "\n" << cluster << "\n"; };
  // A living process, and it might be another farm's PostgreSQL.
  lock_of(getpid());
  RemoveStaleLocks(paths);
  EXPECT_FALSE(fs::exists(cluster + "/postmaster.pid"));
  const fs::path before = fs::current_path();
  fs::current_path(cluster);
  lock_of(getpid());
  RemoveStaleLocks(paths);
  EXPECT_TRUE(fs::exists(cluster + "/postmaster.pid"));
  fs::current_path(before);
}

}  // namespace
}  // namespace gofarm::embedded
