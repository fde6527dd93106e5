#include "worker/exec/subprocess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

#include "common/base/text.h"
#include "worker/exec/sampler.h"

namespace gofarm::exec {
namespace {

using testing::HasSubstr;

Scope Soon() { return Scope::For(absl::Seconds(20)); }
SubprocessSpec Shell(const std::string& script) {
  SubprocessSpec spec;
  spec.argv = {"/bin/sh", "-c", script};
  spec.environment = {{"PATH", "/usr/bin:/bin"}};
  return spec;
}

TEST(SubprocessTest, KeepsOutputErrorsAndExitCodeApart) {
  const auto result = RunSubprocess(Soon(), Shell("echo out; echo err >&2; exit 3"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->out, "out\n");
  EXPECT_EQ(result->err, "err\n");
  EXPECT_EQ(result->exit_code, 3);
}

TEST(SubprocessTest, InheritsNoEnvironment) {
  setenv("FARM_SECRET", "hunter2", 1);
  SubprocessSpec spec;
  spec.argv = {"env"};
  spec.environment = {{"ONLY", "this"}};
  EXPECT_EQ(RunSubprocess(Soon(), spec)->out, "ONLY=this\n");
  spec.environment = InheritedEnvironment({"PATH"});
  const auto inherited = RunSubprocess(Soon(), spec);
  EXPECT_THAT(inherited->out, HasSubstr("FARM_SECRET=hunter2\n"));
  EXPECT_THAT(inherited->out, testing::Not(HasSubstr("\nPATH=")));
}

TEST(SubprocessTest, FeedsInputAndRunsInItsFolder) {
  SubprocessSpec spec = Shell("pwd; wc -c");
  spec.working_directory = "/usr";
  spec.input = std::string(300000, 'x');
  EXPECT_EQ(RunSubprocess(Soon(), spec)->out, "/usr\n300000\n");
}

TEST(SubprocessTest, AProgramThatDoesNotReadItsInputIsNoError) {
  SubprocessSpec spec = Shell("exit 0");
  spec.input = std::string(3000000, 'x');
  EXPECT_EQ(RunSubprocess(Soon(), spec)->exit_code, 0);
}

TEST(SubprocessTest, AMissingProgramOrFolderIsAnErrorThatNamesIt) {
  SubprocessSpec spec;
  spec.argv = {"/no/such/program"};
  auto result = RunSubprocess(Soon(), spec);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("/no/such/program"));
  spec = Shell("true");
  spec.working_directory = "/no/such/folder";
  result = RunSubprocess(Soon(), spec);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("/no/such/folder"));
}

TEST(SubprocessTest, ADeadlineEndsChildrenThatLeftTheirParent) {
  const absl::Time started = absl::Now();
  std::string pid;
  SubprocessSpec spec = Shell("(sleep 300 & echo $!); sleep 300");
  spec.on_stdout = [&pid](std::string_view data) { pid.append(data); };
  const auto result = RunSubprocess(Scope::For(absl::Milliseconds(500)), spec);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_LT(absl::Now() - started, absl::Seconds(5));
  ASSERT_GT(atoi(pid.c_str()), 1);
  const auto left = ReadProcStat(atoi(pid.c_str()));
  EXPECT_TRUE(!left || left->state == 'Z') << "the background child lives on";
}

TEST(SubprocessTest, AStopEndsIt) {
  std::stop_source stop;
  SubprocessSpec spec = Shell("echo ready; sleep 300");
  spec.on_stdout = [&stop](std::string_view) { stop.request_stop(); };
  const auto result = RunSubprocess(Scope{absl::InfiniteFuture(), stop.get_token()}, spec);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kCancelled);
}

TEST(SubprocessTest, TooMuchOutputEndsItAndTooManyErrorsLoseTheirMiddle) {
  SubprocessSpec spec = Shell("exec yes");
  spec.stdout_max = 1000000;
  EXPECT_EQ(RunSubprocess(Soon(), spec).status().code(), absl::StatusCode::kResourceExhausted);
  spec = Shell("echo first >&2; i=0; while [ $i -lt 3000 ]; do echo filler-$i >&2; i=$((i+1)); done; echo last >&2");
  spec.stderr_max = 2000;
  const auto result = RunSubprocess(Soon(), spec);
  EXPECT_THAT(result->err,
              testing::AllOf(testing::StartsWith("first\n"), HasSubstr("bytes left out"), testing::EndsWith("last\n")));
  EXPECT_LT(result->err.size(), 2100U);
}

TEST(SubprocessTest, ABackgroundChildDoesNotHoldTheCallUp) {
  const absl::Time started = absl::Now();
  const auto result = RunSubprocess(Soon(), Shell("sleep 300 & echo done"));
  EXPECT_EQ(result->out, "done\n");
  EXPECT_LT(absl::Now() - started, absl::Seconds(5));
}

TEST(SubprocessTest, ASignalShowsInTheExitCode) {
  EXPECT_EQ(RunSubprocess(Soon(), Shell("kill -9 $$"))->exit_code, 128 + SIGKILL);
}

TEST(SubprocessTest, MeasuresCpuTimeOfItsChildren) {
  const auto result = RunSubprocess(Soon(), Shell("sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'"));
  ASSERT_TRUE(result.ok());
  EXPECT_GT(result->cpu_seconds, 0.02);
}

TEST(SubprocessTest, CountsWhatItAndItsChildrenWrote) {
  pid_t seen = 0;
  SubprocessSpec spec = Shell("printf %5000s x; sh -c 'printf %7000s x'");
  spec.on_started = [&](pid_t pid) {
    seen = pid;
    EXPECT_TRUE(BytesWrittenBy(pid).has_value());
  };
  const auto result = RunSubprocess(Soon(), spec);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->out.size(), 12'000U);
  if (geteuid() == 0)
    EXPECT_EQ(result->bytes_written.value_or(0), 12'000);
  else
    EXPECT_LE(result->bytes_written.value_or(0), 12'000) << "a pipe is no disk";
  EXPECT_FALSE(BytesWrittenBy(seen).has_value()) << "it is gone";
}

TEST(SubprocessTest, ManyAtOnceDoNotDisturbEachOther) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([i] { EXPECT_EQ(RunSubprocess(Soon(), Shell(Cat("echo ", i)))->out, Cat(i, "\n")); });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace gofarm::exec
