// CheckInvariants: walks the whole state and compares every index with what it indexes.
#include "common/base/text.h"
#include "coordinator/domain/dispatch.h"
#include "coordinator/domain/dispatch_mirror.h"

namespace gofarm::dispatch {
namespace {

bool HoldsToken(JobPhase phase) {
  return phase == JobPhase::kOffered || phase == JobPhase::kAccepting || phase == JobPhase::kReturning ||
         phase == JobPhase::kRunning;
}

std::string CheckJobs(const DispatchState& state) {
  size_t waiting = 0, delayed = 0, tokens = 0, offers = 0, running = 0, in_modules = 0;
  std::array<int64_t, kAllTargets.size()> delayed_of{};
  for (const auto& [id, entry] : state.jobs) {
    const std::string name = Cat("job ", id.value, ": ");
    if (entry.job.id != id) return name + "stored under another id";
    waiting += entry.phase == JobPhase::kWaiting;
    delayed += entry.phase == JobPhase::kDelayed;
    delayed_of[TargetIndex(entry.job.target)] += entry.phase == JobPhase::kDelayed;
    offers += entry.phase == JobPhase::kOffered;
    running += entry.phase == JobPhase::kRunning;
    if (entry.phase == JobPhase::kWaiting) {
      const WaitKey key{-entry.job.priority, entry.job.queued_at, id};
      const auto group = state.waiting.find({entry.job.target, entry.job.toolset, entry.job.labels});
      if (group == state.waiting.end() || !group->second.contains(key)) return name + "waits and is not in its queue";
    }
    if (HoldsToken(entry.phase)) {
      ++tokens;
      const auto it = state.by_token.find(entry.token);
      if (it == state.by_token.end() || it->second != id) return name + "its token leads elsewhere";
    }
    const auto session = state.sessions.find(entry.session);
    if (session == state.sessions.end()) continue;
    const bool in_offers = session->second.offers.contains(entry.token);
    const bool in_running = session->second.running.contains(entry.token);
    const bool runs = entry.phase == JobPhase::kRunning || entry.phase == JobPhase::kAccepting;
    if (in_offers != (entry.phase == JobPhase::kOffered) || in_running != runs) {
      return name + "its session's books differ";
    }
  }
  for (const auto& [group, keys] : state.waiting) waiting -= keys.size();
  for (const auto& [module, jobs] : state.by_module) {
    in_modules += jobs.size();
    if (jobs.empty()) return "a module without jobs is left in its index";
  }
  if (waiting != 0) return "queues hold jobs that do not wait";
  if (delayed != state.delayed.size()) return "delayed jobs are miscounted";
  if (delayed_of != state.delayed_of) return "delayed jobs are miscounted by target";
  if (tokens != state.by_token.size()) return "tokens without an entry";
  if (offers != state.offers_until.size()) return "offer deadlines are miscounted";
  if (running != state.running_until.size()) return "attempt deadlines are miscounted";
  if (in_modules != state.jobs.size()) return "module index is miscounted";
  return "";
}

std::string CheckSessions(const DispatchState& state) {
  std::array<int, kAllTargets.size()> able{};
  std::array<int, kAllTargets.size()> sound{};
  std::array<size_t, kAllTargets.size()> free{};
  std::map<SessionId, int> claims;
  for (const auto& [id, entry] : state.jobs) {
    claims[entry.session] += entry.phase == JobPhase::kClaiming || entry.phase == JobPhase::kReading;
  }
  size_t connected = 0, named = 0;
  for (const auto& [id, session] : state.sessions) {
    const std::string name = Cat("session ", id.value, ": ");
    connected += bool(session.stream);
    if (session.reported_free < 0) return name + "negative free slots";
    if (session.claims != claims[id]) return name + "claims are miscounted";
    if (session.indexed_able != session.Able() || session.indexed_sound != (session.Able() && !session.suspect)) {
      return name + "its fields changed and the index was not told";
    }
    const auto health = state.health.find(session.hello.name);
    if (session.suspect != (health != state.health.end() && health->second.Suspect())) {
      return name + "suspect, but its worker is not, or the other way round";
    }
    named += !session.hello.name.empty();
    if (!session.stream && (session.indexed_free != 0 || !session.offers.empty()))
      return name + "offers without a stream";
    if (session.indexed_free > session.hello.slots) return name + "more free slots than slots";
    for (const Target target : session.hello.targets) {
      able[TargetIndex(target)] += session.indexed_able;
      sound[TargetIndex(target)] += session.indexed_sound;
      free[TargetIndex(target)] += session.indexed_free > 0;
      if (session.indexed_free > 0 &&
          !state.free[TargetIndex(target)].contains(FreeKeyOf(session, target, session.indexed_free))) {
        return name + "has a free slot and is not in the index";
      }
    }
  }
  for (size_t t = 0; t < free.size(); ++t) {
    if (able[t] != state.able[t]) return "able sessions are miscounted";
    if (sound[t] != state.sound[t]) return "sound sessions are miscounted";
    if (free[t] != state.free[t].size()) return "free sessions are miscounted";
  }
  if (connected != static_cast<size_t>(state.connected) || connected != state.streams.size()) {
    return "connected sessions are miscounted";
  }
  for (const auto& [stream, greeting] : state.greeting) {
    if (state.streams.contains(stream)) return Cat("stream ", stream.value, " is welcomed and still greets");
  }
  for (const auto& [name, id] : state.by_worker) {
    const auto session = state.sessions.find(id);
    if (session == state.sessions.end() || session->second.hello.name != name) {
      return Cat("worker ", name, " leads to another session");
    }
  }
  if (named != state.by_worker.size()) return "workers are miscounted";
  return "";
}

}  // namespace

std::string CheckInvariants(const DispatchState& state) {
  std::string broken = CheckJobs(state);
  return broken.empty() ? CheckSessions(state) : broken;
}

}  // namespace gofarm::dispatch
