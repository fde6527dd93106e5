#include "common/process/proc_fs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/process/identity.h"
#include "common/process/spawn.h"

namespace gofarm::process {
namespace {

TEST(ProcStatTest, ReadsNamesWithBlanksAndParentheses) {
  const auto stat = ParseProcStat("42 (a) b (c) R 7 42 41 0 -1 4194304 1 2 3 4 10 20 30 40 20 0 1 0 5 6 7");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->pid, 42);
  EXPECT_EQ(stat->state, 'R');
  EXPECT_EQ(stat->parent, 7);
  EXPECT_EQ(stat->group, 42);
  EXPECT_EQ(stat->session, 41);
  EXPECT_EQ(stat->own_ticks, 30);
  EXPECT_EQ(stat->reaped_ticks, 70);
  EXPECT_EQ(stat->start_time, 5);
}

TEST(ProcStatTest, GarbageIsNothing) {
  for (const char* line : {"", "42", "42 (a", "42 (a) R", "x (a) R 7 42 41 0 -1 1 1 2 3 4 10 20 30 40 20 0 1 0 5 6",
                           "42 (a) R 7 42 41 0 -1 1 1 2 3 4 10 20 30 40 20 0 1 0"}) {
    EXPECT_FALSE(ParseProcStat(line)) << line;
  }
}

TEST(ProcStatTest, ReadsThisProcess) {
  const auto stat = ReadProcStat(getpid());
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->parent, getppid());
}

TEST(ProcFsTest, ChildrenAndTheirFoldersAreSeen) {
  const auto sleeper =
      SpawnDaemon({.argv = {"/bin/sleep", "100"}, .log_file = testing::TempDir() + "/gofarm-proc-fs-test.log"});
  ASSERT_TRUE(sleeper.ok()) << sleeper.status();
  EXPECT_THAT(Descendants(getpid(), 100), testing::Contains(sleeper->pid));
  EXPECT_THAT(NumbersIn("/proc"), testing::Contains(sleeper->pid));
  char here[4096];
  ASSERT_NE(getcwd(here, sizeof here), nullptr);
  EXPECT_TRUE(WorksIn(sleeper->pid, here));
  EXPECT_FALSE(WorksIn(sleeper->pid, "/proc"));
  EXPECT_TRUE(SendSignal(*sleeper, SIGKILL));
  waitpid(sleeper->pid, nullptr, 0);
  EXPECT_THAT(Descendants(getpid(), 100), testing::Not(testing::Contains(sleeper->pid)));
  EXPECT_FALSE(BytesWrittenBy(sleeper->pid).has_value());
}

}  // namespace
}  // namespace gofarm::process
