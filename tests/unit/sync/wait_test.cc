#include "common/sync/wait.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/base/scope.h"
#include "common/sync/alarm.h"
#include "common/sync/signals.h"

namespace gofarm::sync {
namespace {

constexpr absl::Duration kLong = absl::Minutes(10);

class Stopwatch {
 public:
  absl::Duration Elapsed() const { return absl::FromChrono(std::chrono::steady_clock::now() - start_); }

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

TEST(SleepForTest, LastsAsLongAsAskedWhenNobodyStopsIt) {
  const Stopwatch watch;
  EXPECT_TRUE(SleepFor(std::stop_token(), absl::Milliseconds(30)));
  EXPECT_GE(watch.Elapsed(), absl::Milliseconds(30));
  EXPECT_LT(watch.Elapsed(), kLong);
}

TEST(SleepForTest, AStopEndsItAndAnEarlierStopLetsNoneBegin) {
  std::stop_source stop;
  const Stopwatch watch;
  std::thread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(SleepFor(stop.get_token(), kLong));
  stopper.join();
  EXPECT_FALSE(SleepFor(stop.get_token(), kLong));
  EXPECT_FALSE(SleepFor(stop.get_token(), absl::ZeroDuration()));
  EXPECT_LT(watch.Elapsed(), kLong);
}

TEST(SleepForTest, NothingToWaitForReturnsAtOnce) {
  EXPECT_TRUE(SleepFor(std::stop_token(), absl::ZeroDuration()));
  EXPECT_TRUE(SleepFor(std::stop_token(), -absl::InfiniteDuration()));
}

TEST(SleepForTest, TheDeadlineOfAScopeEndsItToo) {
  const Stopwatch watch;
  EXPECT_FALSE(SleepFor(Scope::For(absl::Milliseconds(20)), kLong));
  EXPECT_LT(watch.Elapsed(), kLong);
  EXPECT_TRUE(SleepFor(Scope::For(kLong), absl::Milliseconds(1)));
}

TEST(SleepForTest, AnEndlessWaitIsEndedByAStop) {
  std::stop_source stop;
  std::thread waiter([&] { WaitForStop(stop.get_token()); });
  stop.request_stop();
  waiter.join();
  EXPECT_FALSE(SleepFor(Scope{absl::InfiniteFuture(), stop.get_token()}, absl::InfiniteDuration()));
}

// The loop of the header.
TEST(SleepForTest, ALoopRunsAfterItsFirstWaitUntilItIsStopped) {
  std::stop_source stop;
  int runs = 0;
  for (absl::Duration wait = absl::ZeroDuration(); SleepFor(stop.get_token(), wait); wait = absl::Milliseconds(1)) {
    if (++runs == 3) stop.request_stop();
  }
  EXPECT_EQ(runs, 3);
}

// Guarded as the product's are.
struct Gate {
  absl::Mutex mutex;
  absl::CondVar changed;
  bool open ABSL_GUARDED_BY(mutex) = false;

  void Open() {
    const absl::MutexLock lock(&mutex);
    open = true;
    changed.SignalAll();
  }
};

TEST(AwaitUntilTest, GivesTheConditionAsItIsAtTheEnd) {
  Gate gate;
  const Stopwatch watch;
  {
    const absl::MutexLock lock(&gate.mutex);
    EXPECT_FALSE(AwaitFor(gate.mutex, absl::Condition(&gate.open), absl::Milliseconds(30)));
    EXPECT_GE(watch.Elapsed(), absl::Milliseconds(30));
    EXPECT_FALSE(AwaitUntil(gate.mutex, absl::Condition(&gate.open), absl::InfinitePast()));
  }
  std::thread opener([&] { gate.Open(); });
  {
    const absl::MutexLock lock(&gate.mutex);
    EXPECT_TRUE(AwaitFor(gate.mutex, absl::Condition(&gate.open), kLong));
    EXPECT_TRUE(AwaitUntil(gate.mutex, absl::Condition(&gate.open), absl::InfiniteFuture()));
    EXPECT_TRUE(AwaitUntil(gate.mutex, absl::Condition(&gate.open), absl::InfinitePast()));
  }
  opener.join();
  EXPECT_LT(watch.Elapsed(), kLong);
}

TEST(WaitUntilTest, EndsWithASignalOrTheDeadline) {
  Gate gate;
  const Stopwatch watch;
  std::thread opener;
  {
    const absl::MutexLock lock(&gate.mutex);
    EXPECT_TRUE(WaitFor(gate.changed, gate.mutex, absl::Milliseconds(30)));
    EXPECT_GE(watch.Elapsed(), absl::Milliseconds(30));
    opener = std::thread([&] { gate.Open(); });
    while (!gate.open) EXPECT_FALSE(WaitFor(gate.changed, gate.mutex, kLong));
  }
  opener.join();
  EXPECT_LT(watch.Elapsed(), kLong);
}

// The lock, the condition and the waiting thread's frame are gone as soon as the wait returns, also when its alarm goes
// off at that moment.
TEST(AwaitUntilTest, ManyWaitsThatEndByBothAtOnceLeaveNothingBehind) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 300; ++i) {
        auto gate = std::make_unique<Gate>();
        std::thread opener([&] {
          std::this_thread::sleep_for(std::chrono::microseconds(50));
          gate->Open();
        });
        {
          const absl::MutexLock lock(&gate->mutex);
          (void)AwaitFor(gate->mutex, absl::Condition(&gate->open), absl::Microseconds(10 * (i % 30)));
        }
        opener.join();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(AlarmTest, GoesOffOnceAtItsTimeAndNeverAfterItWasDropped) {
  std::atomic<int> early = 0, late = 0, dropped = 0;
  std::stop_source rang;
  const absl::Time now = SteadyNow();
  const Alarm second(now + absl::Milliseconds(40), [&] {
    late = early + 1;
    rang.request_stop();
  });
  const Alarm first(now + absl::Milliseconds(10), [&] { ++early; });
  Alarm never(now + absl::Milliseconds(20), [&] { ++dropped; });
  EXPECT_TRUE(never.Drop());
  const Alarm no_time(absl::InfiniteFuture(), [&] { ++dropped; });
  EXPECT_FALSE(SleepFor(rang.get_token(), kLong));
  EXPECT_EQ(early, 1);
  EXPECT_EQ(late, 2);
  EXPECT_EQ(dropped, 0);
}

TEST(AlarmTest, ItsEndWaitsForWhatItDoes) {
  std::stop_source entered;
  std::atomic<bool> done = false;
  {
    Alarm alarm(SteadyNow(), [&] {
      entered.request_stop();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      done = true;
    });
    WaitForStop(entered.get_token());
    EXPECT_FALSE(alarm.Drop());
  }
  EXPECT_TRUE(done);
}

// In a process of its own, as a program has it.
TEST(StopSignalsTest, ASecondSignalHurriesWhereThatIsAskedForAndAThirdEndsTheProcess) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto be_stopped_thrice = [] {
    StopSignals signals(StopSignals::Second::kHurries);
    kill(getpid(), SIGTERM);
    WaitForStop(signals.token());
    if (signals.hurry().stop_requested()) _exit(1);
    kill(getpid(), SIGTERM);
    WaitForStop(signals.hurry());
    kill(getpid(), SIGTERM);
    for (;;) pause();
  };
  EXPECT_EXIT(be_stopped_thrice(), ::testing::ExitedWithCode(130), "");
}

}  // namespace
}  // namespace gofarm::sync
