#include "common/process/limits.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

namespace gofarm::process {
namespace {

TEST(LimitsTest, TheSoftLimitOfOpenFilesBecomesTheHardOne) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 64;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  const auto raised = RaiseOpenFilesLimit();
  ASSERT_TRUE(raised.ok()) << raised.status();
  rlimit after{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, before.rlim_max);
  EXPECT_EQ(*raised, static_cast<int64_t>(before.rlim_max));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(LimitsTest, ACrashOfAProcessWithSecretsLeavesNoDump) {
  const pid_t child = ::fork();
  if (child == 0) {
    rlimit limit{};
    const bool forbidden = ForbidCoreDumps().ok() && ::getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max <= 1;
    if (!forbidden) ::_exit(1);
    ::signal(SIGABRT, SIG_DFL);
    ::abort();
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "exit code " << WEXITSTATUS(status);
  EXPECT_EQ(WTERMSIG(status), SIGABRT);
  EXPECT_FALSE(WCOREDUMP(status));
}

}  // namespace
}  // namespace gofarm::process
