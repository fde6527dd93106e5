// The real supervisor with a real PostgreSQL; coordinator and worker are shell scripts that write down their starts.
#include "cli/embedded/supervisor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <functional>

#include "absl/time/clock.h"
#include "cli/embedded/farm_control.h"
#include "common/base/text.h"
#include "common/io/files.h"

namespace gofarm::embedded {
namespace {

using ::testing::HasSubstr;

// Takes its child along when the supervisor is killed, as a worker takes its builds along.
constexpr char kSleeper[] = "#!/bin/sh\nsleep 1000 &\ntrap 'kill $!; exit 0' TERM\nwait\n";
constexpr char kCrasher[] = "#!/bin/sh\necho out of cheese\nexit 3\n";
// A worker that ignores its own end and leaves a child that has fled into a session of its own.
constexpr char kMessy[] = "#!/bin/sh\nsetsid sleep 1000 &\nsleep 1000 &\nwait\n";

class SupervisorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/gofarm-supervisor-XXXXXX";
    top_ = mkdtemp(pattern);
    options_.paths = PathsFor(top_ + "/farm");
    options_.settings = {.workers = 1, .cache_dir = top_ + "/cache", .http_port = 20001};
    absl::StatusOr<PostgresPrograms> postgres = FindPostgres(Scope::For(absl::Seconds(20)), options_.paths.Cluster());
    ASSERT_TRUE(postgres.ok()) << postgres.status();
    options_.postgres = *postgres;
    options_.coordinator_exe = Script("coordinator", kSleeper);
    options_.worker_exe = Script("worker", kSleeper);
    ASSERT_TRUE(MakeFarmFolders(options_.paths).ok());
  }
  void TearDown() override {
    if (supervisor_ > 0) {
      kill(supervisor_, SIGTERM);
      waitpid(supervisor_, nullptr, 0);
    }
    EXPECT_TRUE(io::RemoveTree(top_).ok());
  }
  std::string Script(const std::string& name, const std::string& text) {
    const std::string path = top_ + "/" + name;
    std::ofstream(path) << text;
    chmod(path.c_str(), 0755);
    return path;
  }
  void StartIt() {
    supervisor_ = fork();
    ASSERT_GE(supervisor_, 0);
    if (supervisor_ > 0) return;
    const absl::Status ended = RunSupervisor(options_);
    if (!ended.ok()) fprintf(stderr, "supervisor: %s\n", ended.ToString().c_str());
    _exit(ended.ok() ? 0 : 1);
  }
  FarmFile Now() const { return LookAt(options_.paths.dir).value_or(FarmView{}).file; }
  bool Until(const std::function<bool(const FarmFile&)>& holds, absl::Duration limit = absl::Seconds(60)) const {
    for (const Scope scope = Scope::For(limit); !scope.Done(); absl::SleepFor(absl::Milliseconds(20))) {
      if (holds(Now())) return true;
    }
    return false;
  }
  bool UntilRunning() const {
    // Of this supervisor: one that was killed leaves its file behind.
    return Until([&](const FarmFile& farm) { return farm.state == "running" && farm.supervisor.pid == supervisor_; });
  }
  std::string Query(const std::string& sql) const {
    const absl::StatusOr<process::CommandResult> result = process::Run(
        Scope::For(absl::Seconds(20)), {.argv = {options_.postgres.folder + "/psql", "-h", options_.paths.run, "-U",
                                                 kDatabaseUser, "-d", kDatabase, "-tAc", sql},
                                        .environment = process::InheritedEnvironment()});
    return result.ok() ? result->out + result->err : result.status().ToString();
  }

  std::string top_;
  SupervisorOptions options_;
  pid_t supervisor_ = -1;
};

TEST_F(SupervisorTest, AllPartsComeUpAndDownLeavesNothing) {
  StartIt();
  ASSERT_TRUE(UntilRunning());
  EXPECT_EQ(Query("select 41 + 1"), "42\n");
  EXPECT_EQ(Query("show listen_addresses"), "\n");
  const FarmFile farm = Now();
  ASSERT_EQ(farm.workers.size(), 1u);
  std::vector<process::ProcessId> family = process::DescendantsOf({farm.supervisor});
  EXPECT_GE(family.size(), 8u);  // two scripts with their sleeps, the postmaster with its helpers
  std::vector<std::string> news;
  const absl::StatusOr<bool> down =
      TakeDown(options_.paths.dir, [&](const std::string& line) { news.push_back(line); });
  // The supervisor is a child of this test and stays a zombie until it is waited for.
  ASSERT_TRUE(down.ok()) << down.status();
  EXPECT_TRUE(*down);
  int status = 0;
  EXPECT_EQ(waitpid(supervisor_, &status, 0), supervisor_);
  supervisor_ = -1;
  EXPECT_EQ(status, 0);
  for (const process::ProcessId& process : family) EXPECT_FALSE(process::IsAlive(process)) << process.pid;
  EXPECT_NE(access(options_.paths.run.c_str(), F_OK), 0);
  EXPECT_EQ(Now().state, "down");
  EXPECT_EQ(Now().postgres.process.pid, 0);
  const absl::StatusOr<bool> again = TakeDown(options_.paths.dir, [](const std::string&) {});
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(*again);
}

TEST_F(SupervisorTest, APostgresThatIsKilledComesBackWithItsData) {
  StartIt();
  ASSERT_TRUE(UntilRunning());
  Query("create table t (n int)");
  Query("insert into t values (7)");
  const FarmFile before = Now();
  ASSERT_EQ(kill(before.postgres.process.pid, SIGKILL), 0);
  ASSERT_TRUE(Until([&](const FarmFile& farm) {
    return farm.state == "running" && farm.postgres.process.pid != before.postgres.process.pid;
  }));
  EXPECT_EQ(Query("select n from t"), "7\n");
  EXPECT_EQ(Now().postgres.restarts, 1);
  EXPECT_THAT(Now().postgres.detail, HasSubstr("signal 9"));
  EXPECT_EQ(Now().coordinator.process, before.coordinator.process);
}

TEST_F(SupervisorTest, AWorkerThatIsKilledIsStartedAgainAndItsChildrenEnd) {
  options_.worker_exe = Script("worker", kMessy);
  StartIt();
  ASSERT_TRUE(UntilRunning());
  const FarmFile before = Now();
  std::vector<process::ProcessId> children;
  const Scope scope = Scope::For(absl::Seconds(10));
  while (children.size() < 2 && !scope.Done()) children = process::DescendantsOf({before.workers[0].process});
  ASSERT_EQ(children.size(), 2u);
  ASSERT_EQ(kill(before.workers[0].process.pid, SIGKILL), 0);
  for (const process::ProcessId& child : children)
    EXPECT_TRUE(process::WaitUntilGone(Scope::For(absl::Seconds(5)), child));
  EXPECT_TRUE(Until([&](const FarmFile& farm) {
    return farm.state == "running" && farm.workers[0].process.pid != before.workers[0].process.pid;
  }));
}

TEST_F(SupervisorTest, APartThatKeepsCrashingMakesTheFarmDegradedAndSaysWhy) {
  options_.coordinator_exe = Script("coordinator", kCrasher);
  StartIt();
  ASSERT_TRUE(Until([](const FarmFile& farm) {
    return farm.state == "degraded" && farm.coordinator.detail.find("3 times in a row") != std::string::npos;
  }));
  EXPECT_THAT(Now().coordinator.detail, ::testing::AllOf(HasSubstr("exit code 3"), HasSubstr("out of cheese")));
  // Repaired, and asked to look (SIGHUP): it does not wait for its next try.
  Script("coordinator", kSleeper);
  kill(supervisor_, SIGHUP);
  EXPECT_TRUE(UntilRunning());
}

TEST_F(SupervisorTest, MoreWorkersComeWhenTheSettingsSaySo) {
  StartIt();
  ASSERT_TRUE(UntilRunning());
  Settings more = options_.settings;
  more.workers = 3;
  ASSERT_TRUE(WriteSettings(options_.paths, more).ok());
  kill(supervisor_, SIGHUP);
  EXPECT_TRUE(Until([](const FarmFile& farm) { return farm.workers.size() == 3 && farm.state == "running"; }));
  EXPECT_EQ(Now().workers[2].name, "worker-3");
}

TEST_F(SupervisorTest, ASecondSupervisorOfOneFolderIsRefused) {
  StartIt();
  ASSERT_TRUE(UntilRunning());
  const pid_t second = fork();
  if (second == 0) _exit(absl::IsUnavailable(RunSupervisor(options_)) ? 9 : 0);
  int status = 0;
  waitpid(second, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 9);
  EXPECT_EQ(Now().state, "running");
}

TEST_F(SupervisorTest, NothingOutlivesASupervisorThatIsKilledAndTheNextOneFindsTheData) {
  StartIt();
  ASSERT_TRUE(UntilRunning());
  Query("create table t (n int)");
  const FarmFile before = Now();
  const std::vector<process::ProcessId> parts = {before.postgres.process, before.coordinator.process,
                                                 before.workers[0].process};
  kill(supervisor_, SIGKILL);
  waitpid(supervisor_, nullptr, 0);
  for (const process::ProcessId& part : parts) EXPECT_TRUE(process::WaitUntilGone(Scope::For(absl::Seconds(20)), part));
  EXPECT_FALSE(LookAt(options_.paths.dir)->supervised);
  StartIt();
  ASSERT_TRUE(UntilRunning());
  EXPECT_EQ(Query("select count(*) from t"), "0\n");
}

TEST_F(SupervisorTest, AFarmWhoseFolderIsRemovedEnds) {
  StartIt();
  ASSERT_TRUE(UntilRunning());
  const std::vector<process::ProcessId> family = process::DescendantsOf({Now().supervisor});
  ASSERT_TRUE(io::RemoveTree(options_.paths.dir).ok());
  // A new farm in its place is none of its business.
  ASSERT_TRUE(MakeFarmFolders(options_.paths).ok());
  ASSERT_TRUE(io::WriteFileAtomic(options_.paths.LockFile(), "").ok());
  int status = 0;
  EXPECT_EQ(waitpid(supervisor_, &status, 0), supervisor_);  // as long as the test may last
  supervisor_ = -1;
  for (const process::ProcessId& process : family) EXPECT_FALSE(process::IsAlive(process)) << process.pid;
  EXPECT_EQ(access(options_.paths.run.c_str(), F_OK), 0);
  EXPECT_NE(access(options_.paths.FarmFile().c_str(), F_OK), 0);
}

TEST_F(SupervisorTest, DownEndsWhatAKilledSupervisorLeftBehind) {
  // A worker that overhears the one SIGTERM that the kernel sends for the dead supervisor.
  options_.worker_exe = Script("worker", "#!/bin/sh\ntrap 'trap - TERM' TERM\nsleep 1000 &\nwhile :; do wait; done\n");
  StartIt();
  ASSERT_TRUE(UntilRunning());
  const FarmFile before = Now();
  const Scope scope = Scope::For(absl::Seconds(10));
  while (process::DescendantsOf({before.workers[0].process}).empty() && !scope.Done())
    absl::SleepFor(absl::Milliseconds(5));
  kill(supervisor_, SIGKILL);
  waitpid(supervisor_, nullptr, 0);
  supervisor_ = -1;
  ASSERT_TRUE(process::IsAlive(before.workers[0].process));
  const absl::StatusOr<bool> down = TakeDown(options_.paths.dir, [](const std::string&) {});
  ASSERT_TRUE(down.ok()) << down.status();
  EXPECT_TRUE(*down);
  for (const process::ProcessId& process : before.Processes()) EXPECT_FALSE(process::IsAlive(process));
  EXPECT_NE(access(options_.paths.run.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace gofarm::embedded
