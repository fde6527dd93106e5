#include "cli/drain_watch.h"

#include <gmock/gmock.h>
#include <gofarm/v1/farm.pb.h>
#include <gtest/gtest.h>

namespace gofarm::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::WorkerRow Row(const std::string& name, bool draining, int held) {
  v1::WorkerRow row;
  row.set_name(name);
  row.set_draining(draining);
  row.set_held(held);
  return row;
}

v1::WorkerPage Page(const std::vector<v1::WorkerRow>& rows) {
  v1::WorkerPage page;
  for (const v1::WorkerRow& row : rows) *page.add_workers() = row;
  return page;
}

TEST(DrainWatchTest, EndsWhenNothingRunsAnyMoreAndSaysEachChangeOnce) {
  DrainWatch watch({"a", "b"});
  v1::WorkerRow busy = Row("a", true, 1);
  v1::RunningJob& job = *busy.add_running();
  job.set_job_id(12);
  job.set_module("example.com/m\x1b[2J");
  job.set_version("v1.0.0");
  job.set_target(v1::TARGET_RISCV64);
  EXPECT_EQ(watch.Look(Page({busy, Row("b", true, 0)})),
            "a: still runs 1 job: 12 example.com/m\\x1b[2J@v1.0.0 riscv64\nb: nothing runs any more\n");
  EXPECT_EQ(watch.Look(Page({busy})), "");
  EXPECT_THAT(watch.left(), ElementsAre("a"));
  EXPECT_EQ(watch.Look(Page({Row("a", true, 0)})), "a: nothing runs any more\n");
  EXPECT_THAT(watch.left(), IsEmpty());
  EXPECT_THAT(watch.undrained(), IsEmpty());
}

TEST(DrainWatchTest, AWorkerThatDoesNotDrainYetMayGetAJobYet) {
  DrainWatch watch({"a"});
  EXPECT_EQ(watch.Look(Page({Row("a", false, 0)})), "");
  EXPECT_THAT(watch.left(), ElementsAre("a"));
  watch.Look(Page({Row("a", true, 0)}));
  EXPECT_THAT(watch.left(), IsEmpty());
}

TEST(DrainWatchTest, AWorkerThatSomebodyUndrainsIsNotWaitedFor) {
  DrainWatch watch({"a"});
  watch.Look(Page({Row("a", true, 1)}));
  EXPECT_EQ(watch.Look(Page({Row("a", false, 1)})), "a: was undrained meanwhile\n");
  EXPECT_THAT(watch.left(), IsEmpty());
  EXPECT_THAT(watch.undrained(), ElementsAre("a"));
}

TEST(DrainWatchTest, AWorkerThatIsRemovedRunsNothing) {
  DrainWatch watch({"a"});
  EXPECT_EQ(watch.Look(Page({})), "a: was removed\n");
  EXPECT_THAT(watch.left(), IsEmpty());
}

TEST(DrainWatchTest, OfManyJobsTheFirstAreShown) {
  v1::WorkerRow busy = Row("a", true, 40);
  for (int i = 1; i <= 40; ++i) busy.add_running()->set_job_id(i);
  const std::string text = DrainWatch({"a"}).Look(Page({busy}));
  EXPECT_EQ(text.rfind("a: still runs 40 jobs: 1 ", 0), 0u) << text;
  EXPECT_EQ(text.substr(text.size() - 6), ", …\n") << text;
}

}  // namespace
}  // namespace gofarm::cli
