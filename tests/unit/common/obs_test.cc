#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

#include "absl/synchronization/notification.h"
#include "common/obs/log.h"
#include "common/sync/bounded_pool.h"

namespace gofarm {
namespace {

TEST(LogTest, TextFromOutsideCannotForgeALine) {
  EXPECT_EQ(obs::FormatLine(obs::Level::kInfo, "job_failed", {{"job", "81"}, {"why", "a b\nlevel=error \"x\""}}),
            "level=info event=job_failed job=81 why=\"a b\\\\x0alevel=error \\\"x\\\"\"");
  EXPECT_LT(obs::FormatLine(obs::Level::kInfo, "e", {{"v", std::string(100'000, 'x')}}).size(), 3000u);
}

TEST(BoundedPoolTest, RefusesWhatDoesNotFitAndRunsWhatItTook) {
  std::atomic<int> ran{0};
  {
    absl::Notification started, go_on;
    sync::BoundedPool pool("test", 1, 2);
    ASSERT_TRUE(pool.TryPost([&] {
      started.Notify();
      go_on.WaitForNotification();
      ++ran;
    }));
    started.WaitForNotification();
    EXPECT_TRUE(pool.TryPost([&] { throw std::runtime_error("a task may not end its thread"); }));
    EXPECT_TRUE(pool.TryPost([&] { ++ran; }));
    EXPECT_FALSE(pool.TryPost([&] { ++ran; })) << "the queue holds two";
    go_on.Notify();
  }
  EXPECT_EQ(ran, 2);
}

}  // namespace
}  // namespace gofarm
