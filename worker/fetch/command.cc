#include "worker/fetch/command.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <stop_token>
#include <thread>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/sync/wait.h"
#include "worker/exec/sampler.h"

namespace gofarm::fetch {
namespace {

constexpr absl::Duration kSampleEvery = absl::Milliseconds(100);
constexpr absl::Duration kTickEvery = absl::Seconds(1);
// That of builds: above every daemon of the farm.
constexpr int kOomScoreAdj = 700;

}  // namespace

absl::StatusOr<process::CommandResult> RunWatched(const Scope& scope, const process::Command& spec,
                                                  const std::function<bool()>& tick, int64_t memory_max) {
  std::stop_source stop;
  const std::stop_callback chain(scope.stop, [&] { stop.request_stop(); });
  absl::StatusOr<process::CommandResult> result;
  std::stop_source done;  // of the runner
  std::atomic<pid_t> child = 0;
  process::Command watched = spec;
  watched.oom_score_adj = kOomScoreAdj;
  watched.on_started = [&](pid_t pid) {
    child = pid;
    if (spec.on_started) spec.on_started(pid);
  };
  // The child dies with its thread, so the thread that waits for it does nothing else.
  std::thread runner([&] {
    result = process::Run(Scope{scope.deadline, stop.get_token()}, watched);
    done.request_stop();
  });
  bool enough = false, too_large = false;
  absl::Duration pause = kTickEvery;
  absl::Duration waited;
  while (sync::SleepFor(done.get_token(), kSampleEvery)) {
    waited += kSampleEvery;
    if (enough || too_large) continue;
    if (const pid_t pid = child; memory_max > 0 && pid != 0) {
      too_large = exec::SampleTree(pid).resident_bytes + exec::ResidentBytes(pid) > memory_max;
    }
    if (waited >= pause) {
      const absl::Time start = SteadyNow();
      enough = !tick();
      // At most a twentieth of one core, however large the folder it looks at.
      pause = std::clamp((SteadyNow() - start) * 20, kTickEvery, kTickEvery * 10);
      waited = absl::ZeroDuration();
    }
    if (enough || too_large) stop.request_stop();
  }
  runner.join();
  if (too_large && !scope.Done()) {
    return absl::AbortedError(Cat(spec.argv[0], " held more than ", memory_max >> 20, " MiB of memory"));
  }
  if (enough && !scope.Done()) return absl::ResourceExhaustedError("more was downloaded than is allowed");
  return result;
}

int64_t BytesSince(const std::string& folder, absl::Time since, int64_t entries_max) {
  namespace fs = std::filesystem;
  const time_t start = absl::ToTimeT(since);
  int64_t total = 0;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied, error);
       !error && it != fs::recursive_directory_iterator() && entries_max > 0; it.increment(error), --entries_max) {
    struct stat info {};
    if (lstat(it->path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    if (info.st_mtim.tv_sec >= start) total += info.st_size;
  }
  return total;
}

absl::StatusOr<io::FileLock> WaitForLock(const Scope& scope, const std::string& path,
                                         const std::function<void()>& waiting) {
  bool announced = false;
  while (true) {
    absl::StatusOr<io::FileLock> lock = io::FileLock::TryAcquire(path);
    if (lock.ok() || lock.status().code() != absl::StatusCode::kUnavailable) return lock;
    if (!announced && waiting) waiting();
    announced = true;
    GOFARM_RETURN_IF_ERROR_CTX(scope.Check(), Cat("wait for lock ", path));
    sync::SleepFor(scope, absl::Milliseconds(100));
  }
}

absl::StatusOr<ScratchFolder> ScratchFolder::Make(const std::string& parent, const std::string& prefix) {
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(parent));
  std::string path = Cat(parent, "/", prefix, "XXXXXX");
  if (mkdtemp(path.data()) == nullptr) return ErrnoStatus(errno, Cat("make a folder in ", parent));
  chmod(path.c_str(), 0755);  // build uids read below it through bind mounts
  return ScratchFolder(std::move(path));
}

ScratchFolder::~ScratchFolder() {
  if (!path_.empty()) io::RemoveTree(path_).IgnoreError();
}

}  // namespace gofarm::fetch
