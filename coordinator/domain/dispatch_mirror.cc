#include "coordinator/domain/dispatch_mirror.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "common/base/check.h"
#include "common/base/text.h"

namespace gofarm::dispatch {
namespace {

constexpr size_t kRecentModulesMax = 16;  // per session

std::set<WaitKey>& WaitingWith(DispatchState& state, const domain::QueuedJob& job) {
  return state.waiting[{job.target, job.toolset}];
}

WaitKey KeyOf(const domain::QueuedJob& job) { return {-job.priority, job.queued_at, job.id}; }

void Index(DispatchState& state, JobEntry& entry, absl::Time now) {
  Session* session = FindSession(state, entry.session);
  switch (entry.phase) {
    case JobPhase::kDelayed:
      state.delayed.insert({entry.job.not_before, entry.job.id});
      return;
    case JobPhase::kWaiting:
      WaitingWith(state, entry.job).insert(KeyOf(entry.job));
      return;
    case JobPhase::kClaiming:
    case JobPhase::kReading:
      if (session != nullptr) ++session->claims;
      break;
    case JobPhase::kOffered:
      state.by_token[entry.token] = entry.job.id;
      state.offers_until.insert({entry.until, entry.token});
      if (session != nullptr) session->offers.insert(entry.token);
      break;
    case JobPhase::kRunning:
      state.running_until.insert({entry.until, entry.token});
      [[fallthrough]];
    case JobPhase::kAccepting:
      state.by_token[entry.token] = entry.job.id;
      if (session != nullptr) session->running.insert(entry.token);
      break;
    case JobPhase::kReturning:
      state.by_token[entry.token] = entry.job.id;
      return;
  }
  if (session != nullptr) Reindex(state, *session, now);
}

void Unindex(DispatchState& state, JobEntry& entry, absl::Time now) {
  Session* session = FindSession(state, entry.session);
  switch (entry.phase) {
    case JobPhase::kDelayed:
      state.delayed.erase({entry.job.not_before, entry.job.id});
      return;
    case JobPhase::kWaiting:
      WaitingWith(state, entry.job).erase(KeyOf(entry.job));
      return;
    case JobPhase::kClaiming:
    case JobPhase::kReading:
      if (session != nullptr) --session->claims;
      break;
    case JobPhase::kOffered:
      state.offers_until.erase({entry.until, entry.token});
      state.by_token.erase(entry.token);
      if (session != nullptr) session->offers.erase(entry.token);
      break;
    case JobPhase::kRunning:
      state.running_until.erase({entry.until, entry.token});
      [[fallthrough]];
    case JobPhase::kAccepting:
      state.by_token.erase(entry.token);
      if (session != nullptr) session->running.erase(entry.token);
      break;
    case JobPhase::kReturning:
      state.by_token.erase(entry.token);
      return;
  }
  if (session != nullptr) Reindex(state, *session, now);
}

bool Builds(const Session& session, const domain::QueuedJob& job) {
  const std::vector<Target>& targets = session.worker.targets;
  return std::find(targets.begin(), targets.end(), job.target) != targets.end() &&
         !session.refused.contains({job.target, job.toolset});
}

// A job that ran out of time or memory on a worker goes to another one, if any other takes offers for its target.
bool Avoids(const DispatchState& state, const Session& session, const domain::QueuedJob& job) {
  if (job.avoid_worker.empty() || job.avoid_worker != session.worker.worker) return false;
  return state.able[TargetIndex(job.target)] > 1;
}

bool Takes(const DispatchState& state, const Session& session, const domain::QueuedJob& job) {
  return session.indexed_free > 0 && Builds(session, job) && !Avoids(state, session, job);
}

// Where the source is already, if that worker has a free slot; else the worker with the most free slots.
Session* Place(DispatchState& state, const domain::QueuedJob& job, bool& has_source) {
  has_source = true;
  for (const std::string& worker : state.affinity.WorkersOf(ModuleKey(job))) {
    const auto it = state.by_worker.find(worker);
    Session* session = it == state.by_worker.end() ? nullptr : FindSession(state, it->second);
    if (session != nullptr && Takes(state, *session, job)) return session;
  }
  has_source = false;
  for (const auto& [minus_free, id] : state.free[TargetIndex(job.target)]) {
    Session* session = FindSession(state, id);
    if (Takes(state, *session, job)) return session;
  }
  return nullptr;
}

// A waiting job, no less urgent than `priority`, whose source this worker has: better for it than a stranger.
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

// The first of the workers that would build this job, and whether all of them are out of disk. Asked for each job of a
// list: it ends at the first worker with room.
struct Builders {
  std::string first;  // empty: there is none
  bool all_full = true;
};
Builders BuildersOf(const DispatchState& state, const domain::QueuedJob& job) {
  Builders builders;
  for (const auto& [id, session] : state.sessions) {
    if (!session.Able() || !Builds(session, job)) continue;
    if (builders.first.empty()) builders.first = session.worker.worker;
    if (!session.disk_full) return {builders.first, false};
  }
  return builders;
}

}  // namespace

bool Session::Able() const { return bool(stream) && !draining && !leaving && worker.isolation_error.empty(); }

int Session::Available(absl::Time now) const {
  if (!Able() || now < paused_until) return 0;
  return std::max(0, reported_free - static_cast<int>(offers.size()) - claims);
}

JobEntry* FindJob(DispatchState& state, JobId job) {
  const auto it = state.jobs.find(job);
  return it == state.jobs.end() ? nullptr : &it->second;
}

JobEntry* FindToken(DispatchState& state, AttemptToken token) {
  const auto it = state.by_token.find(token);
  return it == state.by_token.end() ? nullptr : FindJob(state, it->second);
}

Session* FindSession(DispatchState& state, SessionId session) {
  const auto it = state.sessions.find(session);
  return it == state.sessions.end() ? nullptr : &it->second;
}

Session* FindStream(DispatchState& state, StreamId stream) {
  const auto it = state.streams.find(stream);
  return it == state.streams.end() ? nullptr : FindSession(state, it->second);
}

bool AddJob(DispatchState& state, const domain::QueuedJob& job, absl::Time now, bool beyond_limit) {
  if (state.jobs.contains(job.id)) return false;
  if (!beyond_limit && state.jobs.size() >= static_cast<size_t>(domain::kQueueLoadMax)) {
    state.truncated = true;
    return false;
  }
  JobEntry& entry = state.jobs[job.id];
  entry.job = job;
  entry.phase = job.not_before > now ? JobPhase::kDelayed : JobPhase::kWaiting;
  entry.since = now;
  entry.changed = state.steps;
  state.by_module[ModuleKey(job)].push_back(job.id);
  Index(state, entry, now);
  return true;
}

void RemoveJob(DispatchState& state, JobId job, absl::Time now) {
  JobEntry* entry = FindJob(state, job);
  if (entry == nullptr) return;
  Unindex(state, *entry, now);
  const std::string module = ModuleKey(entry->job);
  const auto it = state.by_module.find(module);
  std::erase(it->second, job);
  if (it->second.empty()) state.by_module.erase(it);
  state.jobs.erase(job);
}

void Move(DispatchState& state, JobEntry& entry, const MoveTo& to, absl::Time now) {
  Unindex(state, entry, now);
  entry.phase = to.phase;
  entry.token = to.token;
  entry.session = to.session;
  entry.since = now;
  entry.until = to.until;
  entry.changed = state.steps;
  Index(state, entry, now);
}

void MoveToQueue(DispatchState& state, JobEntry& entry, absl::Time now) {
  entry.cancel = false;
  Move(state, entry, {.phase = entry.job.not_before > now ? JobPhase::kDelayed : JobPhase::kWaiting}, now);
}

void PromoteDue(DispatchState& state, absl::Time now) {
  while (!state.delayed.empty() && state.delayed.begin()->first <= now) {
    Move(state, *FindJob(state, state.delayed.begin()->second), {.phase = JobPhase::kWaiting}, now);
  }
  while (!state.paused.empty() && state.paused.begin()->first <= now) {
    Session* session = FindSession(state, state.paused.begin()->second);
    state.paused.erase(state.paused.begin());
    if (session != nullptr) Reindex(state, *session, now);
  }
}

std::vector<JobEntry> MergeLoad(DispatchState& state, const QueueLoaded& loaded, absl::Time now) {
  std::vector<JobEntry> not_running;
  for (const domain::QueuedJob& job : loaded.jobs) {
    const JobEntry* entry = FindJob(state, job.id);
    if (entry == nullptr) {
      AddJob(state, job, now);
      continue;
    }
    if (entry->changed >= loaded.issued) continue;
    if (entry->phase == JobPhase::kRunning) {
      not_running.push_back(*entry);
    } else if (entry->phase != JobPhase::kWaiting && entry->phase != JobPhase::kDelayed) {
      continue;  // an answer of the store is under way and will tell
    } else if (entry->job == job) {
      continue;
    }
    RemoveJob(state, job.id, now);
    AddJob(state, job, now);
  }
  return not_running;
}

void RemoveAbsent(DispatchState& state, const QueueLoaded& loaded, absl::Time now) {
  absl::flat_hash_set<JobId> present;
  for (const domain::QueuedJob& job : loaded.jobs) present.insert(job.id);
  std::vector<JobId> absent;
  const auto look = [&](JobId job) {
    if (!present.contains(job) && state.jobs.at(job).changed < loaded.issued) absent.push_back(job);
  };
  for (const auto& [group, keys] : state.waiting) {
    for (const WaitKey& key : keys) look(std::get<JobId>(key));
  }
  for (const auto& [time, job] : state.delayed) look(job);
  for (const JobId job : absent) RemoveJob(state, job, now);
}

void Reindex(DispatchState& state, Session& session, absl::Time now) {
  const int free = session.Available(now);
  const bool able = session.Able();
  for (const Target target : session.worker.targets) {
    const size_t t = TargetIndex(target);
    if (session.indexed_free != free) {
      if (session.indexed_free > 0) state.free[t].erase({-session.indexed_free, session.id});
      if (free > 0) state.free[t].insert({-free, session.id});
    }
    if (session.indexed_able != able) state.able[t] += able ? 1 : -1;
  }
  session.indexed_free = free;
  session.indexed_able = able;
  if (session.paused_until > now) state.paused.insert({session.paused_until, session.id});
}

void RemoveSession(DispatchState& state, SessionId id, absl::Time now) {
  Session* session = FindSession(state, id);
  if (session == nullptr) return;
  GOFARM_CHECK(session->offers.empty() && session->running.empty());
  if (session->stream) {
    state.streams.erase(session->stream);
    session->stream = StreamId{};
    --state.connected;
  }
  Reindex(state, *session, now);
  const auto by_worker = state.by_worker.find(session->worker.worker);
  if (by_worker != state.by_worker.end() && by_worker->second == id) state.by_worker.erase(by_worker);
  if (!session->worker.worker.empty()) {
    if (state.former.size() >= kFormerWorkersMax) state.former.erase(state.former.begin());
    state.former[session->worker.worker] = {session->worker, session->last_seen};
  }
  state.sessions.erase(id);
}

void NoteSource(DispatchState& state, Session& session, const domain::QueuedJob& job) {
  const std::string module = ModuleKey(job);
  state.affinity.Note(module, session.worker.worker);
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
  for (const auto& [key, waiting] : state.waiting)
    groups.push_back({.target = key.first, .waiting = &waiting, .passed = {}});
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

Session* NameHolder(DispatchState& state, const domain::SessionRequest& request, absl::Time now) {
  const auto it = state.by_worker.find(request.worker);
  Session* session = it == state.by_worker.end() ? nullptr : FindSession(state, it->second);
  const bool holds = session != nullptr && session->stream && !session->leaving &&
                     session->worker.instance != request.instance && now - session->last_seen < kNameHeld;
  return holds ? session : nullptr;
}

void AfterClockJump(DispatchState& state, absl::Duration how_long) {
  state.leases_in_doubt = true;
  std::set<std::pair<absl::Time, AttemptToken>> shifted;
  for (const auto& [until, token] : state.running_until) {
    JobEntry& entry = *FindToken(state, token);
    // One that began after the jump has lost nothing.
    if (entry.since <= state.last_tick) entry.until += how_long;
    shifted.insert({entry.until, token});
  }
  state.running_until = std::move(shifted);
}

absl::Time OverdueAt(const DispatchState& state, const JobEntry& entry, AttemptToken token, absl::Time started) {
  const absl::Time until = started + state.options.attempt_deadline + kOverdueGrace;
  return entry.phase == JobPhase::kRunning && entry.token == token ? std::max(until, entry.until) : until;
}

std::vector<AttemptToken> Overdue(const DispatchState& state, absl::Time now) {
  std::vector<AttemptToken> tokens;
  for (auto it = state.running_until.begin(); it != state.running_until.end() && it->first < now; ++it) {
    tokens.push_back(it->second);
    if (tokens.size() == domain::kClaimsMax) break;
  }
  return tokens;
}

std::vector<Target> SiblingsOf(const DispatchState& state, const domain::QueuedJob& job) {
  std::set<Target> targets;
  if (const auto it = state.by_module.find(ModuleKey(job)); it != state.by_module.end()) {
    for (const JobId id : it->second) targets.insert(state.jobs.at(id).job.target);
  }
  targets.erase(job.target);
  return {targets.begin(), targets.end()};
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
              session == state.sessions.end() ? "" : Cat("offered to worker ", session->second.worker.worker)};
    }
    case JobPhase::kWaiting:
      break;
  }
  if (state.connected == 0) return {WaitReason::kNoWorker, "no worker is connected"};
  if (state.able[TargetIndex(entry.job.target)] == 0) {
    return {WaitReason::kNoWorkerForTarget,
            Cat("none of ", state.connected, " connected workers takes jobs for ", TargetName(entry.job.target))};
  }
  const Builders builders = BuildersOf(state, entry.job);
  if (builders.first.empty()) {
    return {WaitReason::kNoWorkerForTarget,
            Cat("no connected worker has toolset ", entry.job.toolset, " for ", TargetName(entry.job.target),
                "; if it left the configuration, cancel this job and submit the module again")};
  }
  if (builders.all_full) {
    return {WaitReason::kNoFreeSlot,
            Cat("the disk of worker ", builders.first, " is full; it takes jobs again when there is room")};
  }
  return {WaitReason::kNoFreeSlot, "every worker that could build it is busy"};
}

}  // namespace gofarm::dispatch
