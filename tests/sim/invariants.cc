// What must hold after every step of a simulated farm, and when it counts as settled.
#include <algorithm>

#include "common/base/text.h"
#include "tests/sim/world.h"

namespace gofarm::sim {

void World::CheckStore() {
  std::map<JobId, int> live;
  for (const auto& [token, attempt] : store_.attempts()) {
    const std::string name = Cat("attempt ", token.value, " of job ", attempt.job.value);
    const auto accepted = accepted_by_.find(token);
    if (accepted == accepted_by_.end()) return Fail(name + " has a row, but no worker accepted it");
    if (attempt.outcome == AttemptOutcome::kRunning && !store_.sessions().contains(attempt.session)) {
      return Fail(name + " has a lease of a session that is gone");
    }
    if (workers_[static_cast<size_t>(accepted->second)].name != attempt.worker) {
      return Fail(name + " is recorded for a worker that did not accept it");
    }
    if (attempt.outcome == AttemptOutcome::kRunning) {
      if (++live[attempt.job] > 1) return Fail(Cat("job ", attempt.job.value, " has two live leases"));
      if (store_.jobs().at(attempt.job).state != JobState::kRunning)
        return Fail(name + " runs for a job that does not");
    }
    const auto [seen, first] = seen_outcomes_.emplace(token, attempt.outcome);
    if (!first && seen->second != AttemptOutcome::kRunning && seen->second != attempt.outcome) {
      return Fail(name + " had ended and ended once more in another way");
    }
    seen->second = attempt.outcome;
  }
  for (const auto& [id, job] : store_.jobs()) {
    if (job.state == JobState::kRunning && !live.contains(id))
      return Fail(Cat("job ", id.value, " runs without an attempt"));
    if (job.state == JobState::kCancelled && !cancels_asked_.contains(id)) {
      return Fail(Cat("job ", id.value, " is cancelled, but nobody asked for it"));
    }
  }
}

std::string World::StoreText() const {
  std::string text;
  for (const auto& [id, job] : store_.jobs()) {
    text += Cat("job ", id.value, " ", static_cast<int>(job.state), " ", job.token.value, " ", job.session.value, "\n");
  }
  for (const auto& [token, attempt] : store_.attempts()) {
    text += Cat("attempt ", token.value, " ", static_cast<int>(attempt.outcome), " ", attempt.session.value, "\n");
  }
  for (const auto& [id, session] : store_.sessions()) {
    text += Cat("session ", id.value, " ", absl::ToUnixMicros(session.lease_until), "\n");
  }
  return text;
}

void World::CheckWorker(const Worker& worker) {
  const agent::SessionState& state = *worker.state;
  int taken = 0;
  for (const auto& slot : state.slots) taken += slot.has_value();
  if (taken != static_cast<int>(state.attempts.size())) return Fail(worker.name + ": slots and attempts differ");
  if (state.FreeSlots() < 0 || state.FreeSlots() > worker.slots)
    Fail(worker.name + ": impossible number of free slots");
  for (const auto& [token, attempt] : state.attempts) {
    if (!worker.builds.contains(token)) return Fail(Cat(worker.name, " thinks it has token ", token.value));
  }
}

void World::CheckCoordinator(const Coordinator& coordinator) {
  const std::string broken = dispatch::CheckInvariants(*coordinator.state);
  if (!broken.empty()) Fail(Cat(coordinator.name, "'s books: ", broken));
}

// Nobody but its former process deposes a leader whose lease runs, and one that is gone is followed soon after its
// lease.
void World::CheckTake(const Coordinator& taker) {
  const bool again = last_leader_ == taker.index;
  if (!again && clock_.now < leader_until_) Fail(Cat(taker.name, " took the leadership of one whose lease runs"));
  const absl::Time free_from = std::max({leader_until_, faults_end_, store_up_at_, taker.ready_at});
  if (!again && clock_.now > free_from + absl::Seconds(3)) Fail(Cat(taker.name, " took the leadership late"));
  result_.counts.takeovers += !again && last_leader_ >= 0;
  result_.counts.returns_to_lead += again;
  last_leader_ = taker.index;
  leader_until_ = clock_.now + taker.leadership.timing.lease;
}

// A coordinator that was away could renew nothing: workers get one whole lease to come back to the new one. And whoever
// is heard does not expire, whatever the store was doing meanwhile.
void World::CheckExpiry(const domain::ExpiredSessions& expired, int64_t epoch) {
  const Coordinator* coordinator = Leading(epoch);
  for (const SessionId id : expired.sessions) {
    if (coordinator == nullptr) break;
    const auto session = coordinator->state->sessions.find(id);
    if (session == coordinator->state->sessions.end() || !session->second.stream) continue;
    if (session->second.last_seen > clock_.now - domain::kHeartbeatInterval * 2) {
      Fail(Cat("session ", id.value, " expired although its worker is heard"));
    }
  }
  if (!expired.sessions.empty() && clock_.now < leader_since_ + domain::kLease) {
    Fail(Cat("session ", expired.sessions[0].value, " expired within a lease of the coordinator's start"));
  }
}

void World::CheckCompletion(const Worker& worker, const domain::CompletedAttempt& completion,
                            const domain::CompleteResult& result) {
  result_.counts.stale_completions += result.outcome == domain::CompleteOutcome::kStale;
  result_.counts.not_accepted_yet += result.outcome == domain::CompleteOutcome::kNotAccepted;
  result_.counts.repeated_completions += result.repeated;
  if (result.outcome != domain::CompleteOutcome::kEnded || result.repeated) return;
  const std::string name = Cat("completion of token ", completion.token.value, " job ", completion.job.value);
  if (accepted_by_[completion.token] != worker.index) Fail(name + " comes from a worker that does not run it");
  if (IsEnded(result.job_state) && ++final_completions_[completion.job] > 1)
    Fail(name + " ended the job a second time");
}

bool World::Settled() const {
  int leading = 0;
  for (const Coordinator& coordinator : coordinators_) {
    if (!coordinator.up || clock_.now < coordinator.paused_until) return false;
    if (coordinator.state == nullptr) continue;
    ++leading;
    if (!coordinator.state->jobs.empty() || !coordinator.state->returns.empty()) return false;
  }
  if (leading != 1) return false;
  for (const auto& [id, job] : store_.jobs()) {
    if (!IsEnded(job.state)) return false;
  }
  for (const Worker& worker : workers_) {
    if (!worker.up || worker.state->link != agent::SessionState::Link::kLive) return false;
    if (!worker.state->attempts.empty() || worker.state->FreeSlots() != worker.slots) return false;
  }
  return true;
}

std::string World::Unsettled() const {
  std::string text = "the farm did not settle:";
  for (const auto& [id, job] : store_.jobs()) {
    if (!IsEnded(job.state)) {
      text += Cat(" store job ", id.value, " state ", static_cast<int>(job.state), " token ", job.token.value, ";");
    }
  }
  for (const Coordinator& coordinator : coordinators_) {
    text += Cat(" ", coordinator.name, coordinator.up ? " role " : " is down, role ",
                static_cast<int>(coordinator.leadership.role), ";");
    if (coordinator.state == nullptr) continue;
    std::vector<JobId> held;
    for (const auto& [id, entry] : coordinator.state->jobs) held.push_back(id);
    std::sort(held.begin(), held.end());
    for (const JobId id : held) {
      const dispatch::JobEntry& entry = coordinator.state->jobs.at(id);
      text +=
          Cat(" mirror job ", id.value, " phase ", static_cast<int>(entry.phase), " token ", entry.token.value, ";");
    }
  }
  for (const Worker& worker : workers_) {
    if (!worker.up) {
      text += Cat(" ", worker.name, " is down;");
      continue;
    }
    text += Cat(" ", worker.name, " link ", static_cast<int>(worker.state->link), " attempts ",
                worker.state->attempts.size(), " free ", worker.state->FreeSlots(), ";");
  }
  return text;
}

}  // namespace gofarm::sim
