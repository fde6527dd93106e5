#include "worker/isolation_watch.h"

#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "common/sync/wait.h"

namespace gofarm::worker {
namespace {

// A machine too busy to answer in time looks like one that cannot isolate: a worker that could is believed for so many
// looks.
constexpr int kFailuresToBelieve = 2;

// Nothing when the disk was too full to see.
std::optional<bool> Verdict(const absl::Status& look) {
  if (absl::IsResourceExhausted(look)) return std::nullopt;
  return look.ok();
}

}  // namespace

IsolationWatch::IsolationWatch(IsolationWatchOptions options, const absl::Status& known)
    : options_(std::move(options)),
      thread_([this, able = Verdict(known)](const std::stop_token& stop) { Run(stop, able); }) {}

void IsolationWatch::Run(const std::stop_token& stop, std::optional<bool> able) {
  int failures = able.value_or(false) ? 0 : 1;
  while (true) {
    const absl::Duration pause =
        failures == 0
            ? options_.while_able
            : BackoffDelay(options_.while_unable, failures, std::uniform_real_distribution<double>(0.0, 1.0)(random_));
    if (!sync::SleepFor(stop, pause)) return;
    const absl::Status now = options_.probe(Scope::For(options_.probe_max, stop));
    if (stop.stop_requested()) return;
    // No verdict: what is known stays, and how soon to look again too, as room may be made at any time.
    if (!Verdict(now)) continue;
    failures = now.ok() ? 0 : failures + 1;
    if (now.ok() == able || (able == true && failures < kFailuresToBelieve)) continue;
    able = now.ok();
    options_.changed(now);
  }
}

}  // namespace gofarm::worker
