#include "coordinator/service/store_lane.h"

#include <iterator>
#include <utility>

#include "absl/time/clock.h"
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
std::vector<T> TakeNeighbours(std::deque<dispatch::Effect>& effects, Parts parts) {
  std::vector<T> taken;
  while (!effects.empty()) {
    const E* effect = std::get_if<E>(&effects.front());
    if (effect == nullptr) break;
    const std::vector<T> more = parts(*effect);
    if (!taken.empty() && taken.size() + more.size() > static_cast<size_t>(domain::kClaimsMax)) break;
    taken.insert(taken.end(), more.begin(), more.end());
    effects.pop_front();
  }
  return taken;
}

}  // namespace

bool StoreLane::IsStoreEffect(const dispatch::Effect& effect) {
  return std::visit(
      []<typename E>(const E&) {
        return !(std::is_same_v<E, dispatch::SendWelcome> || std::is_same_v<E, dispatch::SendOffer> ||
                 std::is_same_v<E, dispatch::SendCancel> || std::is_same_v<E, dispatch::SendDrop> ||
                 std::is_same_v<E, dispatch::CloseStream> || std::is_same_v<E, dispatch::NoteRunning> ||
                 std::is_same_v<E, dispatch::NoteLost>);
      },
      effect);
}

void StoreLane::Start(int64_t epoch) {
  epoch_ = epoch;
  thread_ = std::thread([this] { Run(); });
}

void StoreLane::Add(std::vector<dispatch::Effect> effects) {
  if (effects.empty()) return;
  const absl::MutexLock lock(&mutex_);
  for (const dispatch::Effect& effect : effects) {
    if (std::holds_alternative<dispatch::ExpireSessions>(effect)) expiry_added_ = absl::Now();
  }
  std::move(effects.begin(), effects.end(), std::back_inserter(waiting_));
}

void StoreLane::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void StoreLane::Run() {
  for (;;) {
    std::deque<dispatch::Effect> effects;
    {
      const absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &StoreLane::HasWork));
      if (stopping_) return;
      effects.swap(waiting_);
    }
    while (!effects.empty()) {
      {
        const absl::MutexLock lock(&mutex_);
        if (stopping_) return;
      }
      CarryOut(effects);
    }
  }
}

void StoreLane::CarryOut(std::deque<dispatch::Effect>& effects) {
  if (std::holds_alternative<dispatch::Claim>(effects.front())) {
    Claim(TakeNeighbours<dispatch::Claim, domain::ClaimRequest>(effects, [](const auto& e) { return e.claims; }));
  } else if (std::holds_alternative<dispatch::StoreAccept>(effects.front())) {
    Accept(TakeNeighbours<dispatch::StoreAccept, domain::OfferRef>(
        effects, [](const auto& e) { return std::vector<domain::OfferRef>{e.offer}; }));
  } else if (std::holds_alternative<dispatch::StoreReturn>(effects.front())) {
    Return(TakeNeighbours<dispatch::StoreReturn, domain::OfferRef>(
        effects, [](const auto& e) { return std::vector<domain::OfferRef>{e.offer}; }));
  } else {
    One(effects.front());
    effects.pop_front();
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

void StoreLane::One(const dispatch::Effect& effect) {
  if (const auto* e = std::get_if<dispatch::OpenSession>(&effect)) {
    auto opened = store_.OpenSession(CallScope(), epoch_, e->request, domain::kLease);
    const dispatch::Answer answer = AnswerOf("open_session", opened.status());
    answer_(dispatch::SessionOpened{e->stream, answer, ValueOr(opened)});
  } else if (const auto* e = std::get_if<dispatch::ReadClaims>(&effect)) {
    auto states = store_.ReadClaims(CallScope(), e->jobs);
    const dispatch::Answer answer = AnswerOf("read_claims", states.status());
    answer_(dispatch::ClaimsRead{answer, e->jobs, ValueOr(states)});
  } else if (const auto* e = std::get_if<dispatch::RenewSessions>(&effect)) {
    auto gone = store_.RenewSessions(CallScope(), epoch_, e->sessions, domain::kLease);
    const dispatch::Answer answer = AnswerOf("renew_sessions", gone.status());
    answer_(dispatch::SessionsRenewed{answer, ValueOr(gone)});
  } else if (std::holds_alternative<dispatch::ExtendLeases>(effect)) {
    answer_(
        dispatch::LeasesExtended{AnswerOf("extend_leases", store_.ExtendLeases(CallScope(), epoch_, domain::kLease))});
  } else if (std::holds_alternative<dispatch::ExpireSessions>(effect)) {
    Expire();
  } else if (const auto* e = std::get_if<dispatch::EndSessions>(&effect)) {
    auto ended = store_.EndSessions(CallScope(), epoch_, e->sessions);
    const dispatch::Answer answer = AnswerOf("end_sessions", ended.status());
    answer_(dispatch::SessionsEnded{answer, ValueOr(ended)});
  } else if (const auto* e = std::get_if<dispatch::LoseAttempts>(&effect)) {
    auto lost = store_.LoseAttempts(CallScope(), epoch_, e->tokens);
    const dispatch::Answer answer = AnswerOf("lose_attempts", lost.status());
    answer_(dispatch::AttemptsLost{answer, e->tokens, ValueOr(lost)});
  } else if (const auto* e = std::get_if<dispatch::LoadQueue>(&effect)) {
    auto jobs = store_.LoadQueue(CallScope(), e->after, e->limit);
    const dispatch::Answer answer = AnswerOf("load_queue", jobs.status());
    answer_(dispatch::QueueLoaded{answer, e->after, e->issued, ValueOr(jobs)});
  }
}

void StoreLane::Expire() {
  absl::Duration waited;
  {
    const absl::MutexLock lock(&mutex_);
    waited = absl::Now() - expiry_added_;
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
  if (absl::IsFailedPrecondition(status) && !std::exchange(told_lost_, true)) {
    if (lost_) lost_(status);
  }
  return absl::IsUnknown(status) ? dispatch::Answer::kUnknown : dispatch::Answer::kFailed;
}

}  // namespace gofarm::service
