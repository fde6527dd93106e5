#include "common/process/run_watched.h"

#include <algorithm>
#include <atomic>
#include <stop_token>
#include <thread>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/sync/wait.h"

namespace gofarm::process {
namespace {

constexpr absl::Duration kSampleEvery = absl::Milliseconds(100);
constexpr absl::Duration kTickEvery = absl::Seconds(1);
// That of builds: above every daemon of the farm.
constexpr int kOomScoreAdj = 700;

}  // namespace

absl::StatusOr<CommandResult> RunWatched(const Scope& scope, const Command& command, const Watch& watch) {
  std::stop_source stop;
  const std::stop_callback chain(scope.stop, [&] { stop.request_stop(); });
  absl::StatusOr<CommandResult> result;
  std::stop_source done;  // of the runner
  std::atomic<pid_t> child = 0;
  Command watched = command;
  watched.oom_score_adj = kOomScoreAdj;
  watched.on_started = [&](pid_t pid) {
    child = pid;
    if (command.on_started) command.on_started(pid);
  };
  // The child dies with its thread, so the thread that waits for it does nothing else.
  std::thread runner([&] {
    result = Run(Scope{scope.deadline, stop.get_token()}, watched);
    done.request_stop();
  });
  bool enough = false, too_large = false;
  absl::Duration pause = kTickEvery;
  absl::Duration waited;
  while (sync::SleepFor(done.get_token(), kSampleEvery)) {
    waited += kSampleEvery;
    if (enough || too_large) continue;
    if (const pid_t pid = child; watch.sample && pid != 0) too_large = !watch.sample(pid);
    if (waited >= pause) {
      const absl::Time start = SteadyNow();
      enough = !watch.tick();
      // At most a twentieth of one core, however large the folder it looks at.
      pause = std::clamp((SteadyNow() - start) * 20, kTickEvery, kTickEvery * 10);
      waited = absl::ZeroDuration();
    }
    if (enough || too_large) stop.request_stop();
  }
  runner.join();
  if (too_large && !scope.Done()) return absl::AbortedError(Cat(command.argv[0], " held more memory than is allowed"));
  if (enough && !scope.Done()) return absl::ResourceExhaustedError("more was downloaded than is allowed");
  return result;
}

}  // namespace gofarm::process
