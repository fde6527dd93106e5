#include "coordinator/domain/dispatch.h"

#include <algorithm>
#include <utility>

#include "coordinator/domain/dispatch_machine.h"
#include "coordinator/domain/drain.h"
#include "coordinator/domain/placement.h"

namespace gofarm::dispatch {
namespace {

constexpr absl::Duration kRenewInterval = absl::Seconds(5);  // one statement for all sessions heard since
constexpr absl::Duration kExpireInterval = absl::Seconds(1);

}  // namespace

std::vector<Effect> Machine::Finish() {
  if (now_ >= s_.claims_from) {
    std::vector<domain::ClaimRequest> claims = Assign(s_, now_);
    ForChunks(claims, [&](auto chunk) { Emit(Claim{std::move(chunk)}); });
  }
  LoadIfWanted();
  return std::move(effects_);
}

void Machine::On(const HelloReceived& e) {
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
  s_.greeting[e.stream] = {.request = request, .drain = {}};
  Emit(OpenSession{e.stream, std::move(request)});
}

void Machine::On(const ReadyReceived& e) {
  Session* session = Heard(e.stream);
  if (session == nullptr) return;
  session->reported_free = std::clamp(e.free_slots, 0, session->hello.slots);
  session->draining = e.draining;
  session->disk_full = e.disk_full;
  Reindex(s_, *session, now_);
}

void Machine::On(const HeartbeatReceived& e) { Heard(e.stream); }

void Machine::On(const AcceptReceived& e) {
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

void Machine::On(const RefuseReceived& e) {
  Session* session = Heard(e.stream);
  JobEntry* entry = FindToken(s_, e.token);
  if (session == nullptr || entry == nullptr || entry->session != session->id) return;
  if (entry->phase != JobPhase::kOffered) return;
  ++s_.counters.offers_refused;
  ++s_.counters.refused_for[static_cast<size_t>(e.reason)];
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
  Return(*entry);  // brings the indexes up to date as well
}

void Machine::On(const GoodbyeReceived& e) {
  Session* session = Heard(e.stream);
  if (session == nullptr || session->leaving) return;
  session->leaving = true;
  Reindex(s_, *session, now_);
  Emit(EndSessions{{session->id}});
}

void Machine::On(const StreamClosed& e) {
  s_.greeting.erase(e.stream);
  Session* session = FindStream(s_, e.stream);
  if (session == nullptr) return;
  Disconnect(*session);
  const std::set<AttemptToken> offers = session->offers;
  for (const AttemptToken token : offers) Return(*FindToken(s_, token));
}

void Machine::On(const QueueChanged& e) {
  const JobId after{e.lowest ? e.lowest.value - 1 : 0};
  s_.load_wanted = s_.load_wanted ? std::min(*s_.load_wanted, after) : after;
}

void Machine::On(const JobsRemoved& e) {
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

void Machine::On(const CancelRequested& e) {
  for (const AttemptToken token : e.tokens) {
    JobEntry* entry = FindToken(s_, token);
    if (entry == nullptr || entry->cancel) continue;
    entry->cancel = true;
    if (entry->phase == JobPhase::kRunning) Cancel(*entry);
  }
}

void Machine::On(const AttemptEnded& e) {
  RememberEnded(e.token);
  if (const JobEntry* entry = FindToken(s_, e.token)) {
    const Session* session = FindSession(s_, entry->session);
    const std::string worker = session == nullptr ? "" : session->hello.name;
    RemoveJob(s_, entry->job.id, now_);
    NoteHealth(s_, worker, e.outcome, e.failure, e.detail, now_);
  }
  if (e.requeued) AddJob(s_, *e.requeued, now_);
}

void Machine::On(const DrainsChanged& e) {
  std::map<std::string_view, domain::DrainMark> news;
  for (const domain::DrainChange& change : e.changes) {
    news[change.worker] = change.mark;
    const auto it = s_.by_worker.find(change.worker);
    Session* session = it == s_.by_worker.end() ? nullptr : FindSession(s_, it->second);
    if (session == nullptr) continue;
    session->drain = Later(session->drain, change.mark);
    Reindex(s_, *session, now_);
  }
  // The store may have opened a session before the change and not answered yet.
  for (auto& [stream, greeting] : s_.greeting) {
    const auto it = news.find(greeting.request.name);
    if (it != news.end()) greeting.drain = Later(greeting.drain, it->second);
  }
}

void Machine::On(const WorkerRemoved& e) {
  ApplyLost(e.ended.lost);
  for (const SessionId id : e.ended.sessions) Dissolve(id, CloseWhy::kRemoved);
  if (s_.by_worker.contains(e.worker)) return;  // it came back meanwhile
  s_.former.erase(e.worker);
  s_.health.erase(e.worker);
}

void Machine::On(const Tick&) {
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
  // Due and delayed jobs each have their bound: however many wait for later, they neither keep due ones out nor are
  // read again and again.
  const bool low = (s_.truncated && waiting < static_cast<size_t>(domain::kQueueLoadMax) / 2) ||
                   (s_.delayed_truncated && s_.delayed.size() < static_cast<size_t>(domain::kDelayedLoadMax) / 2);
  if (now_ >= s_.whole_load_at || (low && !s_.loading && now_ >= s_.refill_at)) s_.load_wanted = JobId{0};
}

Session* Machine::Heard(StreamId stream) {
  Session* session = FindStream(s_, stream);
  if (session == nullptr) return nullptr;
  session->heard = true;
  session->last_seen = now_;
  return session;
}

void Machine::Disconnect(Session& session) {
  if (!session.stream) return;
  s_.streams.erase(session.stream);
  session.stream = StreamId{};
  --s_.connected;
  Reindex(s_, session, now_);
}

void Machine::Return(JobEntry& entry) { Return(entry, entry.token, entry.session); }

void Machine::Return(JobEntry& entry, AttemptToken token, SessionId session) {
  Move(s_, entry, {.phase = JobPhase::kReturning, .token = token, .session = session}, now_);
  ReturnRef({token, entry.job.id, session});
}

void Machine::ReturnRef(const domain::OfferRef& offer) {
  if (s_.returns.emplace(offer.token, offer).second) Emit(StoreReturn{offer});
}

void Machine::Cancel(const JobEntry& entry) {
  const Session* session = FindSession(s_, entry.session);
  if (session != nullptr && session->stream) Emit(Send{session->stream, dispatch::Cancel{entry.token}});
}

void Machine::RememberEnded(AttemptToken token) {
  s_.ended.insert(token);
  if (s_.ended.size() > kEndedTokensMax) s_.ended.erase(s_.ended.begin());
}

void Machine::TimeOutOffers() {
  while (!s_.offers_until.empty() && s_.offers_until.begin()->first < now_) {
    JobEntry& entry = *FindToken(s_, s_.offers_until.begin()->second);
    ++s_.counters.offers_timed_out;
    if (Session* session = FindSession(s_, entry.session)) session->paused_until = now_ + kPauseAfterTrouble;
    Return(entry);
  }
}

void Machine::LoseOverdue() {
  if (s_.losing) return;
  LoseAttempts lose{Overdue(s_, now_)};
  if (lose.tokens.empty()) return;
  s_.losing = true;
  Emit(std::move(lose));
}

void Machine::AskAgain() {
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

void Machine::Renew() {
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

void Machine::LoadIfWanted() {
  if (!s_.load_wanted || s_.loading || now_ < s_.retry_at) return;
  LoadQueue load{*s_.load_wanted, s_.steps, domain::kQueueLoadMax};
  if (!load.after) s_.whole_load_at = absl::InfiniteFuture();  // set by the answer
  s_.loading = true;
  s_.load_wanted.reset();
  Emit(load);
}

std::vector<Effect> Step(DispatchState& state, const Event& event, absl::Time now) {
  ++state.steps;
  Machine machine(state, now);
  std::visit([&](const auto& e) { machine.On(e); }, event);
  return machine.Finish();
}

}  // namespace gofarm::dispatch
