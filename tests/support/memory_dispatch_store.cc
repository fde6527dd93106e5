#include "tests/support/memory_dispatch_store.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "coordinator/domain/epoch.h"

namespace gofarm::testing {
namespace {

using domain::AcceptOutcome;
using domain::ClaimOutcome;
using domain::CompleteOutcome;
using domain::ReturnOutcome;

constexpr double kRandom = 0.5;  // of the backoff: the same in every run

}  // namespace

JobId MemoryDispatchStore::AddJob(domain::QueuedJob row) {
  row.id = JobId{++last_job_};
  jobs_[row.id].row = row;
  return row.id;
}

MemoryDispatchStore::Cancelled MemoryDispatchStore::CancelJob(JobId id) {
  Job& job = jobs_.at(id);
  if (job.state == JobState::kQueued) {
    job.state = JobState::kCancelled;
    job.token = AttemptToken{};
    return {.removed = true};
  }
  if (job.state != JobState::kRunning) return {};
  job.cancel_requested = true;
  return {.running = job.token};
}

absl::StatusOr<domain::DrainChange> MemoryDispatchStore::SetDrained(int64_t epoch, const std::string& worker,
                                                                    bool drained) {
  GOFARM_RETURN_IF_ERROR(CheckEpoch(epoch));
  drains_[worker] = {.drained = drained, .change = ++last_drain_change_};
  return domain::DrainChange{worker, drains_[worker]};
}

absl::StatusOr<domain::ExpiredSessions> MemoryDispatchStore::RemoveWorker(int64_t epoch, const std::string& worker) {
  GOFARM_RETURN_IF_ERROR(CheckEpoch(epoch));
  std::vector<SessionId> its;
  for (const auto& [id, session] : sessions_) {
    if (session.worker == worker) its.push_back(id);
  }
  // Who comes back under its name is a new worker.
  drains_[worker] = {.drained = false, .change = ++last_drain_change_};
  return EndAll(its, /*counts=*/false);
}

absl::Status MemoryDispatchStore::CheckEpoch(int64_t epoch) const {
  if (epoch == epoch_ || !fences_.epoch) return absl::OkStatus();
  return domain::EpochOver(epoch);
}

absl::StatusOr<leadership::TakeAnswer> MemoryDispatchStore::Take(const Scope&, const leadership::Claim& claim,
                                                                 absl::Duration lease) {
  leadership::TakeAnswer answer;
  if (!fences_.leader_lease || leader_until_ <= clock_.Now() || leader_.id == claim.id) {
    answer.taken = true;
    ++epoch_;
    leader_ = claim;
    leader_until_ = clock_.Now() + lease;
  }
  answer.leader = {.epoch = epoch_, .holder = leader_.holder, .lease_left = leader_until_ - clock_.Now()};
  return answer;
}

absl::Status MemoryDispatchStore::Renew(const Scope&, int64_t epoch, absl::Duration lease) {
  GOFARM_RETURN_IF_ERROR(CheckEpoch(epoch));
  leader_until_ = clock_.Now() + lease;
  return absl::OkStatus();
}

absl::Status MemoryDispatchStore::Release(const Scope&, int64_t epoch) {
  if (epoch == epoch_) leader_until_ = clock_.Now();
  return absl::OkStatus();
}

absl::Status MemoryDispatchStore::ResetLeasesAtStart(const Scope& scope, int64_t epoch, absl::Duration lease) {
  GOFARM_RETURN_IF_ERROR(CheckEpoch(epoch));
  for (auto& [id, job] : jobs_) {
    if (job.state == JobState::kQueued) job.token = AttemptToken{};
  }
  return fences_.reset_at_start ? ExtendLeases(scope, epoch, lease) : absl::OkStatus();
}

absl::Status MemoryDispatchStore::ExtendLeases(const Scope&, int64_t epoch, absl::Duration lease) {
  GOFARM_RETURN_IF_ERROR(CheckEpoch(epoch));
  for (auto& [id, session] : sessions_) session.lease_until = clock_.Now() + lease;
  return absl::OkStatus();
}

absl::StatusOr<domain::LoadedQueue> MemoryDispatchStore::LoadQueue(const Scope&, JobId after, int limit) {
  std::vector<domain::QueuedJob> due, later;
  const absl::Time now = clock_.Now();
  for (const auto& [id, job] : jobs_) {
    if (Waits(job) && id > after) (job.row.not_before > now ? later : due).push_back(job.row);
  }
  std::sort(due.begin(), due.end(), [](const auto& a, const auto& b) {
    return std::tuple(-a.priority, a.queued_at, a.id) < std::tuple(-b.priority, b.queued_at, b.id);
  });
  std::sort(later.begin(), later.end(), [](const auto& a, const auto& b) {
    return std::tuple(a.not_before, a.id) < std::tuple(b.not_before, b.id);
  });
  domain::LoadedQueue loaded;
  const auto take = [&](const std::vector<domain::QueuedJob>& rows, int rows_max) {
    for (const domain::QueuedJob& row : rows) {
      if (rows_max-- == 0) break;
      loaded.jobs.push_back(row);
    }
    return rows_max <= 0;
  };
  loaded.more_due = take(due, limit);
  loaded.more_delayed = take(later, std::min(limit - static_cast<int>(loaded.jobs.size()), domain::kDelayedLoadMax));
  return loaded;
}

absl::StatusOr<std::vector<domain::ClaimResult>> MemoryDispatchStore::ClaimOffers(
    const Scope&, int64_t epoch, const std::vector<domain::ClaimRequest>& claims) {
  GOFARM_RETURN_IF_ERROR(CheckEpoch(epoch));
  std::vector<domain::ClaimResult> results;
  for (const domain::ClaimRequest& claim : claims) {
    domain::ClaimResult& result = results.emplace_back(domain::ClaimResult{.job = claim.job, .session = claim.session});
    const auto job = jobs_.find(claim.job);
    if (!sessions_.contains(claim.session)) {
      result.outcome = ClaimOutcome::kSessionGone;
    } else if (job != jobs_.end() && Waits(job->second)) {
      job->second.token = result.token = AttemptToken{++last_token_};
      job->second.session = claim.session;
      result.outcome = ClaimOutcome::kWon;
    }
  }
  return results;
}

absl::StatusOr<std::vector<domain::ClaimState>> MemoryDispatchStore::ReadClaims(const Scope&,
                                                                                const std::vector<JobId>& jobs) {
  std::vector<domain::ClaimState> states;
  for (const JobId id : jobs) {
    domain::ClaimState& state = states.emplace_back(domain::ClaimState{.job = id});
    const auto job = jobs_.find(id);
    if (job == jobs_.end() || IsEnded(job->second.state)) continue;
    state.in_queue = true;
    state.running = job->second.state == JobState::kRunning;
    state.token = job->second.token;
    if (state.token) state.session = job->second.session;
  }
  return states;
}

absl::StatusOr<std::vector<AcceptOutcome>> MemoryDispatchStore::AcceptOffers(
    const Scope&, int64_t epoch, const std::vector<domain::OfferRef>& offers) {
  GOFARM_RETURN_IF_ERROR(CheckEpoch(epoch));
  std::vector<AcceptOutcome> outcomes;
  for (const domain::OfferRef& offer : offers) {
    AcceptOutcome& outcome = outcomes.emplace_back(AcceptOutcome::kStale);
    if (const auto attempt = attempts_.find(offer.token); attempt != attempts_.end()) {
      if (attempt->second.outcome != AttemptOutcome::kLost) outcome = AcceptOutcome::kRunning;
      continue;
    }
    const auto job = jobs_.find(offer.job);
    const auto session = sessions_.find(offer.session);
    if (job == jobs_.end()) continue;
    const bool current = session != sessions_.end() && job->second.state == JobState::kQueued &&
                         job->second.token == offer.token && job->second.session == offer.session;
    if (fences_.accept ? !current : IsEnded(job->second.state)) continue;
    job->second.state = JobState::kRunning;
    job->second.token = offer.token;
    job->second.session = offer.session;
    attempts_[offer.token] = {.token = offer.token,
                              .job = offer.job,
                              .session = offer.session,
                              .worker = session == sessions_.end() ? "" : session->second.worker,
                              .started_at = clock_.Now()};
    outcome = AcceptOutcome::kRunning;
  }
  return outcomes;
}

absl::StatusOr<std::vector<ReturnOutcome>> MemoryDispatchStore::ReturnOffers(
    const Scope&, int64_t epoch, const std::vector<domain::OfferRef>& offers) {
  GOFARM_RETURN_IF_ERROR(CheckEpoch(epoch));
  std::vector<ReturnOutcome> outcomes;
  for (const domain::OfferRef& offer : offers) {
    ReturnOutcome& outcome = outcomes.emplace_back(ReturnOutcome::kGone);
    const auto job = jobs_.find(offer.job);
    if (job == jobs_.end() || job->second.state != JobState::kQueued) continue;
    if (job->second.token != offer.token || job->second.session != offer.session) continue;
    job->second.token = AttemptToken{};
    outcome = ReturnOutcome::kReturned;
  }
  return outcomes;
}

absl::StatusOr<domain::OpenedSession> MemoryDispatchStore::OpenSession(const Scope&, int64_t epoch,
                                                                       const domain::SessionRequest& request,
                                                                       absl::Duration lease) {
  GOFARM_RETURN_IF_ERROR(CheckEpoch(epoch));
  domain::OpenedSession opened;
  std::set<AttemptToken> left;
  for (const auto& [id, session] : sessions_) {
    if (session.worker != request.name) continue;
    opened.superseded.push_back(id);
    opened.same_secret = session.secret_sha256 == request.proof_sha256;
    for (const AttemptToken token : RunningOf(id)) left.insert(token);
  }
  opened.session = SessionId{++last_session_};
  opened.drain = drains_[request.name];
  sessions_[opened.session] = {request.name, request.instance, clock_.Now() + lease,
                               opened.same_secret ? request.proof_sha256 : request.fresh_secret_sha256};
  std::set<AttemptToken> seen;
  for (const AnnouncedAttempt& announced : request.attempts) {
    if (!seen.insert(announced.token).second) continue;
    if (!opened.same_secret || !left.contains(announced.token) || attempts_.at(announced.token).job != announced.job) {
      opened.dropped.push_back(announced.token);
      continue;
    }
    left.erase(announced.token);
    Attempt& attempt = attempts_.at(announced.token);
    Job& job = jobs_.at(attempt.job);
    attempt.session = job.session = opened.session;
    opened.kept.push_back({.token = attempt.token,
                           .job = job.row,
                           .session = opened.session,
                           .age = clock_.Now() - attempt.started_at,
                           .cancel_requested = job.cancel_requested});
  }
  for (const AttemptToken token : left) opened.lost.push_back(Lose(attempts_.at(token), /*counts=*/true));
  for (const SessionId id : opened.superseded) {
    ReturnOffersOf(id);
    sessions_.erase(id);
  }
  return opened;
}

absl::StatusOr<std::vector<SessionId>> MemoryDispatchStore::RenewSessions(const Scope&, int64_t epoch,
                                                                          const std::vector<SessionId>& sessions,
                                                                          absl::Duration lease) {
  GOFARM_RETURN_IF_ERROR(CheckEpoch(epoch));
  std::vector<SessionId> gone;
  for (const SessionId id : sessions) {
    const auto session = sessions_.find(id);
    if (session == sessions_.end()) {
      gone.push_back(id);
    } else {
      session->second.lease_until = clock_.Now() + lease;
    }
  }
  return gone;
}

absl::StatusOr<domain::ExpiredSessions> MemoryDispatchStore::ExpireSessions(const Scope&, int64_t epoch) {
  GOFARM_RETURN_IF_ERROR(CheckEpoch(epoch));
  std::vector<SessionId> expired;
  for (const auto& [id, session] : sessions_) {
    if (session.lease_until < clock_.Now()) expired.push_back(id);
  }
  return EndAll(expired, /*counts=*/true);
}

absl::StatusOr<domain::ExpiredSessions> MemoryDispatchStore::EndSessions(const Scope&, int64_t epoch,
                                                                         const std::vector<SessionId>& sessions) {
  GOFARM_RETURN_IF_ERROR(CheckEpoch(epoch));
  return EndAll(sessions, /*counts=*/false);
}

absl::StatusOr<std::vector<domain::LostAttempt>> MemoryDispatchStore::LoseAttempts(
    const Scope&, int64_t epoch, const std::vector<AttemptToken>& tokens) {
  GOFARM_RETURN_IF_ERROR(CheckEpoch(epoch));
  std::vector<domain::LostAttempt> lost;
  for (const AttemptToken token : tokens) {
    const auto attempt = attempts_.find(token);
    if (attempt == attempts_.end() || attempt->second.outcome != AttemptOutcome::kRunning) continue;
    lost.push_back(Lose(attempt->second, /*counts=*/true));
  }
  return lost;
}

domain::CompleteResult MemoryDispatchStore::Complete(const domain::CompletedAttempt& completed,
                                                     domain::TryContext context) {
  const auto job = jobs_.find(completed.job);
  if (job == jobs_.end()) return {.outcome = CompleteOutcome::kStale};
  const auto attempt = attempts_.find(completed.token);
  const bool known = attempt != attempts_.end() && attempt->second.job == completed.job;
  const bool running = known && attempt->second.outcome == AttemptOutcome::kRunning;
  const bool lost = known && attempt->second.outcome == AttemptOutcome::kLost;
  if (!running && !(lost && !fences_.complete)) {
    std::optional<domain::AnsweredAttempt> answered;
    if (known && !lost) {
      answered = {
          .outcome = attempt->second.outcome, .failure = attempt->second.failure, .job_state = attempt->second.answer};
    }
    const bool offered = job->second.state == JobState::kQueued && job->second.token == completed.token;
    return domain::AnswerToPast(answered, offered, job->second.state);
  }
  std::set<std::string> failed_on = {attempt->second.worker};
  for (const auto& [token, other] : attempts_) {
    if (other.job == completed.job && domain::BlamesWorker(other.failure)) failed_on.insert(other.worker);
  }
  context.failed_on = static_cast<int>(failed_on.size());
  std::optional<domain::QueuedJob> requeued;
  const domain::EndDecision decided =
      End(attempt->second,
          {.outcome = completed.outcome, .failure = completed.failure_class, .detail = completed.failure_detail},
          context, requeued);
  attempt->second.answer = job->second.state;
  return domain::AnswerToEnd(decided, job->second.state, std::move(requeued));
}

domain::EndDecision MemoryDispatchStore::End(Attempt& attempt, const domain::AttemptEnd& end,
                                             const domain::TryContext& context,
                                             std::optional<domain::QueuedJob>& requeued) {
  Job& job = jobs_.at(attempt.job);
  domain::EndDecision decided = domain::DecideEnd(end, job.cancel_requested, context, job.counts, kRandom);
  attempt.outcome = decided.end.outcome;
  attempt.failure = decided.end.failure;
  job.token = AttemptToken{};
  job.counts = decided.retry.counts;
  // Without its fence the store ends jobs once more that had ended; the state machine would refuse that.
  const absl::StatusOr<JobState> next = domain::Apply(JobState::kRunning, decided.transition);
  GOFARM_CHECK(next.ok());
  job.state = *next;
  if (job.state != JobState::kQueued) {
    job.failure =
        job.state == JobState::kFailed || job.state == JobState::kPartial ? decided.end.failure : FailureClass::kNone;
    return decided;
  }
  job.row.not_before = clock_.Now() + decided.retry.wait;
  job.row.avoid_worker = decided.retry.avoid_worker ? attempt.worker : "";
  requeued = job.row;
  return decided;
}

domain::LostAttempt MemoryDispatchStore::Lose(Attempt& attempt, bool counts) {
  domain::LostAttempt lost{
      .token = attempt.token, .job = attempt.job, .worker = attempt.worker, .requeued = {}, .counts = counts};
  End(attempt, {.outcome = AttemptOutcome::kLost, .failure = FailureClass::kWorkerLost}, {.counts = counts},
      lost.requeued);
  lost.job_state = jobs_.at(attempt.job).state;
  return lost;
}

std::vector<AttemptToken> MemoryDispatchStore::RunningOf(SessionId session) const {
  std::vector<AttemptToken> running;
  for (const auto& [token, attempt] : attempts_) {
    if (attempt.session == session && attempt.outcome == AttemptOutcome::kRunning) running.push_back(token);
  }
  return running;
}

void MemoryDispatchStore::ReturnOffersOf(SessionId session) {
  for (auto& [id, job] : jobs_) {
    if (job.state == JobState::kQueued && job.token && job.session == session) job.token = AttemptToken{};
  }
}

domain::ExpiredSessions MemoryDispatchStore::EndAll(const std::vector<SessionId>& sessions, bool counts) {
  domain::ExpiredSessions ended;
  for (const SessionId id : sessions) {
    if (!sessions_.contains(id)) continue;
    ended.sessions.push_back(id);
    for (const AttemptToken token : RunningOf(id)) ended.lost.push_back(Lose(attempts_.at(token), counts));
    ReturnOffersOf(id);
    sessions_.erase(id);
  }
  return ended;
}

}  // namespace gofarm::testing
