// The dispatcher's state as figures for those who watch the farm. Pure; what it takes grows with sessions, groups of
// waiting jobs and running attempts, not with the jobs that wait.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/vocab/failure.h"
#include "common/vocab/target.h"
#include "coordinator/domain/dispatch.h"

namespace gofarm::dispatch {

// Workers that have figures of their own; of more, those with the first names.
inline constexpr size_t kWorkersFiguredMax = 500;
// Groups of waiting jobs whose reason is looked for; of more only whether anybody takes jobs for their target.
inline constexpr size_t kGroupsAskedMax = 256;

// Indexes of arrays by reason, state and refusal: the numbers of the enums.
inline constexpr size_t kWaitReasons = static_cast<size_t>(WaitReason::kDraining) + 1;
inline constexpr size_t kRefuseReasons = static_cast<size_t>(RefuseReason::kDiskFull) + 1;

struct TargetFigures {
  std::array<int64_t, kWaitReasons> waiting{};        // jobs; kNone: somebody has a free slot for them
  absl::Time oldest_queued = absl::InfiniteFuture();  // by the database's clock; InfiniteFuture: none waits
  int64_t running = 0;
  int64_t workers = 0;  // connected, and take jobs for it
};

enum class WorkerCondition { kIdle, kBusy, kDraining, kPaused, kCannotIsolate, kLost };
inline constexpr std::array<std::string_view, 6> kWorkerConditions = {"idle",   "busy",           "draining",
                                                                      "paused", "cannot_isolate", "lost"};

struct WorkerFigures {
  std::string name;
  bool is_up = false;  // connected
  int64_t slots = 0;
  int64_t running = 0;
  int64_t memory_bytes = 0;
  absl::Time last_seen = absl::InfinitePast();
};

struct DispatchFigures {
  std::array<TargetFigures, kAllTargets.size()> targets;  // as kAllTargets
  int64_t waiting = 0, offered = 0, running = 0, sessions = 0;
  int64_t slots = 0, busy_slots = 0;  // of connected workers
  std::array<int64_t, kWorkerConditions.size()> workers_by_condition{};
  std::vector<WorkerFigures> workers;  // with a session, by name
  int64_t workers_left_out = 0;
  DispatchState::Counters counters;
};

DispatchFigures FiguresOf(const DispatchState& state, absl::Time now);

}  // namespace gofarm::dispatch
