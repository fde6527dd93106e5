// What a worker has and does, as it reports it: for `worker list`, `status` and `watch`. With the limits of such a
// report and the one rule of what is taken. Plain data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/vocab/target.h"

namespace gofarm {

inline constexpr size_t kWorkerReportRowsMax = 256;  // toolchains, and rows of readiness
inline constexpr size_t kWorkerTextMax = 200;        // kinds, versions, digests, toolset names
inline constexpr size_t kWorkerDetailMax = 4096;     // sentences for people, paths

// How far a target's seeds are on a worker. Numbers as in proto/gofarm/v1/ids.proto.
enum class ReadinessState : int { kWaiting = 1, kSeeding, kReady, kFailed };
std::string_view Name(ReadinessState state);  // "waiting", "seeding", "ready", "failed"
std::optional<ReadinessState> ParseReadinessState(std::string_view name);

struct InstalledToolchain {
  std::string kind, version;
  std::string path;    // the go or zig executable
  std::string sha256;  // of the archive it came from
  bool operator==(const InstalledToolchain&) const = default;
};

struct TargetReadiness {
  Target target = Target::kX86_64;
  ReadinessState state = ReadinessState::kWaiting;
  std::string detail;  // step in words, or the error
  double seconds = 0;  // spent on it so far
  std::string toolset;
  bool operator==(const TargetReadiness&) const = default;
};

struct WorkerReport {
  std::vector<InstalledToolchain> toolchains;
  std::vector<TargetReadiness> readiness;
  int64_t cache_bytes = 0;
  int64_t disk_free_bytes = 0;
  bool operator==(const WorkerReport&) const = default;
};

// Texts lose control characters and are clipped to their limits after that. INVALID_ARGUMENT: too many rows, too long a
// text, a value outside of its closed set, a negative number or none.
absl::Status CleanReport(WorkerReport& report);

}  // namespace gofarm
