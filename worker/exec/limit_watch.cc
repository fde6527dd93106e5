#include "worker/exec/limit_watch.h"

#include <algorithm>

namespace gofarm::exec {
namespace {

// CPU time that counts as a sign of life, as a share of the silence limit: an idle Go or zig process still wakes up for
// a few milliseconds now and then, and must not pass for one that works.
constexpr double kLivelyShare = 0.001;
constexpr double kLivelySecondsMin = 0.02;

}  // namespace

LimitWatch::LimitWatch(const SandboxLimits& limits, absl::Time started, absl::Time deadline)
    : limits_(limits),
      ends_at_(std::min(started + limits.wall, deadline)),
      cpu_step_(std::max(kLivelySecondsMin, kLivelyShare * absl::ToDoubleSeconds(limits.silence))),
      last_sign_(started) {}

void LimitWatch::OnOutput(absl::Time now) {
  last_sign_ = now;
  cpu_at_sign_ = cpu_;
}

void LimitWatch::OnSample(absl::Time now, int64_t resident_bytes, double cpu_seconds) {
  peak_ = std::max(peak_, resident_bytes);
  cpu_ = std::max(cpu_, cpu_seconds);
  if (cpu_ - cpu_at_sign_ < cpu_step_) return;
  last_sign_ = now;
  cpu_at_sign_ = cpu_;
}

void LimitWatch::OnGap(absl::Duration gap) {
  last_sign_ += gap;
  ends_at_ += gap;
}

void LimitWatch::OnFolderBytes(int64_t bytes) { folder_bytes_ = bytes; }

void LimitWatch::OnDiskFree(int64_t bytes) { disk_free_ = bytes; }

std::optional<EndedBy> LimitWatch::Check(absl::Time now) const {
  if (peak_ > limits_.memory_bytes) return EndedBy::kMemory;
  if (folder_bytes_ > limits_.output_bytes) return EndedBy::kOutput;
  if (disk_free_ < limits_.disk_free_bytes) return EndedBy::kDisk;
  if (now >= ends_at_) return EndedBy::kWall;
  if (now - last_sign_ >= limits_.silence) return EndedBy::kSilence;
  return std::nullopt;
}

}  // namespace gofarm::exec
