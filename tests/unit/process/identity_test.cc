#include "common/process/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "common/process/proc_fs.h"
#include "common/process/program.h"
#include "common/process/spawn.h"

namespace gofarm::process {
namespace {

using ::testing::HasSubstr;

std::string LogFile() { return ::testing::TempDir() + "/gofarm-process-test.log"; }

std::string Contents(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(IdentityTest, AUsedNumberWithAnotherStartTimeIsAnotherProcess) {
  ProcessId self = Identify(getpid());
  EXPECT_TRUE(IsAlive(self));
  ++self.start_time;
  EXPECT_FALSE(IsAlive(self));
  EXPECT_FALSE(SendSignal(self, SIGKILL));
}

TEST(SpawnTest, ADaemonIsSignalledAndWaitedForByIdentity) {
  const absl::StatusOr<ProcessId> sleeper =
      SpawnDaemon({.argv = {"/bin/sleep", "100"}, .environment = {}, .log_file = LogFile()});
  ASSERT_TRUE(sleeper.ok()) << sleeper.status();
  EXPECT_TRUE(IsAlive(*sleeper));
  EXPECT_FALSE(WaitUntilGone(Scope::For(absl::Milliseconds(50)), *sleeper));
  EXPECT_THAT(DescendantsOf({Identify(getpid())}), ::testing::Contains(*sleeper));
  EXPECT_TRUE(SendSignal(*sleeper, SIGTERM));
  // A zombie until it is waited for: that counts as gone.
  EXPECT_TRUE(WaitUntilGone(Scope::For(absl::Seconds(5)), *sleeper));
  EXPECT_FALSE(SendSignal(*sleeper, SIGTERM));
  waitpid(sleeper->pid, nullptr, 0);
}

TEST(SpawnTest, WhatCannotBeStartedIsNamed) {
  const absl::StatusOr<ProcessId> nothing = SpawnDaemon({.argv = {"/no/such/program"}, .log_file = LogFile()});
  ASSERT_FALSE(nothing.ok());
  EXPECT_THAT(std::string(nothing.status().message()), HasSubstr("/no/such/program"));
}

TEST(SpawnTest, ADaemonEndsWithTheThreadThatStartedIt) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t starter = fork();
  if (starter == 0) {
    const absl::StatusOr<ProcessId> child = SpawnDaemon({.argv = {"/bin/sleep", "100"},
                                                         .environment = {},
                                                         .log_file = LogFile(),
                                                         .death_signal = SIGTERM,
                                                         .not_as_root = true});
    const ProcessId id = child.value_or(ProcessId{});
    [[maybe_unused]] const ssize_t n = write(ends[1], &id, sizeof id);
    pause();
  }
  ProcessId child;
  ASSERT_EQ(read(ends[0], &child, sizeof child), static_cast<ssize_t>(sizeof child));
  EXPECT_TRUE(IsAlive(child));
  kill(starter, SIGKILL);
  waitpid(starter, nullptr, 0);
  EXPECT_TRUE(WaitUntilGone(Scope::For(absl::Seconds(5)), child));
  close(ends[0]);
  close(ends[1]);
}

TEST(SpawnTest, ADetachedProgramWritesIntoItsLog) {
  unlink(LogFile().c_str());
  ASSERT_TRUE(SpawnDetached({"/bin/sh", "-c", "ps -o tty= -p $$; echo done"}, LogFile()).ok());
  const Scope scope = Scope::For(absl::Seconds(10));
  while (Contents(LogFile()).find("done") == std::string::npos && !scope.Done()) absl::SleepFor(absl::Milliseconds(5));
  EXPECT_THAT(Contents(LogFile()), ::testing::AllOf(HasSubstr("?"), HasSubstr("done")));
  EXPECT_FALSE(SpawnDetached({"/no/such/program"}, LogFile()).ok());
}

TEST(SpawnTest, ADetachedProgramHasAnotherParentAndASessionThatItDoesNotLead) {
  unlink(LogFile().c_str());
  ASSERT_TRUE(SpawnDetached({"sh", "-c", "cat /proc/$$/stat; pwd; echo done"}, LogFile()).ok());
  const Scope scope = Scope::For(absl::Seconds(10));
  while (Contents(LogFile()).find("done") == std::string::npos && !scope.Done()) absl::SleepFor(absl::Milliseconds(5));
  const std::string text = Contents(LogFile());
  const std::optional<ProcStat> stat = ParseProcStat(text.substr(0, text.find('\n')));
  ASSERT_TRUE(stat.has_value()) << text;
  EXPECT_NE(stat->parent, getpid());
  EXPECT_NE(stat->session, getsid(0));
  EXPECT_NE(stat->session, stat->pid);
  EXPECT_THAT(text, HasSubstr("\n/\n"));
}

TEST(IdentityTest, AStopEndsTheWait) {
  std::stop_source stop;
  std::thread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(WaitUntilGone(Scope{absl::InfiniteFuture(), stop.get_token()}, Identify(getpid())));
  stopper.join();
}

TEST(ProgramTest, NamesAreLookedUpInAbsoluteFoldersOfPath) {
  const std::string folder = ::testing::TempDir() + "/gofarm-program-test";
  mkdir(folder.c_str(), 0755);
  mkdir((folder + "/sub").c_str(), 0755);
  std::ofstream(folder + "/tool") << "#!/bin/sh\n";
  chmod((folder + "/tool").c_str(), 0755);
  const std::string before = getenv("PATH");
  setenv("PATH", (":.:" + folder + "/none:" + folder).c_str(), 1);
  EXPECT_EQ(FindProgram("tool").value_or(""), folder + "/tool");
  EXPECT_EQ(FindProgram("sub").status().code(), absl::StatusCode::kNotFound) << "a folder is no program";
  EXPECT_EQ(FindProgram("./anything").value_or(""), "./anything");
  EXPECT_EQ(FindProgram("").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(FindSibling("tool").value_or(""), folder + "/tool");
  EXPECT_THAT(std::string(FindSibling("no-such-tool").status().message()), HasSubstr("beside this program"));
  setenv("PATH", before.c_str(), 1);
  EXPECT_THAT(SelfExecutable().value_or(""), HasSubstr("/process_test"));
}

}  // namespace
}  // namespace gofarm::process
