#include "coordinator/service/store_lane.h"

#include <utility>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/obs/log.h"
#include "coordinator/service/dispatch_loop.h"

namespace gofarm::service {
namespace {

Scope CallScope() { return Scope::For(kStoreCallTimeout); }

template <typename T>
T ValueOr(absl::StatusOr<T>& result) {
  return result.ok() ? std::move(*result) : T{};
}

// Takes neighbours of kind E from the front, as long as their parts fit into one call.
template <typename E, typename T, typename Parts>
std::vector<T> TakeNeighbours(std::deque<dispatch::StoreCall>& calls, Parts parts) {
  std::vector<T> taken;
  while (!calls.empty()) {
    const E* call = std::get_if<E>(&calls.front());
    if (call == nullptr) break;
    const std::vector<T> more = parts(*call);
    if (!taken.empty() && taken.size() + more.size() > static_cast<size_t>(domain::kClaimsMax)) break;
    taken.insert(taken.end(), more.begin(), more.end());
    calls.pop_front();
  }
  return taken;
}

}  // namespace

void StoreLane::Start(int64_t epoch) {
  epoch_ = epoch;
  const absl::MutexLock lock(&mutex_);
  calls_.thread = std::thread([this] { Run(&StoreLane::calls_); });
  loads_.thread = std::thread([this] { Run(&StoreLane::loads_); });
}

void StoreLane::Add(std::vector<dispatch::StoreCall> calls) {
  if (calls.empty()) return;
  const absl::MutexLock lock(&mutex_);
  for (dispatch::StoreCall& call : calls) {
    if (std::holds_alternative<dispatch::ExpireSessions>(call)) expiry_added_ = SteadyNow();
    Lane& lane = std::holds_alternative<dispatch::LoadQueue>(call) ? loads_ : calls_;
    lane.waiting.push_back(std::move(call));
  }
}

void StoreLane::Stop() {
  std::thread threads[2];
  {
    const absl::MutexLock lock(&mutex_);
    calls_.stopping = loads_.stopping = true;
    threads[0] = std::move(calls_.thread);
    threads[1] = std::move(loads_.thread);
  }
  for (std::thread& thread : threads) {
    if (thread.joinable()) thread.join();
  }
}

void StoreLane::Run(Lane StoreLane::*which) {
  for (;;) {
    Calls calls;
    {
      const absl::MutexLock lock(&mutex_);
      Lane& lane = this->*which;
      mutex_.Await(absl::Condition(&lane, &Lane::HasWork));
      if (lane.stopping) return;
      calls.swap(lane.waiting);
    }
    while (!calls.empty()) {
      {
        const absl::MutexLock lock(&mutex_);
        if ((this->*which).stopping) return;
      }
      CarryOut(calls);
    }
  }
}

void StoreLane::CarryOut(Calls& calls) {
  if (std::holds_alternative<dispatch::Claim>(calls.front())) {
    Claim(TakeNeighbours<dispatch::Claim, domain::ClaimRequest>(calls, [](const auto& e) { return e.claims; }));
  } else if (std::holds_alternative<dispatch::StoreAccept>(calls.front())) {
    Accept(TakeNeighbours<dispatch::StoreAccept, domain::OfferRef>(
        calls, [](const auto& e) { return std::vector<domain::OfferRef>{e.offer}; }));
  } else if (std::holds_alternative<dispatch::StoreReturn>(calls.front())) {
    Return(TakeNeighbours<dispatch::StoreReturn, domain::OfferRef>(
        calls, [](const auto& e) { return std::vector<domain::OfferRef>{e.offer}; }));
  } else {
    One(calls.front());
    calls.pop_front();
  }
}

void StoreLane::Claim(std::vector<domain::ClaimRequest> claims) {
  auto results = store_.ClaimOffers(CallScope(), epoch_, claims);
  const dispatch::Answer answer = AnswerOf("claim_offers", results.status());
  answer_(dispatch::ClaimsAnswered{answer, std::move(claims), ValueOr(results)});
}

void StoreLane::Accept(std::vector<domain::OfferRef> offers) {
  auto outcomes = store_.AcceptOffers(CallScope(), epoch_, offers);
  const dispatch::Answer answer = AnswerOf("accept_offers", outcomes.status());
  answer_(dispatch::AcceptsAnswered{answer, std::move(offers), ValueOr(outcomes)});
}

void StoreLane::Return(std::vector<domain::OfferRef> offers) {
  auto outcomes = store_.ReturnOffers(CallScope(), epoch_, offers);
  const dispatch::Answer answer = AnswerOf("return_offers", outcomes.status());
  answer_(dispatch::ReturnsAnswered{answer, std::move(offers), ValueOr(outcomes)});
}

// A kind of call that is not here does not compile.
void StoreLane::One(const dispatch::StoreCall& call) {
  struct Carrier {
    StoreLane& self;

    void operator()(const dispatch::Claim& e) const { self.Claim(e.claims); }
    void operator()(const dispatch::StoreAccept& e) const { self.Accept({e.offer}); }
    void operator()(const dispatch::StoreReturn& e) const { self.Return({e.offer}); }
    void operator()(const dispatch::OpenSession& e) const {
      auto opened = self.store_.OpenSession(CallScope(), self.epoch_, e.request, domain::kLease);
      const dispatch::Answer answer = self.AnswerOf("open_session", opened.status());
      self.answer_(dispatch::SessionOpened{e.stream, answer, ValueOr(opened)});
    }
    void operator()(const dispatch::ReadClaims& e) const {
      auto states = self.store_.ReadClaims(CallScope(), e.jobs);
      const dispatch::Answer answer = self.AnswerOf("read_claims", states.status());
      self.answer_(dispatch::ClaimsRead{answer, e.jobs, ValueOr(states)});
    }
    void operator()(const dispatch::RenewSessions& e) const {
      auto gone = self.store_.RenewSessions(CallScope(), self.epoch_, e.sessions, domain::kLease);
      const dispatch::Answer answer = self.AnswerOf("renew_sessions", gone.status());
      self.answer_(dispatch::SessionsRenewed{answer, ValueOr(gone)});
    }
    void operator()(const dispatch::ExtendLeases&) const {
      const absl::Status extended = self.store_.ExtendLeases(CallScope(), self.epoch_, domain::kLease);
      self.answer_(dispatch::LeasesExtended{self.AnswerOf("extend_leases", extended)});
    }
    void operator()(const dispatch::ExpireSessions&) const { self.Expire(); }
    void operator()(const dispatch::EndSessions& e) const {
      auto ended = self.store_.EndSessions(CallScope(), self.epoch_, e.sessions);
      const dispatch::Answer answer = self.AnswerOf("end_sessions", ended.status());
      self.answer_(dispatch::SessionsEnded{answer, ValueOr(ended)});
    }
    void operator()(const dispatch::LoseAttempts& e) const {
      auto lost = self.store_.LoseAttempts(CallScope(), self.epoch_, e.tokens);
      const dispatch::Answer answer = self.AnswerOf("lose_attempts", lost.status());
      self.answer_(dispatch::AttemptsLost{answer, e.tokens, ValueOr(lost)});
    }
    void operator()(const dispatch::LoadQueue& e) const {
      auto loaded = self.store_.LoadQueue(CallScope(), e.after, e.limit);
      const dispatch::Answer answer = self.AnswerOf("load_queue", loaded.status());
      domain::LoadedQueue queue = ValueOr(loaded);
      self.answer_(
          dispatch::QueueLoaded{answer, e.after, e.issued, std::move(queue.jobs), queue.more_due, queue.more_delayed});
    }
  };
  std::visit(Carrier{*this}, call);
}

void StoreLane::Expire() {
  absl::Duration waited;
  {
    const absl::MutexLock lock(&mutex_);
    waited = SteadyNow() - expiry_added_;
  }
  if (waited > expiry_wait_max_) {
    obs::Warn("store_lane_slow", {{"seconds", Cat(absl::ToInt64Seconds(waited))}});
    answer_(dispatch::SessionsEnded{dispatch::Answer::kFailed, {}});
    return;
  }
  auto ended = store_.ExpireSessions(CallScope(), epoch_);
  const dispatch::Answer answer = AnswerOf("expire_sessions", ended.status());
  answer_(dispatch::SessionsEnded{answer, ValueOr(ended)});
}

dispatch::Answer StoreLane::AnswerOf(std::string_view call, const absl::Status& status) {
  if (status.ok()) return dispatch::Answer::kDone;
  static obs::RateLimit log_limit(absl::Seconds(1));
  if (log_limit.Pass()) obs::Warn("store_call_failed", {{"call", std::string(call)}, {"error", status.ToString()}});
  if (absl::IsFailedPrecondition(status) && lost_) {
    bool first = false;
    {
      const absl::MutexLock lock(&mutex_);
      first = !std::exchange(told_lost_, true);
    }
    if (first) lost_(status);
  }
  return absl::IsUnknown(status) ? dispatch::Answer::kUnknown : dispatch::Answer::kFailed;
}

}  // namespace gofarm::service
