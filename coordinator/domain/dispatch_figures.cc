#include "coordinator/domain/dispatch_figures.h"

#include <algorithm>
#include <utility>

#include "coordinator/domain/dispatch_mirror.h"
#include "coordinator/domain/placement.h"

namespace gofarm::dispatch {
namespace {

// The first of each priority has waited longest among its own.
absl::Time OldestOf(const std::set<WaitKey>& keys) {
  absl::Time oldest = absl::InfiniteFuture();
  for (auto it = keys.begin(); it != keys.end();) {
    oldest = std::min(oldest, std::get<absl::Time>(*it));
    it = keys.lower_bound({std::get<int>(*it) + 1, absl::InfinitePast(), JobId{}});
  }
  return oldest;
}

WaitReason ReasonOf(const DispatchState& state, const WaitGroup& group, const std::set<WaitKey>& keys, bool ask,
                    absl::Time now) {
  const size_t target = TargetIndex(group.target);
  if (!state.free[target].empty() && group.labels.empty()) return WaitReason::kNone;
  if (ask) return WhyItWaits(state, std::get<JobId>(*keys.begin()), now).reason;
  if (state.connected == 0) return WaitReason::kNoWorker;
  return state.able[target] == 0 ? WaitReason::kNoWorkerForTarget : WaitReason::kNoFreeSlot;
}

WorkerCondition ConditionOf(const Session& session) {
  if (!session.stream) return WorkerCondition::kLost;
  if (!session.hello.isolation_error.empty()) return WorkerCondition::kCannotIsolate;
  if (session.Draining()) return WorkerCondition::kDraining;
  if (session.suspect) return WorkerCondition::kPaused;
  return session.running.empty() ? WorkerCondition::kIdle : WorkerCondition::kBusy;
}

void CountWorkers(const DispatchState& state, DispatchFigures& figures) {
  const auto count = [&](WorkerCondition condition) -> int64_t& {
    return figures.workers_by_condition[static_cast<size_t>(condition)];
  };
  count(WorkerCondition::kLost) = static_cast<int64_t>(state.former.size());
  for (const auto& [id, session] : state.sessions) {
    if (session.hello.name.empty()) continue;  // its stream closed before Welcome
    ++count(ConditionOf(session));
    if (!session.stream) continue;
    figures.slots += session.hello.slots;
    figures.busy_slots += static_cast<int64_t>(session.running.size());
  }
  // All names, then the figures of those that are shown: a name is small, and most farms show all.
  std::vector<std::pair<std::string_view, const Session*>> named;
  for (const auto& [id, session] : state.sessions) {
    if (!session.hello.name.empty()) named.emplace_back(session.hello.name, &session);
  }
  const size_t shown = std::min(named.size(), kWorkersFiguredMax);
  std::partial_sort(named.begin(), named.begin() + static_cast<ptrdiff_t>(shown), named.end());
  figures.workers_left_out = static_cast<int64_t>(named.size() - shown);
  for (size_t i = 0; i < shown; ++i) {
    const Session& session = *named[i].second;
    figures.workers.push_back({.name = session.hello.name,
                               .is_up = bool(session.stream),
                               .slots = session.hello.slots,
                               .running = static_cast<int64_t>(session.running.size()),
                               .memory_bytes = session.hello.memory_bytes,
                               .last_seen = session.last_seen});
  }
}

}  // namespace

DispatchFigures FiguresOf(const DispatchState& state, absl::Time now) {
  DispatchFigures figures;
  figures.offered = static_cast<int64_t>(state.offers_until.size());
  figures.running = static_cast<int64_t>(state.running_until.size());
  figures.sessions = state.connected;
  figures.counters = state.counters;
  size_t asked = 0;
  for (const auto& [group, keys] : state.waiting) {
    if (keys.empty()) continue;
    TargetFigures& target = figures.targets[TargetIndex(group.target)];
    const WaitReason reason = ReasonOf(state, group, keys, asked++ < kGroupsAskedMax, now);
    target.waiting[static_cast<size_t>(reason)] += static_cast<int64_t>(keys.size());
    target.oldest_queued = std::min(target.oldest_queued, OldestOf(keys));
    figures.waiting += static_cast<int64_t>(keys.size());
  }
  for (const Target each : kAllTargets) {
    const size_t t = TargetIndex(each);
    figures.targets[t].waiting[static_cast<size_t>(WaitReason::kBackoff)] += state.delayed_of[t];
    figures.targets[t].workers = state.able[t];
    figures.waiting += state.delayed_of[t];
  }
  for (const auto& [token, job] : state.by_token) {
    const JobEntry& entry = state.jobs.at(job);
    TargetFigures& target = figures.targets[TargetIndex(entry.job.target)];
    if (entry.phase == JobPhase::kRunning || entry.phase == JobPhase::kAccepting) {
      ++target.running;
    } else {
      ++target.waiting[static_cast<size_t>(WaitReason::kOffered)];
    }
  }
  CountWorkers(state, figures);
  return figures;
}

}  // namespace gofarm::dispatch
