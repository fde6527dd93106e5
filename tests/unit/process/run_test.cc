#include "common/process/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "common/base/text.h"
#include "common/process/proc_fs.h"

namespace gofarm::process {
namespace {

using testing::HasSubstr;

Scope Soon() { return Scope::For(absl::Seconds(20)); }
Command Shell(const std::string& script) {
  Command command;
  command.argv = {"/bin/sh", "-c", script};
  command.environment = {{"PATH", "/usr/bin:/bin"}};
  return command;
}

TEST(RunTest, KeepsOutputErrorsAndExitCodeApart) {
  const auto result = process::Run(Soon(), Shell("echo out; echo err >&2; exit 3"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->out, "out\n");
  EXPECT_EQ(result->err, "err\n");
  EXPECT_EQ(result->exit_code, 3);
}

TEST(RunTest, InheritsNoEnvironment) {
  setenv("FARM_SECRET", "hunter2", 1);
  Command command;
  command.argv = {"env"};
  command.environment = {{"ONLY", "this"}};
  EXPECT_EQ(process::Run(Soon(), command)->out, "ONLY=this\n");
  command.environment = InheritedEnvironment({"PATH"});
  const auto inherited = process::Run(Soon(), command);
  EXPECT_THAT(inherited->out, HasSubstr("FARM_SECRET=hunter2\n"));
  EXPECT_THAT(inherited->out, testing::Not(HasSubstr("\nPATH=")));
  command.environment = InheritedWith({{"FARM_SECRET", "other"}, {"ONLY", "this"}});
  const auto replaced = process::Run(Soon(), command);
  EXPECT_THAT(replaced->out, testing::AllOf(HasSubstr("FARM_SECRET=other\n"), HasSubstr("ONLY=this\n")));
  EXPECT_THAT(replaced->out, testing::Not(HasSubstr("hunter2")));
}

TEST(RunTest, FeedsInputAndRunsInItsFolder) {
  Command command = Shell("pwd; wc -c");
  command.working_directory = "/usr";
  command.input = std::string(300000, 'x');
  EXPECT_EQ(process::Run(Soon(), command)->out, "/usr\n300000\n");
}

TEST(RunTest, AProgramThatDoesNotReadItsInputIsNoError) {
  Command command = Shell("exit 0");
  command.input = std::string(3000000, 'x');
  EXPECT_EQ(process::Run(Soon(), command)->exit_code, 0);
}

TEST(RunTest, AMissingProgramOrFolderIsAnErrorThatNamesIt) {
  Command command;
  command.argv = {"/no/such/program"};
  auto result = process::Run(Soon(), command);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("/no/such/program"));
  command = Shell("true");
  command.working_directory = "/no/such/folder";
  result = process::Run(Soon(), command);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("/no/such/folder"));
}

TEST(RunTest, ADeadlineEndsChildrenThatLeftTheirParent) {
  const absl::Time started = absl::Now();
  std::string pid;
  Command command = Shell("(sleep 300 & echo $!); sleep 300");
  command.on_stdout = [&pid](std::string_view data) { pid.append(data); };
  const auto result = process::Run(Scope::For(absl::Milliseconds(500)), command);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_LT(absl::Now() - started, absl::Seconds(5));
  ASSERT_GT(atoi(pid.c_str()), 1);
  const auto left = ReadProcStat(atoi(pid.c_str()));
  EXPECT_TRUE(!left || left->state == 'Z') << "the background child lives on";
}

TEST(RunTest, AStopEndsIt) {
  std::stop_source stop;
  Command command = Shell("echo ready; sleep 300");
  command.on_stdout = [&stop](std::string_view) { stop.request_stop(); };
  const auto result = process::Run(Scope{absl::InfiniteFuture(), stop.get_token()}, command);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kCancelled);
}

TEST(RunTest, TooMuchOutputEndsItAndTooManyErrorsLoseTheirMiddle) {
  Command command = Shell("exec yes");
  command.stdout_max = 1000000;
  EXPECT_EQ(process::Run(Soon(), command).status().code(), absl::StatusCode::kResourceExhausted);
  command = Shell("echo first >&2; i=0; while [ $i -lt 3000 ]; do echo filler-$i >&2; i=$((i+1)); done; echo last >&2");
  command.stderr_max = 2000;
  const auto result = process::Run(Soon(), command);
  EXPECT_THAT(result->err,
              testing::AllOf(testing::StartsWith("first\n"), HasSubstr("bytes left out"), testing::EndsWith("last\n")));
  EXPECT_LT(result->err.size(), 2100U);
}

TEST(RunTest, ABackgroundChildDoesNotHoldTheCallUp) {
  const absl::Time started = absl::Now();
  const auto result = process::Run(Soon(), Shell("sleep 300 & echo done"));
  EXPECT_EQ(result->out, "done\n");
  EXPECT_LT(absl::Now() - started, absl::Seconds(5));
}

TEST(RunTest, ASignalShowsInTheExitCode) {
  EXPECT_EQ(process::Run(Soon(), Shell("kill -9 $$"))->exit_code, 128 + SIGKILL);
}

TEST(RunTest, MeasuresCpuTimeOfItsChildren) {
  const auto result = process::Run(Soon(), Shell("sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'"));
  ASSERT_TRUE(result.ok());
  EXPECT_GT(result->cpu_seconds, 0.02);
}

TEST(RunTest, CountsWhatItAndItsChildrenWrote) {
  pid_t seen = 0;
  Command command = Shell("printf %5000s x; sh -c 'printf %7000s x'");
  command.on_started = [&](pid_t pid) {
    seen = pid;
    EXPECT_TRUE(BytesWrittenBy(pid).has_value());
  };
  const auto result = process::Run(Soon(), command);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->out.size(), 12'000U);
  if (geteuid() == 0)
    EXPECT_EQ(result->bytes_written.value_or(0), 12'000);
  else
    EXPECT_LE(result->bytes_written.value_or(0), 12'000) << "a pipe is no disk";
  EXPECT_FALSE(BytesWrittenBy(seen).has_value()) << "it is gone";
}

TEST(RunTest, ManyAtOnceDoNotDisturbEachOther) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([i] { EXPECT_EQ(process::Run(Soon(), Shell(Cat("echo ", i)))->out, Cat(i, "\n")); });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(RunTest, ErrorsThatAreShownComeOnOurOwnStderrAndNotInTheResult) {
  testing::internal::CaptureStderr();
  Command command = Shell("echo out; echo news >&2");
  command.show_errors = true;
  const auto result = process::Run(Soon(), command);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "news\n");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->out, "out\n");
  EXPECT_EQ(result->err, "");
}

// Field 5 of /proc/PID/stat is the group, field 6 the session.
TEST(RunTest, ACommandLeadsASessionOrOnlyAGroup) {
  Command command = Shell("cat /proc/$$/stat");
  const auto alone = process::Run(Soon(), command);
  command.leads = Leads::kGroup;
  const auto in_our_session = process::Run(Soon(), command);
  ASSERT_TRUE(alone.ok() && in_our_session.ok());
  const std::optional<ProcStat> first = ParseProcStat(alone->out), second = ParseProcStat(in_our_session->out);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->session, first->pid);
  EXPECT_EQ(second->session, getsid(0));
  EXPECT_EQ(second->group, second->pid);
}

TEST(RunTest, NothingOfAGroupIsLeft) {
  Command command = Shell("sleep 300 & echo $!");
  command.leads = Leads::kGroup;
  const auto result = process::Run(Soon(), command);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_GT(atoi(result->out.c_str()), 1);
  const std::optional<ProcStat> left = ReadProcStat(atoi(result->out.c_str()));
  EXPECT_TRUE(!left || left->is_dead());
}

// The sandbox and PostgreSQL rely on it: what a library left open reaches no child.
TEST(RunTest, InheritsNoDescriptor) {
  constexpr int kLeaked = 50;
  ASSERT_EQ(dup2(STDERR_FILENO, kLeaked), kLeaked);
  const auto result = process::Run(Soon(), Shell(Cat("test -e /proc/$$/fd/2 && test ! -e /proc/$$/fd/", kLeaked)));
  close(kLeaked);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_code, 0);
}

TEST(RunTest, AClosedFolderIsReachedByAUserWithAName) {
  const std::string closed = testing::TempDir() + "/gofarm-closed-folder";
  mkdir(closed.c_str(), 0700);
  const auto result = process::Run(Soon(), {.argv = {"/bin/sh", "-c", "id -un && touch \"$1/made\"", "sh", closed},
                                            .environment = InheritedEnvironment(),
                                            .not_as_root = true});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_code, 0) << result->err;
  EXPECT_NE(result->out, "root\n");
  struct stat made {};
  ASSERT_EQ(stat((closed + "/made").c_str(), &made), 0);
  EXPECT_EQ(made.st_uid, geteuid());
  unlink((closed + "/made").c_str());
  rmdir(closed.c_str());
}

}  // namespace
}  // namespace gofarm::process
