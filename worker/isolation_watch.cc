#include "worker/isolation_watch.h"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "absl/time/clock.h"

namespace gofarm::worker {
namespace {

// A machine too busy to answer in time looks like one that cannot isolate: a worker that could is believed for so many looks.
constexpr int kFailuresToBelieve = 2;

}  // namespace

IsolationWatch::IsolationWatch(IsolationWatchOptions options, const absl::Status& known)
    : options_(std::move(options)), thread_([this, able = known.ok()](const std::stop_token& stop) { Run(stop, able); }) {}

void IsolationWatch::Run(const std::stop_token& stop, bool able) {
  std::mutex mutex;
  std::condition_variable_any woken;
  std::unique_lock lock(mutex);
  int failures = able ? 0 : 1;
  while (true) {
    const absl::Duration pause =
        failures == 0 ? options_.while_able
                      : BackoffDelay(options_.while_unable, failures, std::uniform_real_distribution<double>(0.0, 1.0)(random_));
    woken.wait_for(lock, stop, absl::ToChronoMilliseconds(pause), [] { return false; });
    if (stop.stop_requested()) return;
    const absl::Status now = options_.probe(Scope::For(options_.probe_max, stop));
    if (stop.stop_requested()) return;
    failures = now.ok() ? 0 : failures + 1;
    if (now.ok() == able || (able && failures < kFailuresToBelieve)) continue;
    able = now.ok();
    options_.changed(now);
  }
}

}  // namespace gofarm::worker
