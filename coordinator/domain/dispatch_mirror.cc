#include "coordinator/domain/dispatch_mirror.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "common/base/check.h"
#include "common/base/text.h"

namespace gofarm::dispatch {
namespace {

std::set<WaitKey>& WaitingWith(DispatchState& state, const domain::QueuedJob& job) {
  return state.waiting[{job.target, job.toolset, job.labels}];
}

void Index(DispatchState& state, JobEntry& entry, absl::Time now) {
  Session* session = FindSession(state, entry.session);
  switch (entry.phase) {
    case JobPhase::kDelayed:
      state.delayed.insert({entry.job.not_before, entry.job.id});
      ++state.delayed_of[TargetIndex(entry.job.target)];
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
      --state.delayed_of[TargetIndex(entry.job.target)];
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

}  // namespace

WaitKey KeyOf(const domain::QueuedJob& job) { return {-job.priority, job.queued_at, job.id}; }

bool Session::Builds() const { return bool(stream) && hello.isolation_error.empty(); }

int Session::Available(absl::Time now) const {
  if (!Able() || now < paused_until) return 0;
  // A probe: what runs since before is heard first.
  if (suspect) return offers.empty() && running.empty() && claims == 0 ? std::min(1, reported_free) : 0;
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

namespace {

// Of delayed jobs the mirror keeps those that are due first; of the others those that came first.
bool MakeRoom(DispatchState& state, const domain::QueuedJob& job, absl::Time now) {
  if (job.not_before <= now) {
    if (state.jobs.size() - state.delayed.size() < static_cast<size_t>(domain::kQueueLoadMax)) return true;
    state.truncated = true;
    return false;
  }
  if (state.delayed.size() < static_cast<size_t>(domain::kDelayedLoadMax)) return true;
  state.delayed_truncated = true;
  const auto [latest, id] = *state.delayed.rbegin();
  if (std::pair(job.not_before, job.id) > std::pair(latest, id)) return false;
  RemoveJob(state, id, now);
  return true;
}

}  // namespace

bool AddJob(DispatchState& state, const domain::QueuedJob& job, absl::Time now, bool beyond_limit) {
  if (state.jobs.contains(job.id)) return false;
  if (!beyond_limit && !MakeRoom(state, job, now)) return false;
  JobEntry& entry = state.jobs[job.id];
  entry.job = job;
  entry.phase = job.not_before > now ? JobPhase::kDelayed : JobPhase::kWaiting;
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
    const bool waits = entry->phase == JobPhase::kWaiting || entry->phase == JobPhase::kDelayed;
    if (entry->phase == JobPhase::kRunning) {
      not_running.push_back(*entry);
    } else if (!waits || entry->job == job) {
      continue;  // of those that do not wait an answer of the store is under way, and will decide
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

FreeKey FreeKeyOf(const Session& session, Target target, int available) {
  return {-available, TargetName(target) != session.hello.host_arch, session.id};
}

void Reindex(DispatchState& state, Session& session, absl::Time now) {
  const int free = session.Available(now);
  const bool able = session.Able();
  const bool sound = able && !session.suspect;
  for (const Target target : session.hello.targets) {
    const size_t t = TargetIndex(target);
    if (session.indexed_free != free) {
      if (session.indexed_free > 0) state.free[t].erase(FreeKeyOf(session, target, session.indexed_free));
      if (free > 0) state.free[t].insert(FreeKeyOf(session, target, free));
    }
    if (session.indexed_able != able) state.able[t] += able ? 1 : -1;
    if (session.indexed_sound != sound) state.sound[t] += sound ? 1 : -1;
  }
  session.indexed_free = free;
  session.indexed_able = able;
  session.indexed_sound = sound;
  if (session.paused_until > now) state.paused.insert({session.paused_until, session.id});
}

void RecallHealth(DispatchState& state, Session& session, absl::Time now) {
  const auto it = state.health.find(session.hello.name);
  const bool was = session.suspect;
  session.suspect = it != state.health.end() && it->second.Suspect();
  // An attempt that began before the pause came to a result.
  if (was && !session.suspect) session.paused_until = std::min(session.paused_until, now);
  if (session.suspect) session.paused_until = std::max(session.paused_until, it->second.paused_until);
  Reindex(state, session, now);
}

void NoteHealth(DispatchState& state, const std::string& worker, AttemptOutcome outcome, FailureClass failure,
                std::string_view detail, absl::Time now) {
  if (worker.empty()) return;
  const auto it = state.health.find(worker);
  domain::WorkerHealth health = it == state.health.end() ? domain::WorkerHealth{} : it->second;
  domain::NoteEnd(health, outcome, failure, detail, now);
  if (health.in_a_row == 0) {
    state.health.erase(worker);
  } else if (it != state.health.end() || state.health.size() < kHealthMax) {
    state.health[worker] = std::move(health);
  }
  const auto id = state.by_worker.find(worker);
  Session* session = id == state.by_worker.end() ? nullptr : FindSession(state, id->second);
  if (session != nullptr) RecallHealth(state, *session, now);
}

void RemoveSession(DispatchState& state, SessionId id) {
  const Session* session = FindSession(state, id);
  if (session == nullptr) return;
  GOFARM_CHECK(!session->stream && session->offers.empty() && session->running.empty());
  // A name's former session ends before the next one takes the name.
  state.by_worker.erase(session->hello.name);
  if (!session->hello.name.empty()) {
    if (state.former.size() >= kFormerWorkersMax) state.former.erase(state.former.begin());
    state.former[session->hello.name] = {session->hello, session->last_seen};
  }
  state.sessions.erase(id);
}

Session* NameHolder(DispatchState& state, const domain::SessionRequest& request, absl::Time now) {
  const auto it = state.by_worker.find(request.name);
  Session* session = it == state.by_worker.end() ? nullptr : FindSession(state, it->second);
  const bool holds = session != nullptr && session->stream && !session->leaving &&
                     session->hello.instance != request.instance && now - session->last_seen < kNameHeld;
  return holds ? session : nullptr;
}

void AfterClockJump(DispatchState& state, absl::Duration how_long) {
  state.leases_in_doubt = true;
  std::set<std::pair<absl::Time, AttemptToken>> shifted;
  for (const auto& [until, token] : state.running_until) {
    JobEntry& entry = *FindToken(state, token);
    // One that began after the jump has lost nothing.
    if (entry.started <= state.last_tick) entry.until += how_long;
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

}  // namespace gofarm::dispatch
