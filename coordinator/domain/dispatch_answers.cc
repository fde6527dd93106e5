// What the store answers to the dispatcher's calls.
#include <set>
#include <string>
#include <utility>

#include "coordinator/domain/dispatch_machine.h"
#include "coordinator/domain/drain.h"
#include "coordinator/domain/placement.h"

namespace gofarm::dispatch {

void Machine::On(const SessionOpened& e) {
  const auto greeting = s_.greeting.find(e.stream);
  const bool connected = greeting != s_.greeting.end();
  if (!Done(e.answer)) {
    // The worker dials again; if this one was opened after all, the next Hello supersedes it. The end of its stream
    // ends the greeting.
    if (connected) Emit(Close{e.stream, CloseWhy::kStoreUnavailable});
    return;
  }
  const SessionId id = e.opened.session;
  Session& session = s_.sessions[id];
  session.id = id;
  session.last_seen = now_;
  if (connected) {
    session.hello = std::move(greeting->second.request);
    session.drain = Later(e.opened.drain, greeting->second.drain);
    session.stream = e.stream;
    session.heard = true;
    s_.streams[e.stream] = id;
    s_.greeting.erase(greeting);
    ++s_.connected;
  }
  Welcome welcome{
      .session = id, .drop = e.opened.dropped, .toolsets = s_.options.toolsets, .same_secret = e.opened.same_secret};
  std::vector<AttemptToken> cancels;
  for (const domain::RunningAttempt& attempt : e.opened.kept) {
    welcome.keep.push_back(attempt.token);
    if (attempt.cancel_requested) cancels.push_back(attempt.token);
    Keep(attempt, session);
  }
  ApplyLost(e.opened.lost);
  std::vector<SessionId> former = e.opened.superseded;
  if (const auto it = s_.by_worker.find(session.hello.name); connected && it != s_.by_worker.end()) {
    former.push_back(it->second);
  }
  for (const SessionId old : former) {
    if (old != id) Dissolve(old, CloseWhy::kSuperseded);
  }
  if (!connected) return;  // it runs out by its lease, or the next Hello supersedes it
  s_.by_worker[session.hello.name] = id;
  s_.former.erase(session.hello.name);
  RecallHealth(s_, session, now_);
  Emit(Send{e.stream, std::move(welcome)});
  for (const AttemptToken token : cancels) Emit(Send{e.stream, dispatch::Cancel{token}});
}

void Machine::On(const ClaimsAnswered& e) {
  if (!Done(e.answer)) s_.claims_from = now_ + kStoreRetry;
  if (e.answer == Answer::kDone) {
    for (const domain::ClaimResult& result : e.results) Claimed(result);
    return;
  }
  std::vector<JobId> unread;
  for (const domain::ClaimRequest& claim : e.asked) {
    JobEntry* entry = FindJob(s_, claim.job);
    if (entry == nullptr || entry->phase != JobPhase::kClaiming || entry->session != claim.session) continue;
    if (e.answer == Answer::kFailed) {
      MoveToQueue(s_, *entry, now_);
    } else {
      Move(s_, *entry, {.phase = JobPhase::kReading, .session = claim.session}, now_);
      unread.push_back(claim.job);
    }
  }
  ForChunks(unread, [&](auto chunk) { Emit(ReadClaims{std::move(chunk)}); });
}

void Machine::On(const ClaimsRead& e) {
  if (!Done(e.answer)) {
    for (const JobId job : e.asked) s_.reads_again.insert(job);
    return;
  }
  for (const domain::ClaimState& read : e.states) {
    JobEntry* entry = FindJob(s_, read.job);
    if (entry == nullptr || entry->phase != JobPhase::kReading) continue;
    if (entry->doubtful && read.in_queue && read.token != entry->doubtful->token) {
      WaitsAgain(entry->doubtful->token, entry->job, entry->doubtful->worker);
    }
    if (!read.in_queue) {
      RemoveJob(s_, read.job, now_);
    } else if (read.running) {
      Running(*entry, read.token, read.session);
    } else if (!read.token) {
      MoveToQueue(s_, *entry, now_);
    } else if (read.session == entry->session) {
      MakeOffer(*entry, read.token);
    } else {
      Return(*entry, read.token, read.session);
    }
  }
}

void Machine::On(const AcceptsAnswered& e) {
  const bool done = Done(e.answer);
  std::vector<JobId> unread;
  for (size_t i = 0; i < e.asked.size(); ++i) {
    const domain::OfferRef& offer = e.asked[i];
    JobEntry* entry = FindToken(s_, offer.token);
    if (entry == nullptr || entry->phase != JobPhase::kAccepting) continue;
    if (!done) {
      // The worker builds already; the call may be repeated until the store answers.
      s_.accepts_again.insert(offer.token);
    } else if (e.outcomes[i] == domain::AcceptOutcome::kRunning) {
      ++s_.counters.offers_accepted;
      Running(*entry, offer.token, entry->session);
    } else {
      if (Session* session = FindSession(s_, entry->session); session != nullptr && session->stream) {
        Emit(Send{session->stream, Drop{offer.token}});
      }
      unread.push_back(offer.job);
    }
  }
  Read(unread);
}

void Machine::On(const ReturnsAnswered& e) {
  const bool done = Done(e.answer);
  std::vector<JobId> unread;
  for (size_t i = 0; i < e.asked.size(); ++i) {
    const domain::OfferRef& offer = e.asked[i];
    if (!done) {
      s_.returns_again[offer.token] = offer;
      continue;
    }
    s_.returns.erase(offer.token);
    JobEntry* entry = FindToken(s_, offer.token);
    if (entry == nullptr || entry->phase != JobPhase::kReturning) continue;
    if (e.outcomes[i] == domain::ReturnOutcome::kReturned) {
      MoveToQueue(s_, *entry, now_);
    } else {
      unread.push_back(offer.job);
    }
  }
  Read(unread);
}

void Machine::On(const SessionsRenewed& e) {
  s_.renewing = false;
  if (!Done(e.answer)) s_.leases_in_doubt = true;
  for (const SessionId id : e.gone) {
    if (const Session* session = FindSession(s_, id); session != nullptr && session->stream) {
      Emit(Close{session->stream, CloseWhy::kSessionGone});
    }
  }
}

void Machine::On(const LeasesExtended& e) {
  s_.expiring = false;
  if (Done(e.answer)) s_.leases_in_doubt = false;
}

void Machine::On(const SessionsEnded& e) {
  s_.expiring = false;
  if (!Done(e.answer)) {
    s_.leases_in_doubt = true;
    return;
  }
  ApplyLost(e.ended.lost);
  for (const SessionId id : e.ended.sessions) {
    const Session* session = FindSession(s_, id);
    Dissolve(id, session != nullptr && session->leaving ? CloseWhy::kLeft : CloseWhy::kSessionGone);
  }
}

void Machine::On(const AttemptsLost& e) {
  s_.losing = false;
  if (!Done(e.answer)) return;
  ApplyLost(e.lost);
  std::vector<JobId> unread;
  for (const AttemptToken token : e.asked) {
    // Not lost by this call: it was over in the store and the news of it went missing.
    if (const JobEntry* entry = FindToken(s_, token); entry != nullptr && entry->phase == JobPhase::kRunning) {
      unread.push_back(entry->job.id);
    }
  }
  Read(unread);
}

void Machine::On(const QueueLoaded& e) {
  s_.loading = false;
  if (!Done(e.answer)) {
    s_.whole_load_at = now_ + kStoreRetry;
    return;
  }
  for (const JobEntry& entry : MergeLoad(s_, e, now_)) WaitsAgain(entry.token, entry.job, WorkerOf(entry.session));
  if (e.after) return;
  s_.whole_load_at = now_ + (e.jobs.size() > kSmallMirror ? kReloadLate : kReloadSoon);
  s_.refill_at = now_ + kReloadSoon;
  s_.truncated = e.more_due;
  s_.delayed_truncated = e.more_delayed;
  // What is delayed beyond the bound goes as well: it is read again when its time comes nearer.
  if (!s_.truncated) RemoveAbsent(s_, e, now_);
}

bool Machine::Done(Answer answer) {
  if (answer != Answer::kDone) {
    ++s_.counters.store_failures;
    s_.retry_at = std::max(s_.retry_at, now_ + kStoreRetry);
  }
  return answer == Answer::kDone;
}

void Machine::MakeOffer(JobEntry& entry, AttemptToken token) {
  const Session* session = FindSession(s_, entry.session);
  if (session == nullptr || !session->Able()) {
    Return(entry, token, entry.session);
    return;
  }
  ++s_.counters.offers_made;
  const StreamId stream = session->stream;
  Move(s_, entry, {JobPhase::kOffered, token, entry.session, now_ + kOfferTimeout}, now_);
  Emit(NoteOffered{token, entry.job, session->hello.name});
  const domain::QueuedJob& job = entry.job;
  Emit(Send{stream, Offer{.token = token,
                          .job = job.id,
                          .module = job.module,
                          .version = job.version,
                          .target = job.target,
                          .toolset = job.toolset,
                          .siblings = SiblingsOf(s_, job),
                          .deadline = s_.options.attempt_deadline,
                          .limits = s_.options.limits,
                          .cold_caches = job.cold_caches}});
}

void Machine::Claimed(const domain::ClaimResult& result) {
  JobEntry* entry = FindJob(s_, result.job);
  const bool ours = entry != nullptr && entry->phase == JobPhase::kClaiming && entry->session == result.session;
  switch (result.outcome) {
    case domain::ClaimOutcome::kWon:
      if (ours) {
        MakeOffer(*entry, result.token);
      } else {
        ReturnRef({result.token, result.job, result.session});
      }
      break;
    case domain::ClaimOutcome::kJobGone:
      if (ours) RemoveJob(s_, result.job, now_);
      break;
    case domain::ClaimOutcome::kSessionGone:
      if (ours) MoveToQueue(s_, *entry, now_);
      if (Session* session = FindSession(s_, result.session); session != nullptr && session->stream) {
        Emit(Close{session->stream, CloseWhy::kSessionGone});
        // No more claims for it while its stream ends.
        session->leaving = true;
        Reindex(s_, *session, now_);
      }
      break;
  }
}

void Machine::Read(const std::vector<JobId>& jobs) {
  for (const JobId job : jobs) {
    JobEntry& entry = *FindJob(s_, job);
    std::optional<DoubtfulAttempt> doubtful;
    if (entry.phase == JobPhase::kAccepting || entry.phase == JobPhase::kRunning) {
      doubtful = DoubtfulAttempt{entry.token, WorkerOf(entry.session)};
    }
    Move(s_, entry, {.phase = JobPhase::kReading}, now_);
    entry.doubtful = std::move(doubtful);
  }
  ForChunks(jobs, [&](auto chunk) { Emit(ReadClaims{std::move(chunk)}); });
}

void Machine::Running(JobEntry& entry, AttemptToken token, SessionId session_id, absl::Duration age) {
  if (s_.ended.contains(token)) {
    RemoveJob(s_, entry.job.id, now_);  // the news of its end overtook this
    return;
  }
  Move(s_, entry, {JobPhase::kRunning, token, session_id, OverdueAt(s_, entry, token, now_ - age)}, now_);
  entry.started = now_ - age;
  Emit(NoteRunning{token, entry.job, WorkerOf(session_id), entry.started});
  if (entry.cancel) Cancel(entry);
}

void Machine::Keep(const domain::RunningAttempt& attempt, Session& session) {
  if (s_.ended.contains(attempt.token)) return;
  AddJob(s_, attempt.job, now_, /*beyond_limit=*/true);
  JobEntry& entry = *FindJob(s_, attempt.job.id);
  entry.cancel = false;  // the caller sends it
  Running(entry, attempt.token, session.id, attempt.age);
  entry.cancel = attempt.cancel_requested;
  if (session.stream) NoteSource(s_, session, attempt.job);
}

void Machine::WaitsAgain(AttemptToken token, const domain::QueuedJob& job, const std::string& worker) {
  RememberEnded(token);
  Emit(NoteLost{token, job, worker, JobState::kQueued});
}

const std::string& Machine::WorkerOf(SessionId session) {
  static const std::string& unknown = *new std::string;
  const Session* found = FindSession(s_, session);
  return found == nullptr ? unknown : found->hello.name;
}

void Machine::ApplyLost(const std::vector<domain::LostAttempt>& lost) {
  std::set<std::string> workers;
  for (const domain::LostAttempt& attempt : lost) {
    ++s_.counters.attempts_lost;
    const bool is_told = s_.ended.contains(attempt.token);
    RememberEnded(attempt.token);
    if (const JobEntry* entry = FindToken(s_, attempt.token)) {
      const Session* session = FindSession(s_, entry->session);
      if (session != nullptr && session->stream) Emit(Send{session->stream, Drop{attempt.token}});
      Emit(NoteLost{attempt.token, entry->job, attempt.worker, attempt.job_state});
      RemoveJob(s_, entry->job.id, now_);
    } else if (!is_told) {
      Emit(NoteLostUnseen{attempt});
    }
    if (attempt.counts) workers.insert(attempt.worker);
    if (attempt.requeued) AddJob(s_, *attempt.requeued, now_);
  }
  // A worker that went away once failed once, however many attempts it ran.
  for (const std::string& worker : workers) {
    NoteHealth(s_, worker, AttemptOutcome::kLost, FailureClass::kWorkerLost, "", now_);
  }
}

void Machine::Dissolve(SessionId id, CloseWhy why) {
  Session* session = FindSession(s_, id);
  if (session == nullptr) return;
  if (session->stream) Emit(Close{session->stream, why});
  Disconnect(*session);
  const std::set<AttemptToken> offers = session->offers;
  for (const AttemptToken token : offers) MoveToQueue(s_, *FindToken(s_, token), now_);
  std::vector<JobId> unread;
  for (const AttemptToken token : session->running) unread.push_back(FindToken(s_, token)->job.id);
  Read(unread);
  RemoveSession(s_, id);
}

}  // namespace gofarm::dispatch
