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
inline constexpr size_t kCacheFiguresMax = 16;
inline constexpr size_t kScrapeAddressMax = 200;

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

// What a worker keeps so that it need not fetch or build it again. Numbers as in proto/gofarm/v1/ids.proto.
enum class CacheKind : int { kModules = 1, kListings, kGocache, kSeeds, kToolchains };
inline constexpr int kCacheKinds = static_cast<int>(CacheKind::kToolchains);
std::string_view Name(CacheKind kind);  // "modules", "listings", "gocache", "seeds", "toolchains"

struct CacheFigures {
  CacheKind kind = CacheKind::kModules;
  int64_t bytes = 0;   // 0: not measured
  int64_t hits = 0;    // since the worker's start
  int64_t misses = 0;  // likewise
  bool operator==(const CacheFigures&) const = default;
};

// What the coordinator shows of a worker on its own /metrics, for workers that nobody else can reach.
struct WorkerFigures {
  int64_t memory_free_bytes = 0;  // what its host could give to programs
  double load = 0;                // of its host, over one minute
  // Its wall clock when the report was sent, in seconds since 1970; 0: not told.
  double clock_seconds = 0;
  double certificate_left_seconds = 0;  // of its identity; 0: it has none, or it ran out
  std::vector<CacheFigures> caches;     // each kind once
  bool operator==(const WorkerFigures&) const = default;
};

struct WorkerReport {
  std::vector<InstalledToolchain> toolchains;
  std::vector<TargetReadiness> readiness;
  int64_t cache_bytes = 0;
  int64_t disk_free_bytes = 0;
  std::optional<WorkerFigures> figures;  // null: a worker of an earlier release
  std::string scrape_address;            // HOST:PORT of its own /metrics; empty: none that others reach
  bool operator==(const WorkerReport&) const = default;
};

// Texts lose control characters and are clipped to their limits after that. INVALID_ARGUMENT: too many rows, too long a
// text, a value outside of its closed set, a negative number or none, an address that is none. A kind of cache that
// this release does not know is left out.
absl::Status CleanReport(WorkerReport& report);

}  // namespace gofarm
