// Decides when a run has to end early. Pure: no clock, no process; Run feeds it what it sees. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "worker/exec/sandbox.h"

namespace gofarm::exec {

class LimitWatch {
 public:
  LimitWatch(const SandboxLimits& limits, absl::Time started, absl::Time deadline);

  void OnOutput(absl::Time now);
  void OnSample(absl::Time now, int64_t resident_bytes, double cpu_seconds);
  // Nothing ran for so long: a suspended host, a stopped process.
  void OnGap(absl::Duration gap);
  void OnFolderBytes(int64_t bytes);
  void OnDiskFree(int64_t bytes);

  // The first limit that is passed, the most telling one when there are several.
  std::optional<EndedBy> Check(absl::Time now) const;

  double cpu_seconds() const { return cpu_; }
  int64_t peak_memory_bytes() const { return peak_; }

 private:
  const SandboxLimits limits_;
  absl::Time ends_at_;
  const double cpu_step_;
  absl::Time last_sign_;
  double cpu_ = 0;
  double cpu_at_sign_ = 0;
  int64_t peak_ = 0;
  int64_t folder_bytes_ = 0;
  int64_t disk_free_ = INT64_MAX;
};

}  // namespace gofarm::exec
