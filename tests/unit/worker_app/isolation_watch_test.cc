#include "worker/isolation_watch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace gofarm::worker {
namespace {

// A host whose answers to one look after the other are given; the last one stays.
class Host {
 public:
  explicit Host(const std::vector<bool>& able) {
    for (const bool a : able) answers_.push_back(a ? absl::OkStatus() : absl::FailedPreconditionError("no namespaces"));
  }
  explicit Host(std::vector<absl::Status> answers) : answers_(std::move(answers)) {}

  IsolationWatchOptions Options() {
    IsolationWatchOptions options;
    options.probe = [this](const Scope&) { return Probe(); };
    options.changed = [this](const absl::Status& now) {
      absl::MutexLock lock(&mutex_);
      reported_.push_back(std::string(now.message()));
    };
    options.while_able = absl::Milliseconds(1);
    options.while_unable = {absl::Milliseconds(1), absl::Milliseconds(2), 2.0};
    return options;
  }
  // What was reported by the time that the host was looked at so often.
  std::vector<std::string> ReportedAfter(size_t looks) {
    absl::MutexLock lock(&mutex_);
    const auto enough = [this, looks]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return looks_ >= looks; };
    EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(20)));
    return reported_;
  }

 private:
  absl::Status Probe() {
    absl::MutexLock lock(&mutex_);
    return answers_[std::min(looks_++, answers_.size() - 1)];
  }

  absl::Mutex mutex_;
  std::vector<absl::Status> answers_;
  size_t looks_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> reported_ ABSL_GUARDED_BY(mutex_);
};

TEST(IsolationWatchTest, AMendedHostIsNoticedAndReportedOnce) {
  Host host({false, false, true});
  const IsolationWatch watch(host.Options(), absl::FailedPreconditionError("no namespaces"));
  EXPECT_EQ(host.ReportedAfter(6), std::vector<std::string>{""});
}

TEST(IsolationWatchTest, AHostThatBreaksLaterIsReportedWithTheReasonAndMayBeMendedAgain) {
  Host host({true, true, false, false, false, true});
  const IsolationWatch watch(host.Options(), absl::OkStatus());
  EXPECT_EQ(host.ReportedAfter(8), (std::vector<std::string>{"no namespaces", ""}));
}

TEST(IsolationWatchTest, OneFailedLookOfABusyMachineChangesNothing) {
  Host host({true, false, true, false, true});
  const IsolationWatch watch(host.Options(), absl::OkStatus());
  EXPECT_TRUE(host.ReportedAfter(8).empty());
}

TEST(IsolationWatchTest, AFullDiskIsNoVerdictOnTheHost) {
  const absl::Status full = absl::ResourceExhaustedError("no room");
  Host able({full, full, full, full});
  const IsolationWatch watch_able(able.Options(), absl::OkStatus());
  EXPECT_TRUE(able.ReportedAfter(8).empty());
  Host unable({full, full, absl::OkStatus()});
  const IsolationWatch watch_unable(unable.Options(), absl::FailedPreconditionError("no namespaces"));
  EXPECT_EQ(unable.ReportedAfter(6), std::vector<std::string>{""});
}

TEST(IsolationWatchTest, TheFirstVerdictAfterAFullDiskIsReportedWhateverItIs) {
  const absl::Status full = absl::ResourceExhaustedError("no room");
  Host able({full, absl::OkStatus()});
  const IsolationWatch watch_able(able.Options(), full);
  EXPECT_EQ(able.ReportedAfter(6), std::vector<std::string>{""});
  Host unable({full, absl::FailedPreconditionError("no namespaces")});
  const IsolationWatch watch_unable(unable.Options(), full);
  EXPECT_EQ(unable.ReportedAfter(6), std::vector<std::string>{"no namespaces"});
}

TEST(IsolationWatchTest, AStopDoesNotWaitForTheNextLook) {
  Host host({true, true});
  IsolationWatchOptions options = host.Options();
  options.while_able = absl::Hours(1);
  const absl::Time started = absl::Now();
  { const IsolationWatch watch(std::move(options), absl::OkStatus()); }
  EXPECT_LT(absl::Now() - started, absl::Seconds(10));
}

}  // namespace
}  // namespace gofarm::worker
