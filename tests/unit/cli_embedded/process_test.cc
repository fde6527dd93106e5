#include "cli/embedded/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace gofarm::embedded {
namespace {

using ::testing::HasSubstr;

std::string LogFile() { return ::testing::TempDir() + "/gofarm-process-test.log"; }

std::string Contents(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(ProcessTest, AUsedNumberWithAnotherStartTimeIsAnotherProcess) {
  ProcessId self = Identify(getpid());
  EXPECT_TRUE(IsAlive(self));
  ++self.start_time;
  EXPECT_FALSE(IsAlive(self));
  EXPECT_FALSE(SendSignal(self, SIGKILL));
}

TEST(ProcessTest, ADaemonIsSignalledAndWaitedForByIdentity) {
  const absl::StatusOr<ProcessId> sleeper = SpawnDaemon({.argv = {"/bin/sleep", "100"}, .log_file = LogFile()});
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

TEST(ProcessTest, WhatCannotBeStartedIsNamed) {
  const absl::StatusOr<ProcessId> nothing = SpawnDaemon({.argv = {"/no/such/program"}, .log_file = LogFile()});
  ASSERT_FALSE(nothing.ok());
  EXPECT_THAT(std::string(nothing.status().message()), HasSubstr("/no/such/program"));
}

TEST(ProcessTest, ACommandsOutputErrorsAndExitCodeComeBackApart) {
  const absl::StatusOr<CommandResult> result = RunCommand(
      Scope::For(absl::Seconds(10)), {.argv = {"/bin/sh", "-c", "read a; echo got $a; echo bad >&2; exit 7"}}, "x\n");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_code, 7);
  EXPECT_EQ(result->output, "got x\n");
  EXPECT_EQ(result->errors, "bad\n");
}

TEST(ProcessTest, ACommandThatDoesNotEndIsKilled) {
  const absl::StatusOr<CommandResult> result =
      RunCommand(Scope::For(absl::Milliseconds(100)), {.argv = {"/bin/sleep", "100"}});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(ProcessTest, ACleanEnvironmentHoldsOnlyWhatWasGiven) {
  const absl::StatusOr<CommandResult> result =
      RunCommand(Scope::For(absl::Seconds(10)),
                 {.argv = {"/usr/bin/env"}, .environment = {{"A", "b"}}, .clean_environment = true});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output, "A=b\n");
}

TEST(ProcessTest, WhatRefusesRootSeesAUserWithANameThatReachesTheCallersFiles) {
  const std::string closed = ::testing::TempDir() + "/gofarm-closed-folder";
  mkdir(closed.c_str(), 0700);
  const absl::StatusOr<CommandResult> result =
      RunCommand(Scope::For(absl::Seconds(10)),
                 {.argv = {"/bin/sh", "-c", "id -un && touch \"$1/made\"", "sh", closed}, .not_as_root = true});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_code, 0) << result->errors;
  EXPECT_NE(result->output, "root\n");
  struct stat made {};
  ASSERT_EQ(stat((closed + "/made").c_str(), &made), 0);
  EXPECT_EQ(made.st_uid, geteuid());
  unlink((closed + "/made").c_str());
  rmdir(closed.c_str());
}

TEST(ProcessTest, ADaemonEndsWithTheThreadThatStartedIt) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t starter = fork();
  if (starter == 0) {
    const absl::StatusOr<ProcessId> child = SpawnDaemon(
        {.argv = {"/bin/sleep", "100"}, .log_file = LogFile(), .death_signal = SIGTERM, .not_as_root = true});
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

TEST(ProcessTest, ADetachedProgramWritesIntoItsLog) {
  unlink(LogFile().c_str());
  ASSERT_TRUE(SpawnDetached({"/bin/sh", "-c", "ps -o tty= -p $$; echo done"}, LogFile()).ok());
  const Scope scope = Scope::For(absl::Seconds(10));
  while (Contents(LogFile()).find("done") == std::string::npos && !scope.Done()) absl::SleepFor(absl::Milliseconds(5));
  EXPECT_THAT(Contents(LogFile()), ::testing::AllOf(HasSubstr("?"), HasSubstr("done")));
  EXPECT_FALSE(SpawnDetached({"/no/such/program"}, LogFile()).ok());
}

}  // namespace
}  // namespace gofarm::embedded
