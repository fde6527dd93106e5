#include "coordinator/domain/placement.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/text.h"
#include "coordinator/domain/dispatch_mirror.h"

namespace gofarm::dispatch {
namespace {

constexpr size_t kRecentModulesMax = 16;  // per session

bool Builds(const Session& session, const domain::QueuedJob& job) {
  const std::vector<Target>& targets = session.hello.targets;
  return std::find(targets.begin(), targets.end(), job.target) != targets.end() &&
         !session.refused.contains({job.target, job.toolset}) && HasAll(session.hello.labels, job.labels);
}

// A job whose attempt failed through its worker, or ran out of time or memory there, goes to another one, if any other
// that does not fail everything takes offers for its target.
bool Avoids(const DispatchState& state, const Session& session, const domain::QueuedJob& job) {
  if (job.avoid_worker.empty() || job.avoid_worker != session.hello.name) return false;
  if (state.sound[TargetIndex(job.target)] <= (session.indexed_sound ? 1 : 0)) return false;
  if (job.labels.empty()) return true;
  // Others with its labels may be few, or none.
  return std::any_of(state.sessions.begin(), state.sessions.end(), [&](const auto& other) {
    return other.first != session.id && other.second.indexed_sound && Builds(other.second, job);
  });
}

bool Takes(const DispatchState& state, const Session& session, const domain::QueuedJob& job) {
  return session.indexed_free > 0 && Builds(session, job) && !Avoids(state, session, job);
}

// Where the source is already, if that worker has a free slot; else the worker with the most free slots;
// of several, one whose host is of the target.
Session* Place(DispatchState& state, const domain::QueuedJob& job, bool& has_source) {
  has_source = true;
  for (const std::string& worker : state.affinity.WorkersOf(ModuleKey(job))) {
    const auto it = state.by_worker.find(worker);
    Session* session = it == state.by_worker.end() ? nullptr : FindSession(state, it->second);
    if (session != nullptr && Takes(state, *session, job)) return session;
  }
  has_source = false;
  for (const auto& [minus_free, foreign, id] : state.free[TargetIndex(job.target)]) {
    Session* session = FindSession(state, id);
    if (Takes(state, *session, job)) return session;
  }
  return nullptr;
}

// A waiting job, no less urgent than `priority`, whose source this worker has: better for it than one that it would
// have to fetch.
JobEntry* LocalJob(DispatchState& state, const Session& session, int priority) {
  JobEntry* best = nullptr;
  for (const std::string& module : session.recent_modules) {
    const auto it = state.by_module.find(module);
    if (it == state.by_module.end()) continue;
    for (const JobId id : it->second) {
      JobEntry* entry = FindJob(state, id);
      if (entry->phase != JobPhase::kWaiting || entry->job.priority < priority) continue;
      if (!Takes(state, session, entry->job)) continue;
      if (best == nullptr || KeyOf(entry->job) < KeyOf(best->job)) best = entry;
    }
  }
  return best;
}

bool BuildsFor(const Session& session, Target target) {
  const std::vector<Target>& targets = session.hello.targets;
  return session.Builds() && std::find(targets.begin(), targets.end(), target) != targets.end();
}

// The first of the workers that would build this job, and whether all of them are out of disk or suspect; while there
// is none, what the others lack. Asked for each job of a list: it ends at the first worker with room.
struct Builders {
  std::string first;  // empty: there is none
  bool all_full = true;
  bool all_suspect = true;
  const Session* draining = nullptr;  // would build it, but takes no new jobs
  bool has_target = false;            // one of them builds for its target
  bool has_labels = false;            // ... and has its labels
};
Builders BuildersOf(const DispatchState& state, const domain::QueuedJob& job) {
  Builders builders;
  const bool all_drain = state.able[TargetIndex(job.target)] == 0;
  for (const auto& [id, session] : state.sessions) {
    if (!BuildsFor(session, job.target)) continue;
    builders.has_target = true;
    builders.has_labels = builders.has_labels || HasAll(session.hello.labels, job.labels);
    if (!Builds(session, job)) continue;
    if (session.Draining()) {
      builders.draining = &session;
      if (all_drain) break;
      continue;
    }
    if (builders.first.empty()) builders.first = session.hello.name;
    builders.all_full = builders.all_full && session.disk_full;
    builders.all_suspect = builders.all_suspect && session.suspect;
    if (!builders.all_full && !builders.all_suspect) break;
  }
  return builders;
}

std::string WhichLabelsLack(const DispatchState& state, const domain::QueuedJob& job) {
  Labels missing;
  for (const auto& label : job.labels) {
    const bool somewhere = std::any_of(state.sessions.begin(), state.sessions.end(), [&](const auto& session) {
      return BuildsFor(session.second, job.target) && HasAll(session.second.hello.labels, {label});
    });
    if (!somewhere) missing.insert(label);
  }
  return Cat("no connected worker that takes jobs for ", TargetName(job.target), " has ",
             missing.empty() ? Cat("all of the labels ", ToText(job.labels))
                             : Cat(missing.size() == 1 ? "the label " : "the labels ", ToText(missing)));
}

}  // namespace

void NoteSource(DispatchState& state, Session& session, const domain::QueuedJob& job) {
  const std::string module = ModuleKey(job);
  state.affinity.Note(module, session.hello.name);
  std::erase(session.recent_modules, module);
  session.recent_modules.push_front(module);
  if (session.recent_modules.size() > kRecentModulesMax) session.recent_modules.pop_back();
}

std::vector<domain::ClaimRequest> Assign(DispatchState& state, absl::Time now) {
  std::vector<domain::ClaimRequest> claims;
  std::erase_if(state.waiting, [](const auto& group) { return group.second.empty(); });
  struct Group {
    Target target;
    const std::set<WaitKey>* waiting;
    std::optional<WaitKey> passed;  // the last job that nobody takes in this round; the search goes on behind it
    bool no_taker = false;          // nobody takes any
  };
  std::vector<Group> groups;
  for (const auto& [key, waiting] : state.waiting) {
    if (state.free[TargetIndex(key.target)].empty()) continue;
    groups.push_back({.target = key.target, .waiting = &waiting, .passed = {}});
  }
  for (;;) {
    std::optional<WaitKey> best;
    Group* group = nullptr;
    for (Group& g : groups) {
      if (g.no_taker || state.free[TargetIndex(g.target)].empty()) continue;
      const auto it = g.passed ? g.waiting->upper_bound(*g.passed) : g.waiting->begin();
      if (it == g.waiting->end() || (best && *best < *it)) continue;
      best = *it;
      group = &g;
    }
    if (!best) return claims;
    JobEntry* entry = FindJob(state, std::get<JobId>(*best));
    bool has_source = false;
    Session* session = Place(state, entry->job, has_source);
    if (session == nullptr) {
      // Free slots get fewer in a round, never more.
      if (entry->job.avoid_worker.empty()) {
        group->no_taker = true;
      } else {
        group->passed = best;
      }
      continue;
    }
    if (!has_source) {
      if (JobEntry* local = LocalJob(state, *session, entry->job.priority)) entry = local;
    }
    NoteSource(state, *session, entry->job);
    Move(state, *entry, {.phase = JobPhase::kClaiming, .session = session->id}, now);
    claims.push_back({entry->job.id, session->id});
  }
}

WhyWaiting WhyItWaits(const DispatchState& state, JobId job, absl::Time now) {
  const auto it = state.jobs.find(job);
  if (it == state.jobs.end()) {
    // Not read yet, or one of more than the mirror holds.
    if (state.connected == 0) return {WaitReason::kNoWorker, "no worker is connected"};
    if (state.truncated) return {WaitReason::kNoFreeSlot, Cat("behind more than ", state.jobs.size(), " other jobs")};
    return {};
  }
  const JobEntry& entry = it->second;
  switch (entry.phase) {
    case JobPhase::kRunning:
      return {};
    case JobPhase::kDelayed: {
      const absl::Duration left = std::max(absl::Seconds(1), absl::Ceil(entry.job.not_before - now, absl::Seconds(1)));
      return {WaitReason::kBackoff, Cat("tried again in ", absl::FormatDuration(left))};
    }
    case JobPhase::kClaiming:
    case JobPhase::kReading:
    case JobPhase::kOffered:
    case JobPhase::kAccepting:
    case JobPhase::kReturning: {
      const auto session = state.sessions.find(entry.session);
      return {WaitReason::kOffered,
              session == state.sessions.end() ? "" : Cat("offered to worker ", session->second.hello.name)};
    }
    case JobPhase::kWaiting:
      break;
  }
  if (state.connected == 0) return {WaitReason::kNoWorker, "no worker is connected"};
  const Builders builders = BuildersOf(state, entry.job);
  if (!builders.has_target) {
    return {WaitReason::kNoWorkerForTarget,
            Cat("none of ", state.connected, " connected workers takes jobs for ", TargetName(entry.job.target))};
  }
  if (!builders.has_labels) return {WaitReason::kNoWorkerForTarget, WhichLabelsLack(state, entry.job)};
  if (builders.first.empty() && builders.draining != nullptr) {
    const std::string& name = builders.draining->hello.name;
    return {
        WaitReason::kDraining,
        Cat("only workers that take no new jobs could build it; worker ", name,
            builders.draining->drain.drained ? Cat(" is drained: gofarm worker undrain ", name) : " is being stopped")};
  }
  if (builders.first.empty()) {
    return {WaitReason::kNoWorkerForTarget,
            Cat("no connected worker has toolset ", entry.job.toolset, " for ", TargetName(entry.job.target),
                "; if it left the configuration, cancel this job and submit the module again")};
  }
  if (builders.all_full) {
    return {WaitReason::kNoFreeSlot,
            Cat("the disk of worker ", builders.first, " is full; it takes jobs again when there is room")};
  }
  if (builders.all_suspect) {
    return {WaitReason::kNoFreeSlot, Cat("no worker that could build it is sound; worker ", builders.first, ": ",
                                         domain::WhySuspect(state.health.at(builders.first), now))};
  }
  return {WaitReason::kNoFreeSlot, "every worker that could build it is busy"};
}

domain::TryContext ContextOf(const DispatchState& state, AttemptToken token) {
  domain::TryContext context;
  const auto id = state.by_token.find(token);
  if (id == state.by_token.end()) return context;
  const JobEntry& entry = state.jobs.at(id->second);
  const auto mine = state.sessions.find(entry.session);
  for (const auto& [other, session] : state.sessions) {
    if (other == entry.session || !session.indexed_sound || !Builds(session, entry.job)) continue;
    context.others = true;
    break;
  }
  context.counts = !context.others || mine == state.sessions.end() || !mine->second.suspect;
  return context;
}

}  // namespace gofarm::dispatch
