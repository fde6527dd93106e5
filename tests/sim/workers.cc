// The workers of the simulated farm, and the network between them and the coordinator.
#include <algorithm>

#include "common/base/text.h"
#include "coordinator/domain/placement.h"
#include "tests/sim/world.h"

namespace gofarm::sim {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(500);

}  // namespace

void World::TickWorker(int index, int life) {
  Worker& worker = workers_[static_cast<size_t>(index)];
  if (!worker.up || worker.life != life) return;
  Tell(worker, agent::Tick{Random()});
  After(kTick, [this, index, life] { TickWorker(index, life); });
}

void World::Tell(Worker& worker, const agent::Event& event) {
  if (!worker.up) return;
  const int life = worker.life;
  for (const agent::Effect& effect : agent::Step(*worker.state, event, clock_.now)) {
    if (worker.life == life && worker.up) Carry(worker, effect);
  }
  if (worker.up) CheckWorker(worker);
}

// ---- network --------------------------------------------------------------------------------------------------------

void World::Deliver(const LinkPtr& link, const std::string& what, std::function<void()> arrive) {
  if (Faulty() && Chance(0.02)) {
    ++result_.counts.dropped;
    Say([&] { return Cat("network: dropped ", what); });
    return;
  }
  int copies = 1;
  if (Faulty() && Chance(0.02)) {
    ++result_.counts.duplicated;
    copies = 2;
  }
  for (int i = 0; i < copies; ++i) {
    // Every message has a delay of its own: later ones overtake earlier ones.
    absl::Duration delay = Between(absl::Milliseconds(1), absl::Milliseconds(40));
    if (Faulty() && Chance(0.03)) delay = Between(absl::Seconds(1), absl::Seconds(14));
    After(delay, [this, link, what, arrive] {
      if (link->broken) return;
      Say([&] { return what; });
      arrive();
    });
  }
}

void World::Break(const LinkPtr& link, absl::Duration worker_learns, absl::Duration coordinator_learns) {
  link->broken = true;
  After(worker_learns, [this, link] {
    Worker& worker = workers_[static_cast<size_t>(link->worker)];
    if (std::exchange(link->worker_knows, true) || !worker.up || worker.life != link->worker_life) return;
    Say([&] { return Cat(worker.name, ": link ", link->number, " is gone"); });
    Tell(worker, agent::Disconnected{link->number, Random()});
  });
  After(coordinator_learns, [this, link] {
    if (std::exchange(link->coordinator_knows, true)) return;
    links_.erase(link->stream);
    Say([&] { return Cat("coordinator: stream ", link->stream.value, " is gone"); });
    Tell(dispatch::StreamClosed{link->stream}, link->epoch);
  });
}

void World::DialNow(int index, int life, int64_t number) {
  Worker& worker = workers_[static_cast<size_t>(index)];
  if (!worker.up || worker.life != life || worker.state->link_number != number) return;
  // A paused one still has its listener; one that stands by refuses the stream.
  const Coordinator& dialled = coordinators_[static_cast<size_t>(worker.state->address)];
  if (!dialled.up || dialled.state == nullptr || worker.partitioned) {
    After(Between(absl::Milliseconds(1), absl::Seconds(2)), [this, index, life, number] {
      Worker& late = workers_[static_cast<size_t>(index)];
      if (late.up && late.life == life) Tell(late, agent::Disconnected{number, Random()});
    });
    return;
  }
  const auto link = std::make_shared<Link>();
  link->number = number;
  link->worker = index;
  link->worker_life = life;
  link->epoch = dialled.epoch;
  link->stream = dispatch::StreamId{++last_stream_};
  links_[link->stream] = link;
  worker.link = link;
  Say([&] { return Cat(worker.name, ": link ", number, " is stream ", link->stream.value); });
  Tell(worker, agent::Connected{number});
}

void World::ToCoordinator(Worker& worker, const std::string& what,
                          std::function<dispatch::Event(dispatch::StreamId)> message) {
  const LinkPtr link = worker.link;
  if (link == nullptr) return;
  Deliver(link, Cat(worker.name, " -> ", what), [this, link, message] {
    if (!link->coordinator_knows) Tell(message(link->stream), link->epoch);
  });
}

dispatch::Event World::HelloOf(const Worker& worker, const std::vector<AnnouncedAttempt>& attempts,
                               dispatch::StreamId stream) const {
  domain::SessionRequest request;
  request.name = worker.name;
  request.instance = Cat(worker.life);
  request.targets = worker.state->config.targets;
  request.slots = worker.slots;
  request.attempts = attempts;
  return dispatch::HelloReceived{stream, std::move(request)};
}

// ---- effects --------------------------------------------------------------------------------------------------------

void World::Carry(Worker& worker, const agent::Effect& effect) {
  const int index = worker.index;
  const int life = worker.life;
  if (const auto* e = std::get_if<agent::Dial>(&effect)) {
    if (worker.link != nullptr) Break(worker.link, {}, Between({}, absl::Seconds(1)));
    worker.link = nullptr;
    After(e->after + Between(absl::Milliseconds(1), absl::Milliseconds(50)),
          [this, index, life, number = e->link] { DialNow(index, life, number); });
  } else if (std::holds_alternative<agent::Hangup>(effect)) {
    if (worker.link != nullptr) Break(worker.link, absl::Milliseconds(1), Between({}, absl::Seconds(1)));
  } else if (const auto* e = std::get_if<agent::SendHello>(&effect)) {
    const dispatch::Event hello = HelloOf(worker, e->attempts, worker.link->stream);
    ToCoordinator(worker, Cat("Hello with ", e->attempts.size()), [hello](dispatch::StreamId) { return hello; });
  } else if (const auto* e = std::get_if<agent::SendReady>(&effect)) {
    ToCoordinator(worker, Cat("Ready ", e->free_slots), [e = *e](dispatch::StreamId stream) {
      return dispatch::ReadyReceived{stream, e.free_slots, e.draining, e.disk_full};
    });
  } else if (const auto* e = std::get_if<agent::SendAccept>(&effect)) {
    accepted_by_[e->token] = index;
    ++result_.counts.accepted;
    ToCoordinator(worker, Cat("Accept token ", e->token.value), [e = *e](dispatch::StreamId stream) {
      return dispatch::AcceptReceived{stream, e.token};
    });
  } else if (const auto* e = std::get_if<agent::SendRefuse>(&effect)) {
    ToCoordinator(worker, Cat("Refuse token ", e->token.value), [e = *e](dispatch::StreamId stream) {
      return dispatch::RefuseReceived{stream, e.token, e.reason, e.detail};
    });
  } else if (std::holds_alternative<agent::SendHeartbeat>(effect)) {
    ToCoordinator(worker, "Heartbeat", [](dispatch::StreamId stream) { return dispatch::HeartbeatReceived{stream}; });
  } else if (std::holds_alternative<agent::SendGoodbye>(effect)) {
    ++result_.counts.goodbyes;
    ToCoordinator(worker, "Goodbye", [](dispatch::StreamId stream) { return dispatch::GoodbyeReceived{stream}; });
  } else if (const auto* e = std::get_if<agent::StartBuild>(&effect)) {
    Build& build = worker.builds[e->offer.token];
    if (!build.offer.module.empty()) Fail(Cat(worker.name, " builds token ", e->offer.token.value, " twice at once"));
    build.offer = e->offer;
    const double kind = Random();
    if (kind < 0.1) build.outcome = AttemptOutcome::kNothingToBuild;
    if (kind > 0.75) {
      build.outcome = AttemptOutcome::kFailed;
      build.failure = kind > 0.9    ? FailureClass::kProxyError
                      : kind > 0.82 ? FailureClass::kTimeout
                                    : FailureClass::kCompileError;
    }
    const double size = Random();
    // Those longer than a lease may end when the coordinator has given them up.
    const absl::Duration takes = size < 0.5    ? Between(absl::Milliseconds(20), absl::Seconds(3))
                                 : size < 0.75 ? Between(absl::Seconds(3), absl::Seconds(20))
                                               : Between(absl::Seconds(20), absl::Seconds(70));
    const AttemptToken token = e->offer.token;
    After(takes, [this, index, life, token] { FinishBuild(index, life, token); });
    After(takes / 2, [this, index, life, token] { AppendLog(index, life, token); });
  } else if (const auto* e = std::get_if<agent::StopBuild>(&effect)) {
    Say([&] { return Cat(worker.name, ": stops token ", e->token.value); });
    worker.builds.at(e->token).cancelled = true;
    After(Between({}, absl::Seconds(3)), [this, index, life, token = e->token] { FinishBuild(index, life, token); });
  } else if (const auto* e = std::get_if<agent::SendComplete>(&effect)) {
    After(Between(absl::Milliseconds(1), absl::Milliseconds(60)),
          [this, index, life, token = e->token] { CallComplete(index, life, token); });
  } else if (const auto* e = std::get_if<agent::DiscardResult>(&effect)) {
    const auto build = worker.builds.find(e->token);
    if (build == worker.builds.end() || build->second.running) {
      Fail(Cat(worker.name, " discards token ", e->token.value, " which it does not hold or still builds"));
      return;
    }
    worker.builds.erase(build);
  } else if (std::holds_alternative<agent::Exit>(effect)) {
    // The stream is flushed before it is closed.
    if (worker.link != nullptr) {
      After(absl::Milliseconds(100), [this, link = worker.link] { Break(link, {}, absl::Milliseconds(50)); });
    }
    Say([&] { return Cat(worker.name, ": left"); });
    worker.up = false;
    worker.link = nullptr;
    worker.builds.clear();
    After(Between(absl::Seconds(1), absl::Seconds(20)), [this, index] { StartWorker(index); });
  }
}

void World::FinishBuild(int index, int life, AttemptToken token) {
  Worker& worker = workers_[static_cast<size_t>(index)];
  if (!worker.up || worker.life != life) return;
  const auto build = worker.builds.find(token);
  if (build == worker.builds.end() || !std::exchange(build->second.running, false)) return;
  if (build->second.cancelled) {
    build->second.outcome = AttemptOutcome::kCancelled;
  } else if (Faulty() && Chance(0.02)) {
    ++result_.counts.unasked_cancels;  // a broken worker
    build->second.outcome = AttemptOutcome::kCancelled;
    build->second.failure = FailureClass::kNone;
  }
  Say([&] { return Cat(worker.name, ": finished token ", token.value); });
  Tell(worker, agent::AttemptFinished{token});
}

// A log append in the middle of the build: the first to learn of a token that is dead.
void World::AppendLog(int index, int life, AttemptToken token) {
  Worker& worker = workers_[static_cast<size_t>(index)];
  if (!worker.up || worker.life != life || !worker.builds.contains(token)) return;
  if (Reached(worker) == nullptr || store_down_) return;
  const auto attempt = store_.attempts().find(token);
  if (attempt != store_.attempts().end() && attempt->second.outcome == AttemptOutcome::kRunning) return;
  const auto& job = store_.jobs().at(worker.builds.at(token).offer.job);
  if (job.state == JobState::kQueued && job.token == token) return;  // its Accept is not stored yet
  Tell(worker, agent::AttemptStale{token});
}

void World::CallComplete(int index, int life, AttemptToken token) {
  Worker& worker = workers_[static_cast<size_t>(index)];
  if (!worker.up || worker.life != life) return;
  const auto tell = [this, index, life, token](agent::CompleteAnswer answer, absl::Duration delay) {
    After(delay, [this, index, life, token, answer] {
      Worker& late = workers_[static_cast<size_t>(index)];
      if (late.up && late.life == life) Tell(late, agent::CompleteAnswered{token, answer, Random()});
    });
  };
  const auto retry = [&] { tell(agent::CompleteAnswer::kRetry, Between(absl::Milliseconds(1), absl::Seconds(3))); };
  const Coordinator* reached = Reached(worker);
  if (reached == nullptr || store_down_ || (Faulty() && Chance(0.05))) return retry();
  const bool unknown = Faulty() && Chance(0.05);
  if (unknown && Chance(0.5)) return retry();  // never reached the store

  const Build& build = worker.builds.at(token);
  domain::CompletedAttempt completed{.token = token, .job = build.offer.job};
  completed.outcome = build.outcome;
  completed.failure_class = build.failure;
  const domain::CompleteResult result = store_.Complete(completed, dispatch::ContextOf(*reached->state, token));
  CheckCompletion(worker, completed, result);
  CheckStore();
  Say([&] {
    return Cat(worker.name, ": completes token ", token.value, " outcome ", static_cast<int>(result.outcome),
               " job state ", static_cast<int>(result.job_state));
  });
  if (unknown) return retry();  // the store took it, the coordinator does not know
  const int64_t epoch = reached->epoch;
  if (result.outcome == domain::CompleteOutcome::kEnded) {
    const dispatch::AttemptEnded ended{.token = token,
                                       .job = completed.job,
                                       .requeued = result.requeued,
                                       .outcome = result.recorded,
                                       .failure = result.recorded_failure};
    After(Between({}, absl::Milliseconds(20)), [this, ended, epoch] { Tell(ended, epoch); });
  }
  if (Faulty() && Chance(0.05)) return retry();  // the answer is lost on its way
  const agent::CompleteAnswer answer =
      result.outcome == domain::CompleteOutcome::kEnded   ? agent::CompleteAnswer::kRecorded
      : result.outcome == domain::CompleteOutcome::kStale ? agent::CompleteAnswer::kStale
                                                          : agent::CompleteAnswer::kRetry;
  tell(answer, Between(absl::Milliseconds(1), absl::Milliseconds(60)));
}

}  // namespace gofarm::sim
