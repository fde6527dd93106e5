#include "coordinator/domain/dispatch.h"

#include <algorithm>
#include <utility>

#include "coordinator/domain/dispatch_mirror.h"
#include "coordinator/domain/placement.h"

namespace gofarm::dispatch {
namespace {

constexpr absl::Duration kRenewInterval = absl::Seconds(5);  // one statement for all sessions heard since
constexpr absl::Duration kExpireInterval = absl::Seconds(1);

class Machine {
 public:
  Machine(DispatchState& state, absl::Time now) : s_(state), now_(now) { PromoteDue(s_, now_); }

  std::vector<Effect> Finish() {
    if (now_ >= s_.claims_from) {
      std::vector<domain::ClaimRequest> claims = Assign(s_, now_);
      ForChunks(claims, [&](auto chunk) { Emit(Claim{std::move(chunk)}); });
    }
    LoadIfWanted();
    return std::move(effects_);
  }

  // ---- streams ----------------------------------------------------------------------------------------------------

  void On(const HelloReceived& e) {
    if (s_.greeting.contains(e.stream) || s_.streams.contains(e.stream)) return;
    if (s_.greeting.size() + s_.streams.size() >= kStreamsMax) {
      Emit(Close{e.stream, CloseWhy::kTooManyWorkers});
      return;
    }
    if (Session* holder = NameHolder(s_, e.request, now_)) {
      holder->namesake_at = now_;
      holder->namesake_pid = e.request.pid;
      Emit(Close{e.stream, CloseWhy::kNameTaken});
      return;
    }
    domain::SessionRequest request = e.request;
    request.slots = std::clamp(request.slots, 0, kSlotsMax);
    std::sort(request.targets.begin(), request.targets.end());
    request.targets.erase(std::unique(request.targets.begin(), request.targets.end()), request.targets.end());
    if (request.attempts.size() > static_cast<size_t>(domain::kAnnouncedMax)) {
      request.attempts.resize(static_cast<size_t>(domain::kAnnouncedMax));
    }
    s_.greeting[e.stream] = request;
    Emit(OpenSession{e.stream, std::move(request)});
  }

  void On(const ReadyReceived& e) {
    Session* session = Heard(e.stream);
    if (session == nullptr) return;
    session->reported_free = std::clamp(e.free_slots, 0, session->hello.slots);
    session->draining = e.draining;
    session->disk_full = e.disk_full;
    Reindex(s_, *session, now_);
  }

  void On(const HeartbeatReceived& e) { Heard(e.stream); }

  void On(const AcceptReceived& e) {
    Session* session = Heard(e.stream);
    if (session == nullptr) return;
    JobEntry* entry = FindToken(s_, e.token);
    if (entry == nullptr || entry->session != session->id || entry->phase == JobPhase::kReturning) {
      Emit(Send{e.stream, Drop{e.token}});
      return;
    }
    if (entry->phase != JobPhase::kOffered) return;  // a repeat
    if (now_ > entry->until) {
      ++s_.counters.offers_timed_out;
      Return(*entry);
      Emit(Send{e.stream, Drop{e.token}});
      return;
    }
    session->reported_free = std::max(0, session->reported_free - 1);
    Move(s_, *entry, {.phase = JobPhase::kAccepting, .token = e.token, .session = session->id}, now_);
    Emit(StoreAccept{{e.token, entry->job.id, session->id}});
  }

  void On(const RefuseReceived& e) {
    Session* session = Heard(e.stream);
    JobEntry* entry = FindToken(s_, e.token);
    if (session == nullptr || entry == nullptr || entry->session != session->id) return;
    if (entry->phase != JobPhase::kOffered) return;
    ++s_.counters.offers_refused;
    // Each lasts until the worker says otherwise: Ready for slots and draining, a new Hello for the rest.
    switch (e.reason) {
      case RefuseReason::kDraining:
        session->draining = true;
        break;
      case RefuseReason::kUnknownToolset:
      case RefuseReason::kUnsupportedTarget:
        session->refused.insert({entry->job.target, entry->job.toolset});
        break;
      case RefuseReason::kCannotIsolate:
        session->hello.isolation_error = e.detail.empty() ? "builds cannot be isolated" : e.detail;
        break;
      case RefuseReason::kDiskFull:
        session->paused_until = now_ + kPauseAfterTrouble;
        break;
      case RefuseReason::kNoFreeSlot:
        session->reported_free = 0;
        break;
    }
    Return(*entry);
    Reindex(s_, *session, now_);
  }

  void On(const GoodbyeReceived& e) {
    Session* session = Heard(e.stream);
    if (session == nullptr || session->leaving) return;
    session->leaving = true;
    Reindex(s_, *session, now_);
    Emit(EndSessions{{session->id}});
  }

  void On(const StreamClosed& e) {
    s_.greeting.erase(e.stream);
    Session* session = FindStream(s_, e.stream);
    if (session == nullptr) return;
    Disconnect(*session);
    const std::set<AttemptToken> offers = session->offers;
    for (const AttemptToken token : offers) Return(*FindToken(s_, token));
  }

  // ---- answers of the store -----------------------------------------------------------------------------------------

  void On(const SessionOpened& e) {
    const auto greeting = s_.greeting.find(e.stream);
    const bool connected = greeting != s_.greeting.end();
    if (!Done(e.answer)) {
      // The worker dials again; if this one was opened after all, the next Hello supersedes it.
      if (connected) Emit(Close{e.stream, CloseWhy::kStoreUnavailable});
      if (connected) s_.greeting.erase(greeting);
      return;
    }
    const SessionId id = e.opened.session;
    Session& session = s_.sessions[id];
    session.id = id;
    session.last_seen = now_;
    if (connected) {
      session.hello = std::move(greeting->second);
      session.stream = e.stream;
      session.heard = true;
      s_.streams[e.stream] = id;
      s_.greeting.erase(greeting);
      ++s_.connected;
    }
    Welcome welcome{.session = id, .drop = e.opened.dropped, .toolsets = s_.options.toolsets};
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
    Reindex(s_, session, now_);
    Emit(Send{e.stream, std::move(welcome)});
    for (const AttemptToken token : cancels) Emit(Send{e.stream, dispatch::Cancel{token}});
  }

  void On(const ClaimsAnswered& e) {
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

  void On(const ClaimsRead& e) {
    if (!Done(e.answer)) {
      for (const JobId job : e.asked) s_.reads_again.insert(job);
      return;
    }
    for (const domain::ClaimState& read : e.states) {
      JobEntry* entry = FindJob(s_, read.job);
      if (entry == nullptr || entry->phase != JobPhase::kReading) continue;
      if (!read.in_queue) {
        RemoveJob(s_, read.job, now_);
      } else if (read.running) {
        Running(*entry, read.token, read.session);
      } else if (!read.token) {
        MoveToQueue(s_, *entry, now_);
      } else if (read.session == entry->session) {
        Offer(*entry, read.token);
      } else {
        Return(*entry, read.token, read.session);
      }
    }
  }

  void On(const AcceptsAnswered& e) {
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

  void On(const ReturnsAnswered& e) {
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

  void On(const SessionsRenewed& e) {
    s_.renewing = false;
    if (!Done(e.answer)) s_.leases_in_doubt = true;
    for (const SessionId id : e.gone) {
      if (const Session* session = FindSession(s_, id); session != nullptr && session->stream) {
        Emit(Close{session->stream, CloseWhy::kSessionGone});
      }
    }
  }

  void On(const LeasesExtended& e) {
    s_.expiring = false;
    if (Done(e.answer)) s_.leases_in_doubt = false;
  }

  void On(const SessionsEnded& e) {
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

  void On(const AttemptsLost& e) {
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

  void On(const QueueLoaded& e) {
    s_.loading = false;
    if (!Done(e.answer)) {
      s_.whole_load_at = now_ + kStoreRetry;
      return;
    }
    for (const JobEntry& entry : MergeLoad(s_, e, now_)) Note(entry.token, entry);
    if (e.after) return;
    s_.last_whole_load = e.jobs.size();
    s_.whole_load_at = now_ + (e.jobs.size() > kSmallMirror ? kReloadLate : kReloadSoon);
    s_.truncated = e.jobs.size() >= static_cast<size_t>(domain::kQueueLoadMax);
    if (!s_.truncated) RemoveAbsent(s_, e, now_);
  }

  // ---- services -----------------------------------------------------------------------------------------------------

  void On(const QueueChanged& e) {
    const JobId after{e.lowest ? e.lowest.value - 1 : 0};
    s_.load_wanted = s_.load_wanted ? std::min(*s_.load_wanted, after) : after;
  }

  void On(const JobsRemoved& e) {
    for (const JobId job : e.jobs) {
      JobEntry* entry = FindJob(s_, job);
      if (entry == nullptr || entry->phase == JobPhase::kRunning || entry->phase == JobPhase::kAccepting) continue;
      if (entry->phase == JobPhase::kOffered) {
        const Session* session = FindSession(s_, entry->session);
        if (session != nullptr && session->stream) Emit(Send{session->stream, Drop{entry->token}});
      }
      RemoveJob(s_, job, now_);
    }
  }

  void On(const CancelRequested& e) {
    for (const AttemptToken token : e.tokens) {
      JobEntry* entry = FindToken(s_, token);
      if (entry == nullptr || entry->cancel) continue;
      entry->cancel = true;
      if (entry->phase == JobPhase::kRunning) Cancel(*entry);
    }
  }

  void On(const AttemptEnded& e) {
    RememberEnded(e.token);
    if (const JobEntry* entry = FindToken(s_, e.token)) RemoveJob(s_, entry->job.id, now_);
    if (e.requeued) AddJob(s_, *e.requeued, now_);
  }

  void On(const Tick&) {
    if (now_ - s_.last_tick > kClockJump) AfterClockJump(s_, now_ - s_.last_tick);
    s_.last_tick = now_;
    TimeOutOffers();
    LoseOverdue();
    if (now_ >= s_.retry_at) AskAgain();
    if (!s_.renewing && now_ >= s_.renew_at) Renew();
    if (!s_.expiring && now_ >= s_.expire_at) {
      s_.expiring = true;
      s_.expire_at = now_ + kExpireInterval;
      if (s_.leases_in_doubt) {
        Emit(ExtendLeases{});
      } else {
        Emit(ExpireSessions{});
      }
    }
    size_t waiting = 0;
    for (const auto& [group, keys] : s_.waiting) waiting += keys.size();
    const bool drained = s_.truncated && waiting < static_cast<size_t>(domain::kQueueLoadMax) / 2;
    if (now_ >= s_.whole_load_at || (drained && !s_.loading)) s_.load_wanted = JobId{0};
  }

 private:
  void Emit(Effect effect) { effects_.push_back(std::move(effect)); }

  template <typename T, typename Fn>
  static void ForChunks(const std::vector<T>& all, Fn fn) {
    for (size_t i = 0; i < all.size(); i += domain::kClaimsMax) {
      const size_t end = std::min(all.size(), i + domain::kClaimsMax);
      fn(std::vector<T>(all.begin() + static_cast<ptrdiff_t>(i), all.begin() + static_cast<ptrdiff_t>(end)));
    }
  }

  bool Done(Answer answer) {
    if (answer != Answer::kDone) {
      ++s_.counters.store_failures;
      s_.retry_at = std::max(s_.retry_at, now_ + kStoreRetry);
    }
    return answer == Answer::kDone;
  }

  Session* Heard(StreamId stream) {
    Session* session = FindStream(s_, stream);
    if (session == nullptr) return nullptr;
    session->heard = true;
    session->last_seen = now_;
    return session;
  }

  void Disconnect(Session& session) {
    if (!session.stream) return;
    s_.streams.erase(session.stream);
    session.stream = StreamId{};
    --s_.connected;
    Reindex(s_, session, now_);
  }

  void Offer(JobEntry& entry, AttemptToken token) {
    const Session* session = FindSession(s_, entry.session);
    if (session == nullptr || !session->Able()) {
      Return(entry, token, entry.session);
      return;
    }
    ++s_.counters.offers_made;
    const StreamId stream = session->stream;
    Move(s_, entry, {JobPhase::kOffered, token, entry.session, now_ + kOfferTimeout}, now_);
    Emit(NoteOffered{token, entry.job, session->hello.name});
    Emit(Send{stream, dispatch::Offer{.token = token,
                                      .job = entry.job,
                                      .siblings = SiblingsOf(s_, entry.job),
                                      .deadline = s_.options.attempt_deadline,
                                      .limits = s_.options.limits}});
  }

  void Claimed(const domain::ClaimResult& result) {
    JobEntry* entry = FindJob(s_, result.job);
    const bool ours = entry != nullptr && entry->phase == JobPhase::kClaiming && entry->session == result.session;
    switch (result.outcome) {
      case domain::ClaimOutcome::kWon:
        if (ours) {
          Offer(*entry, result.token);
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

  void Return(JobEntry& entry) { Return(entry, entry.token, entry.session); }
  void Return(JobEntry& entry, AttemptToken token, SessionId session) {
    Move(s_, entry, {.phase = JobPhase::kReturning, .token = token, .session = session}, now_);
    ReturnRef({token, entry.job.id, session});
  }
  void ReturnRef(const domain::OfferRef& offer) {
    if (s_.returns.emplace(offer.token, offer).second) Emit(StoreReturn{offer});
  }

  // The store is asked what became of these jobs; until then nothing is decided about them.
  void Read(const std::vector<JobId>& jobs) {
    for (const JobId job : jobs) Move(s_, *FindJob(s_, job), {.phase = JobPhase::kReading}, now_);
    ForChunks(jobs, [&](auto chunk) { Emit(ReadClaims{std::move(chunk)}); });
  }

  void Running(JobEntry& entry, AttemptToken token, SessionId session_id, absl::Duration age = {}) {
    if (s_.ended.contains(token)) {
      RemoveJob(s_, entry.job.id, now_);  // the news of its end overtook this
      return;
    }
    Move(s_, entry, {JobPhase::kRunning, token, session_id, OverdueAt(s_, entry, token, now_ - age)}, now_);
    entry.since = now_ - age;
    const Session* session = FindSession(s_, session_id);
    Emit(NoteRunning{token, entry.job, session == nullptr ? "" : session->hello.name, entry.since});
    if (entry.cancel) Cancel(entry);
  }

  // The store moved an announced attempt to this session.
  void Keep(const domain::RunningAttempt& attempt, Session& session) {
    if (s_.ended.contains(attempt.token)) return;
    AddJob(s_, attempt.job, now_, /*beyond_limit=*/true);
    JobEntry& entry = *FindJob(s_, attempt.job.id);
    entry.cancel = false;  // the caller sends it
    Running(entry, attempt.token, session.id, attempt.age);
    entry.cancel = attempt.cancel_requested;
    if (session.stream) NoteSource(s_, session, attempt.job);
  }

  void Cancel(const JobEntry& entry) {
    const Session* session = FindSession(s_, entry.session);
    if (session != nullptr && session->stream) Emit(Send{session->stream, dispatch::Cancel{entry.token}});
  }

  // Its job was loaded from the queue: it runs no more.
  void Note(AttemptToken token, const JobEntry& entry) {
    RememberEnded(token);
    const Session* session = FindSession(s_, entry.session);
    Emit(NoteLost{token, entry.job, session == nullptr ? "" : session->hello.name, /*waits_again=*/true});
  }

  void RememberEnded(AttemptToken token) {
    s_.ended.insert(token);
    if (s_.ended.size() > kEndedTokensMax) s_.ended.erase(s_.ended.begin());
  }

  void ApplyLost(const std::vector<domain::LostAttempt>& lost) {
    for (const domain::LostAttempt& attempt : lost) {
      ++s_.counters.attempts_lost;
      RememberEnded(attempt.token);
      if (const JobEntry* entry = FindToken(s_, attempt.token)) {
        const Session* session = FindSession(s_, entry->session);
        if (session != nullptr && session->stream) Emit(Send{session->stream, Drop{attempt.token}});
        Emit(NoteLost{attempt.token, entry->job, attempt.worker, attempt.requeued.has_value()});
        RemoveJob(s_, entry->job.id, now_);
      }
      if (attempt.requeued) AddJob(s_, *attempt.requeued, now_);
    }
  }

  // The store ended this session: its open offers wait again, what it still holds here is read anew.
  void Dissolve(SessionId id, CloseWhy why) {
    Session* session = FindSession(s_, id);
    if (session == nullptr) return;
    if (session->stream) Emit(Close{session->stream, why});
    Disconnect(*session);
    const std::set<AttemptToken> offers = session->offers;
    for (const AttemptToken token : offers) MoveToQueue(s_, *FindToken(s_, token), now_);
    std::vector<JobId> unread;
    for (const AttemptToken token : session->running) unread.push_back(FindToken(s_, token)->job.id);
    Read(unread);
    RemoveSession(s_, id, now_);
  }

  void TimeOutOffers() {
    while (!s_.offers_until.empty() && s_.offers_until.begin()->first < now_) {
      JobEntry& entry = *FindToken(s_, s_.offers_until.begin()->second);
      ++s_.counters.offers_timed_out;
      if (Session* session = FindSession(s_, entry.session)) session->paused_until = now_ + kPauseAfterTrouble;
      Return(entry);
    }
  }

  void LoseOverdue() {
    if (s_.losing) return;
    LoseAttempts lose{Overdue(s_, now_)};
    if (lose.tokens.empty()) return;
    s_.losing = true;
    Emit(std::move(lose));
  }

  void AskAgain() {
    for (const AttemptToken token : s_.accepts_again) {
      const JobEntry* entry = FindToken(s_, token);
      if (entry == nullptr || entry->phase != JobPhase::kAccepting) continue;
      Emit(StoreAccept{{token, entry->job.id, entry->session}});
    }
    s_.accepts_again.clear();
    for (const auto& [token, offer] : s_.returns_again) Emit(StoreReturn{offer});
    s_.returns_again.clear();
    const std::vector<JobId> reads(s_.reads_again.begin(), s_.reads_again.end());
    s_.reads_again.clear();
    ForChunks(reads, [&](auto chunk) { Emit(ReadClaims{std::move(chunk)}); });
  }

  void Renew() {
    s_.renew_at = now_ + kRenewInterval;
    RenewSessions renew;
    for (auto& [id, session] : s_.sessions) {
      if (!session.heard || !session.stream || session.leaving) continue;
      session.heard = false;
      renew.sessions.push_back(id);
    }
    if (renew.sessions.empty()) return;
    s_.renewing = true;
    Emit(std::move(renew));
  }

  void LoadIfWanted() {
    if (!s_.load_wanted || s_.loading || now_ < s_.retry_at) return;
    LoadQueue load{*s_.load_wanted, s_.steps, domain::kQueueLoadMax};
    if (!load.after) s_.whole_load_at = absl::InfiniteFuture();  // set by the answer
    s_.loading = true;
    s_.load_wanted.reset();
    Emit(load);
  }

  DispatchState& s_;
  const absl::Time now_;
  std::vector<Effect> effects_;
};

}  // namespace

std::vector<Effect> Step(DispatchState& state, const Event& event, absl::Time now) {
  ++state.steps;
  Machine machine(state, now);
  std::visit([&](const auto& e) { machine.On(e); }, event);
  return machine.Finish();
}

}  // namespace gofarm::dispatch
