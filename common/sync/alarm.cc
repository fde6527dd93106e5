#include "common/sync/alarm.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "common/base/clock.h"

namespace gofarm::sync {
namespace {

// A time point further away than this could overflow; the thread then looks again.
constexpr absl::Duration kOneWaitMax = absl::Hours(24);

}  // namespace

// std:: primitives, because those of Abseil are what an alarm makes up for.
class AlarmThread {
 public:
  // Lives as long as the process: waits may be under way in destructors of static objects.
  static AlarmThread& Get() {
    static auto* const thread = new AlarmThread();
    return *thread;
  }

  void Add(Alarm& alarm) {
    const std::lock_guard lock(mutex_);
    alarm.state_ = Alarm::State::kWaiting;
    const auto added = waiting_.insert({alarm.at_, &alarm}).first;
    if (added == waiting_.begin()) earlier_.notify_one();
  }

  bool Drop(Alarm& alarm) {
    const std::lock_guard lock(mutex_);
    if (alarm.state_ == Alarm::State::kWaiting) {
      waiting_.erase({alarm.at_, &alarm});
      alarm.state_ = Alarm::State::kOver;
    }
    return alarm.state_ == Alarm::State::kOver;
  }

  void AwaitEnd(const Alarm& alarm) {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [&] { return alarm.state_ == Alarm::State::kOver; });
  }

 private:
  AlarmThread() {
    std::thread([this] { Run(); }).detach();
  }

  [[noreturn]] void Run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (waiting_.empty()) {
        earlier_.wait(lock);
        continue;
      }
      const absl::Duration rest = waiting_.begin()->first - SteadyNow();
      if (rest > absl::ZeroDuration()) {
        const auto until = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(std::min(rest, kOneWaitMax));
        earlier_.wait_until(lock, until);
        continue;
      }
      Alarm& alarm = *waiting_.begin()->second;
      waiting_.erase(waiting_.begin());
      alarm.state_ = Alarm::State::kRunning;
      lock.unlock();
      alarm.run_();
      lock.lock();
      alarm.state_ = Alarm::State::kOver;
      ended_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable earlier_;
  std::condition_variable ended_;
  std::set<std::pair<absl::Time, Alarm*>> waiting_;
};

Alarm::Alarm(absl::Time at, std::function<void()> run) : at_(at), run_(std::move(run)) {
  if (at_ != absl::InfiniteFuture()) AlarmThread::Get().Add(*this);
}

Alarm::~Alarm() {
  if (!Drop()) AlarmThread::Get().AwaitEnd(*this);
}

bool Alarm::Drop() { return at_ == absl::InfiniteFuture() || AlarmThread::Get().Drop(*this); }

}  // namespace gofarm::sync
