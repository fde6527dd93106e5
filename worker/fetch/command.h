// Runs go and pip while the calling thread looks how much they have downloaded, and waits for locks that other
// processes hold. Thread-safe: no state.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "common/io/files.h"
#include "common/process/run.h"

namespace gofarm::fetch {

// As process::Run. Calls `tick` about once a second, from the calling thread; false ends the child, and the
// result is RESOURCE_EXHAUSTED. A slow tick is called less often. When the child and all below it hold more than
// `memory_max` bytes in memory (0: no limit), sampled every 100 ms, they end and the result is ABORTED. The kernel
// takes them before this process when memory runs out.
absl::StatusOr<process::CommandResult> RunWatched(const Scope& scope, const process::Command& spec,
                                                  const std::function<bool()>& tick, int64_t memory_max = 0);

// Bytes of the files below `folder` that were written since `since`; looks at no more than `entries_max` entries.
int64_t BytesSince(const std::string& folder, absl::Time since, int64_t entries_max = 200'000);

// Polls until the lock is free. `waiting` is called once when it is not free at once. CANCELLED, DEADLINE_EXCEEDED.
absl::StatusOr<io::FileLock> WaitForLock(const Scope& scope, const std::string& path,
                                         const std::function<void()>& waiting = {});

// A folder that is removed with the object, whatever was put into it.
class ScratchFolder {
 public:
  // Makes `parent`/`prefix`XXXXXX.
  static absl::StatusOr<ScratchFolder> Make(const std::string& parent, const std::string& prefix);
  ScratchFolder(ScratchFolder&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder();
  const std::string& path() const { return path_; }

 private:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace gofarm::fetch
