#include "tests/sim/world.h"

#include <algorithm>

#include "common/base/text.h"

namespace gofarm::sim {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(500);
constexpr absl::Duration kExpiryWaitMax = absl::Seconds(10);  // that of service/store_lane.h

uint64_t Mix(uint64_t hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211ull;
  return hash;
}

}  // namespace

void SimCounts::Add(const SimCounts& o) {
  steps += o.steps, coordinator_crashes += o.coordinator_crashes, coordinator_stops += o.coordinator_stops,
      coordinator_pauses += o.coordinator_pauses, takeovers += o.takeovers, returns_to_lead += o.returns_to_lead,
      deposals += o.deposals, worker_crashes += o.worker_crashes;
  breaks += o.breaks, partitions += o.partitions, store_outages += o.store_outages;
  unknown_answers += o.unknown_answers, dropped += o.dropped, duplicated += o.duplicated;
  unasked_cancels += o.unasked_cancels, zombie_writes += o.zombie_writes, goodbyes += o.goodbyes, cancels += o.cancels,
      drains += o.drains, removals += o.removals, accepted += o.accepted;
  lost += o.lost, kept += o.kept, stale_accepts += o.stale_accepts, stale_completions += o.stale_completions;
  repeated_completions += o.repeated_completions, not_accepted_yet += o.not_accepted_yet;
}

SimResult Simulate(const SimOptions& options) { return World(options).Run(); }

World::World(const SimOptions& options)
    : options_(options),
      random_state_(options.seed * 0x9E3779B97F4A7C15ull + 1),
      store_(clock_, options.fences),
      store_up_at_(start_),
      leader_since_(start_) {
  result_.fingerprint = 14695981039346656037ull;
}

// splitmix64: the same numbers with every library.
uint64_t World::Next() {
  uint64_t z = (random_state_ += 0x9E3779B97F4A7C15ull);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

void World::After(absl::Duration delay, std::function<void()> what) {
  agenda_.emplace(std::pair(clock_.now + delay, ++agenda_count_), std::move(what));
}

void World::Say(const std::function<std::string()>& line) {
  if (!options_.trace) return;
  const double at = absl::ToDoubleSeconds(clock_.now - start_);
  result_.trace.push_back(Cat(absl::StrCat(at), "s ", line()));
  result_.fingerprint = Mix(result_.fingerprint, result_.trace.back());
}

void World::Fail(std::string why) {
  if (result_.violation.empty())
    result_.violation = Cat("at ", absl::ToDoubleSeconds(clock_.now - start_), " s: ", why);
  Say([&] { return Cat("VIOLATION ", why); });
}

SimResult World::Run() {
  const int workers = 1 + static_cast<int>(Next() % 4);
  for (int i = 0; i < workers; ++i) {
    Worker& worker = workers_.emplace_back();
    worker.index = i;
    worker.name = Cat("w", i);
    worker.slots = 1 + static_cast<int>(Next() % 3);
  }
  for (int i = 0; i < kCoordinators; ++i) {
    Coordinator& coordinator = coordinators_.emplace_back();
    coordinator.index = i;
    coordinator.name = Cat("c", i);
  }
  for (int i = 0; i < kCoordinators; ++i) After(i * absl::Milliseconds(100), [this, i] { StartCoordinator(i); });
  for (int i = 0; i < workers; ++i) After(Between({}, absl::Seconds(5)), [this, i] { StartWorker(i); });
  PlanJobs();
  PlanFaults();
  while (!agenda_.empty() && result_.violation.empty()) {
    const auto next = agenda_.begin();
    if (next->first.first > start_ + kSettledBy) break;
    clock_.now = next->first.first;
    const std::function<void()> what = std::move(next->second);
    agenda_.erase(next);
    what();
    ++result_.counts.steps;
    if (!Faulty() && Settled()) return std::move(result_);
  }
  if (result_.violation.empty()) Fail(Unsettled());
  return std::move(result_);
}

// ---- dispatcher -----------------------------------------------------------------------------------------------------

void World::TickDispatcher(int64_t epoch) {
  const Coordinator* coordinator = Leading(epoch);
  if (coordinator == nullptr) return;
  // A paused one runs no timer, and one tick when it wakes.
  if (clock_.now >= coordinator->paused_until) Tell(dispatch::Tick{}, epoch);
  After(std::max(kTick, coordinator->paused_until - clock_.now), [this, epoch] { TickDispatcher(epoch); });
}

void World::Tell(const dispatch::Event& event, int64_t epoch) {
  Coordinator* coordinator = Leading(epoch);
  if (coordinator == nullptr) return;
  if (clock_.now < coordinator->paused_until) {
    return After(coordinator->paused_until - clock_.now, [this, event, epoch] { Tell(event, epoch); });
  }
  for (const dispatch::Effect& effect : dispatch::Step(*coordinator->state, event, clock_.now)) {
    Carry(*coordinator, effect);
  }
  CheckCoordinator(*coordinator);
}

World::LinkPtr World::LinkOf(dispatch::StreamId stream) const {
  const auto it = links_.find(stream);
  return it == links_.end() ? nullptr : it->second;
}

void World::ToWorker(dispatch::StreamId stream, const std::string& what,
                     std::function<agent::Event(const LinkPtr&)> message) {
  const LinkPtr link = LinkOf(stream);
  if (link == nullptr) return;
  Deliver(link, what, [this, link, message] {
    Worker& worker = workers_[static_cast<size_t>(link->worker)];
    if (worker.up && worker.life == link->worker_life && !link->worker_knows) Tell(worker, message(link));
  });
}

void World::ToWorker(const dispatch::Send& send, int64_t epoch) {
  struct Carrier {
    World& world;
    const dispatch::StreamId stream;
    const int64_t epoch;

    void operator()(const dispatch::Welcome& e) const {
      world.result_.counts.kept += static_cast<int64_t>(e.keep.size());
      world.ToWorker(stream, Cat("Welcome session ", e.session.value), [e, epoch = epoch](const LinkPtr& link) {
        return agent::WelcomeReceived{link->number, epoch,  e.session, domain::kHeartbeatInterval,
                                      e.keep,       e.drop, {"t"}};
      });
    }
    void operator()(const Offer& e) const {
      world.ToWorker(stream, Cat("Offer token ", e.token.value, " job ", e.job.value),
                     [offer = e, epoch = epoch](const LinkPtr& link) {
                       return agent::OfferReceived{link->number, epoch, offer};
                     });
    }
    void operator()(const dispatch::Cancel& e) const {
      world.ToWorker(stream, Cat("Cancel token ", e.token.value), [e, epoch = epoch](const LinkPtr& link) {
        return agent::CancelReceived{link->number, epoch, e.token};
      });
    }
    void operator()(const dispatch::Drop& e) const {
      world.ToWorker(stream, Cat("Drop token ", e.token.value), [e, epoch = epoch](const LinkPtr& link) {
        return agent::DropReceived{link->number, epoch, e.token};
      });
    }
    void operator()(const dispatch::Drain&) const {
      world.ToWorker(stream, "Drain", [epoch = epoch](const LinkPtr& link) {
        return agent::DrainReceived{link->number, epoch};
      });
    }
  };
  std::visit(Carrier{*this, send.stream, epoch}, send.message);
}

void World::Carry(Coordinator& coordinator, const dispatch::Effect& effect) {
  struct Carrier {
    World& world;
    Coordinator& coordinator;

    void operator()(const dispatch::StoreCall& e) const { world.Lane(coordinator, e); }
    void operator()(const dispatch::Send& e) const { world.ToWorker(e, coordinator.epoch); }
    void operator()(const dispatch::Close& e) const {
      // The end of a stream does not pass where nothing else does: its worker learns of it in its own time, and may
      // have completed by then what the coordinator gave up.
      if (const LinkPtr link = world.LinkOf(e.stream)) {
        world.Break(link, link->broken ? absl::Minutes(2) : world.Between({}, absl::Seconds(1)), absl::Milliseconds(1));
      }
    }
    void operator()(const dispatch::NoteOffered&) const {}
    void operator()(const dispatch::NoteRunning&) const {}
    void operator()(const dispatch::NoteLost& e) const {
      ++world.result_.counts.lost;
      world.Say([&] { return Cat("coordinator: token ", e.token.value, " of job ", e.job.id.value, " is lost"); });
    }
    void operator()(const dispatch::NoteLostUnseen& e) const {
      ++world.result_.counts.lost;
      world.Say([&] { return Cat("coordinator: token ", e.attempt.token.value, ", not seen here, is lost"); });
    }
  };
  std::visit(Carrier{*this, coordinator}, effect);
}

// The lane: one call after the other, each with its own fate.
void World::Lane(Coordinator& coordinator, const dispatch::StoreCall& effect) {
  absl::Duration takes = Between(absl::Milliseconds(1), absl::Milliseconds(20));
  if (Faulty() && Chance(0.03)) takes = Between(absl::Seconds(1), absl::Seconds(12));
  const int64_t epoch = coordinator.epoch;
  // Loads of the queue have a lane of their own.
  absl::Time& free =
      std::holds_alternative<dispatch::LoadQueue>(effect) ? coordinator.loads_free : coordinator.lane_free;
  free = std::max(free, clock_.now) + takes;
  After(free - clock_.now, [this, effect, epoch] { CallStore(effect, epoch); });
}

void World::CallStore(const dispatch::StoreCall& effect, int64_t epoch) {
  Coordinator* coordinator = Leading(epoch);
  if (coordinator != nullptr && clock_.now < coordinator->paused_until) {
    const absl::Duration wait = coordinator->paused_until - clock_.now;
    // As the store lane: an expiry that waited for long is not made, since the renewals waited as long.
    if (std::holds_alternative<dispatch::ExpireSessions>(effect) && wait > kExpiryWaitMax) {
      return Tell(dispatch::SessionsEnded{dispatch::Answer::kFailed, {}}, epoch);  // when it wakes
    }
    return After(wait, [this, effect, epoch] { CallStore(effect, epoch); });
  }
  if (coordinator == nullptr) {
    // Sent before its coordinator died: it may still reach the store, and nobody hears the answer.
    if (Chance(0.4)) return;
    const absl::Duration late = Chance(0.5) ? absl::ZeroDuration() : Between({}, absl::Seconds(60));
    After(late, [this, effect, epoch] {
      if (store_down_) return;
      ++result_.counts.zombie_writes;
      Say([&] { return Cat("store: call of a dead coordinator, epoch ", epoch); });
      const std::string before = StoreText();
      Execute(effect, epoch, dispatch::Answer::kDone, /*run=*/true);
      if (epoch < store_.epoch() && StoreText() != before)
        Fail(Cat("the leader of epoch ", epoch, " wrote after its end"));
      CheckStore();
    });
    return;
  }
  dispatch::Answer forced = dispatch::Answer::kDone;
  bool run = true;
  if (store_down_ || (Faulty() && Chance(0.03))) {
    forced = dispatch::Answer::kFailed;
    run = false;
  } else if (Faulty() && Chance(0.03)) {
    forced = dispatch::Answer::kUnknown;
    run = Chance(0.5);
    ++result_.counts.unknown_answers;
  }
  // Trouble comes together: the answer to an Accept is lost and so is the worker's stream, so that the repeat may find
  // the session replaced and the job elsewhere.
  if (const auto* e = std::get_if<dispatch::StoreAccept>(&effect); e != nullptr && Faulty() && Chance(0.06)) {
    forced = dispatch::Answer::kUnknown;
    run = run && Chance(0.3);
    ++result_.counts.unknown_answers;
    const auto session = coordinator->state->sessions.find(e->offer.session);
    if (session != coordinator->state->sessions.end()) {
      if (const LinkPtr link = LinkOf(session->second.stream))
        Break(link, absl::Milliseconds(1), absl::Milliseconds(1));
    }
  }
  const bool over = epoch < store_.epoch();
  const std::string before = over ? StoreText() : "";
  std::optional<dispatch::Event> answer = Execute(effect, epoch, forced, run);
  if (over && StoreText() != before) Fail(Cat("the leader of epoch ", epoch, " wrote after its end"));
  CheckStore();
  if (answer) Answer(std::move(*answer), *coordinator);
  // What the store lane tells of a call that was refused because another coordinator leads.
  const bool reads =
      std::holds_alternative<dispatch::LoadQueue>(effect) || std::holds_alternative<dispatch::ReadClaims>(effect);
  if (over && run && !reads && options_.fences.epoch) Tell(*coordinator, leadership::Deposed{"refused"});
}

void World::Answer(dispatch::Event event, Coordinator& coordinator) {
  const absl::Duration takes = Between({}, absl::Milliseconds(5));
  coordinator.answers_free = std::max(coordinator.answers_free, clock_.now) + takes;
  After(coordinator.answers_free - clock_.now,
        [this, event = std::move(event), epoch = coordinator.epoch] { Tell(event, epoch); });
}

namespace {
template <typename T>
T ValueOf(absl::StatusOr<T> result, dispatch::Answer& answer) {
  if (result.ok()) return *std::move(result);
  answer = dispatch::Answer::kFailed;
  return T{};
}
}  // namespace

// `run`: whether the store does it; `forced`: what the coordinator hears, if the store does not fail by itself.
std::optional<dispatch::Event> World::Execute(const dispatch::StoreCall& effect, int64_t epoch, dispatch::Answer forced,
                                              bool run) {
  dispatch::Answer answer = forced;
  const bool told = forced == dispatch::Answer::kDone;
  const Scope scope;
  if (const auto* e = std::get_if<dispatch::OpenSession>(&effect)) {
    domain::OpenedSession opened;
    if (run) opened = ValueOf(store_.OpenSession(scope, epoch, e->request, domain::kLease), answer);
    Say([&] {
      return Cat("store: open session ", opened.session.value, " of ", e->request.name, ", kept ", opened.kept.size(),
                 " lost ", opened.lost.size(), " answer ", static_cast<int>(answer));
    });
    return dispatch::SessionOpened{e->stream, answer, told ? opened : domain::OpenedSession{}};
  }
  if (const auto* e = std::get_if<dispatch::Claim>(&effect)) {
    std::vector<domain::ClaimResult> results;
    if (run) results = ValueOf(store_.ClaimOffers(scope, epoch, e->claims), answer);
    for (const domain::ClaimResult& result : results) {
      if (!result.token) continue;
      if (!offered_.emplace(result.token, result.job).second)
        Fail(Cat("token ", result.token.value, " was given out twice"));
      Say([&] {
        return Cat("store: token ", result.token.value, " for job ", result.job.value, " session ",
                   result.session.value, " answer ", static_cast<int>(answer));
      });
    }
    return dispatch::ClaimsAnswered{answer, e->claims, told ? results : std::vector<domain::ClaimResult>{}};
  }
  if (const auto* e = std::get_if<dispatch::ReadClaims>(&effect)) {
    std::vector<domain::ClaimState> states;
    if (run) states = ValueOf(store_.ReadClaims(scope, e->jobs), answer);
    return dispatch::ClaimsRead{answer, e->jobs, told ? states : std::vector<domain::ClaimState>{}};
  }
  if (const auto* e = std::get_if<dispatch::StoreAccept>(&effect)) {
    std::vector<domain::AcceptOutcome> outcomes;
    if (run) outcomes = ValueOf(store_.AcceptOffers(scope, epoch, {e->offer}), answer);
    const bool stale = !outcomes.empty() && outcomes[0] == domain::AcceptOutcome::kStale;
    result_.counts.stale_accepts += stale;
    Say([&] {
      return Cat("store: accept token ", e->offer.token.value, stale ? " stale" : " ", " answer ",
                 static_cast<int>(answer));
    });
    return dispatch::AcceptsAnswered{answer, {e->offer}, told ? outcomes : std::vector<domain::AcceptOutcome>{}};
  }
  if (const auto* e = std::get_if<dispatch::StoreReturn>(&effect)) {
    std::vector<domain::ReturnOutcome> outcomes;
    if (run) outcomes = ValueOf(store_.ReturnOffers(scope, epoch, {e->offer}), answer);
    Say([&] { return Cat("store: return token ", e->offer.token.value, " answer ", static_cast<int>(answer)); });
    return dispatch::ReturnsAnswered{answer, {e->offer}, told ? outcomes : std::vector<domain::ReturnOutcome>{}};
  }
  if (const auto* e = std::get_if<dispatch::RenewSessions>(&effect)) {
    std::vector<SessionId> gone;
    if (run) gone = ValueOf(store_.RenewSessions(scope, epoch, e->sessions, domain::kLease), answer);
    return dispatch::SessionsRenewed{answer, told ? gone : std::vector<SessionId>{}};
  }
  if (std::holds_alternative<dispatch::ExtendLeases>(effect)) {
    if (run && !store_.ExtendLeases(scope, epoch, domain::kLease).ok()) answer = dispatch::Answer::kFailed;
    return dispatch::LeasesExtended{answer};
  }
  if (std::holds_alternative<dispatch::ExpireSessions>(effect)) {
    domain::ExpiredSessions ended;
    if (run) ended = ValueOf(store_.ExpireSessions(scope, epoch), answer);
    for (const SessionId id : ended.sessions) Say([&] { return Cat("store: session ", id.value, " expired"); });
    CheckExpiry(ended, epoch);
    return dispatch::SessionsEnded{answer, told ? ended : domain::ExpiredSessions{}};
  }
  if (const auto* e = std::get_if<dispatch::EndSessions>(&effect)) {
    domain::ExpiredSessions ended;
    if (run) ended = ValueOf(store_.EndSessions(scope, epoch, e->sessions), answer);
    return dispatch::SessionsEnded{answer, told ? ended : domain::ExpiredSessions{}};
  }
  if (const auto* e = std::get_if<dispatch::LoseAttempts>(&effect)) {
    std::vector<domain::LostAttempt> lost;
    if (run) lost = ValueOf(store_.LoseAttempts(scope, epoch, e->tokens), answer);
    return dispatch::AttemptsLost{answer, e->tokens, told ? lost : std::vector<domain::LostAttempt>{}};
  }
  if (const auto* e = std::get_if<dispatch::LoadQueue>(&effect)) {
    domain::LoadedQueue queue;
    if (run) queue = ValueOf(store_.LoadQueue(scope, e->after, e->limit), answer);
    if (!told) queue = {};
    return dispatch::QueueLoaded{answer,         e->after,          e->issued, std::move(queue.jobs),
                                 queue.more_due, queue.more_delayed};
  }
  return std::nullopt;
}

}  // namespace gofarm::sim
