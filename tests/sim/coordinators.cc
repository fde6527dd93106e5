// The two coordinators of the simulated farm: which of them leads, and how they crash, stop and are paused.
#include <algorithm>

#include "common/base/text.h"
#include "tests/sim/world.h"

namespace gofarm::sim {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(200);

}  // namespace

World::Coordinator* World::Leading(int64_t epoch) {
  for (Coordinator& coordinator : coordinators_) {
    if (coordinator.up && coordinator.state != nullptr && coordinator.epoch == epoch) return &coordinator;
  }
  return nullptr;
}

World::Coordinator* World::Reached(const Worker& worker) {
  if (worker.partitioned) return nullptr;
  Coordinator& coordinator = coordinators_[static_cast<size_t>(worker.state->address)];
  if (!coordinator.up || coordinator.state == nullptr || clock_.now < coordinator.paused_until) return nullptr;
  return &coordinator;
}

World::Coordinator* World::AnyLeading() {
  std::vector<Coordinator*> leading;
  for (Coordinator& coordinator : coordinators_) {
    if (coordinator.up && coordinator.state != nullptr) leading.push_back(&coordinator);
  }
  return leading.empty() ? nullptr : leading[Next() % leading.size()];
}

void World::TickLeadership(int index, int life) {
  Coordinator& coordinator = coordinators_[static_cast<size_t>(index)];
  if (!coordinator.up || coordinator.life != life) return;
  if (clock_.now >= coordinator.paused_until) Tell(coordinator, leadership::Tick{});
  if (!coordinator.up || coordinator.life != life) return;
  After(std::max(kTick, coordinator.paused_until - clock_.now), [this, index, life] { TickLeadership(index, life); });
}

void World::Tell(Coordinator& coordinator, const leadership::Event& event) {
  if (!coordinator.up) return;
  const int index = coordinator.index;
  const int life = coordinator.life;
  if (clock_.now < coordinator.paused_until) {
    return After(coordinator.paused_until - clock_.now, [this, index, life, event] {
      Coordinator& late = coordinators_[static_cast<size_t>(index)];
      if (late.life == life) Tell(late, event);
    });
  }
  const leadership::Role before = coordinator.leadership.role;
  const std::vector<leadership::Effect> effects = leadership::Step(coordinator.leadership, event, clock_.now);
  for (const leadership::Effect& effect : effects) {
    absl::Duration takes = Between(absl::Milliseconds(1), absl::Milliseconds(20));
    if (Faulty() && Chance(0.03)) takes = Between(absl::Seconds(1), absl::Seconds(5));
    After(takes, [this, index, life, effect] { CallStore(index, life, effect); });
  }
  const leadership::Role role = coordinator.leadership.role;
  if (role == before) return;
  if (role == leadership::Role::kLeading) {
    BeginLeading(coordinator);
  } else if (role == leadership::Role::kEnding) {
    ++result_.counts.deposals;
    Say([&] { return Cat(coordinator.name, ": deposed, epoch ", coordinator.epoch); });
    // Its threads end in their own time.
    After(Between({}, absl::Seconds(2)), [this, index, life] {
      Coordinator& late = coordinators_[static_cast<size_t>(index)];
      if (late.life != life || !late.up) return;
      EndLeading(late);
      Tell(late, leadership::Ended{});
    });
  }
}

void World::CallStore(int index, int life, const leadership::Effect& effect) {
  Coordinator& coordinator = coordinators_[static_cast<size_t>(index)];
  if (!coordinator.up || coordinator.life != life) return;
  if (clock_.now < coordinator.paused_until) {
    return After(coordinator.paused_until - clock_.now,
                 [this, index, life, effect] { CallStore(index, life, effect); });
  }
  std::optional<leadership::Event> answer;
  const bool lost_answer = Faulty() && Chance(0.03);
  const bool never_arrived = store_down_ || (Faulty() && Chance(0.03));
  if (!never_arrived) answer = Execute(coordinator, effect);
  if (std::holds_alternative<leadership::Release>(effect)) return;
  if (std::holds_alternative<leadership::HoldFolder>(effect)) return Tell(coordinator, leadership::FolderHeld{});
  if (lost_answer || never_arrived) answer = leadership::CallFailed{"the store does not answer"};
  if (answer) Tell(coordinator, *answer);
}

std::optional<leadership::Event> World::Execute(Coordinator& coordinator, const leadership::Effect& effect) {
  const Scope scope;
  const absl::Duration lease = coordinator.leadership.timing.lease;
  if (std::holds_alternative<leadership::Take>(effect)) {
    const leadership::TakeAnswer answer =
        *store_.Take(scope, {.id = coordinator.name, .holder = coordinator.name}, lease);
    if (answer.taken) CheckTake(coordinator);
    return leadership::TakeAnswered{answer};
  }
  if (const auto* e = std::get_if<leadership::Renew>(&effect)) {
    if (!store_.Renew(scope, e->epoch, lease).ok()) return leadership::Deposed{"another one leads"};
    if (e->epoch == store_.epoch()) leader_until_ = clock_.now + lease;
    return leadership::Renewed{};
  }
  if (const auto* e = std::get_if<leadership::Release>(&effect)) {
    (void)store_.Release(scope, e->epoch);
    if (e->epoch == store_.epoch()) leader_until_ = std::min(leader_until_, clock_.now);
  }
  return std::nullopt;
}

void World::BeginLeading(Coordinator& coordinator) {
  coordinator.epoch = coordinator.leadership.leader.epoch;
  Say([&] { return Cat(coordinator.name, ": leads, epoch ", coordinator.epoch); });
  // As the process: it ends when it cannot begin, and its supervisor starts it anew.
  if (store_down_ || !store_.ResetLeasesAtStart(Scope{}, coordinator.epoch, domain::kLease).ok()) {
    return KillCoordinator(coordinator, absl::Seconds(1));
  }
  leader_since_ = clock_.now;
  coordinator.state =
      std::make_unique<dispatch::DispatchState>(dispatch::Options{.attempt_deadline = absl::Seconds(90)});
  coordinator.lane_free = coordinator.loads_free = coordinator.answers_free = clock_.now;
  TickDispatcher(coordinator.epoch);
}

void World::EndLeading(Coordinator& coordinator) {
  coordinator.state.reset();
  const auto links = links_;
  for (const auto& [stream, link] : links) {
    if (link->epoch != coordinator.epoch) continue;
    Break(link, Chance(0.1) ? Between(absl::Seconds(5), absl::Seconds(30)) : Between({}, absl::Seconds(1)), {});
  }
}

void World::KillCoordinator(Coordinator& coordinator, absl::Duration back_after) {
  coordinator.up = false;
  ++coordinator.life;
  coordinator.paused_until = absl::InfinitePast();
  EndLeading(coordinator);
  After(back_after, [this, index = coordinator.index] { StartCoordinator(index); });
}

void World::CrashCoordinator(int index, absl::Duration back_after) {
  Coordinator& coordinator = coordinators_[static_cast<size_t>(index)];
  if (!coordinator.up) return;
  ++result_.counts.coordinator_crashes;
  Say([&] { return Cat(coordinator.name, ": crashed"); });
  KillCoordinator(coordinator, back_after);
}

void World::StopCoordinator(int index, absl::Duration back_after) {
  Coordinator& coordinator = coordinators_[static_cast<size_t>(index)];
  if (!coordinator.up || clock_.now < coordinator.paused_until) return;
  ++result_.counts.coordinator_stops;
  Say([&] { return Cat(coordinator.name, ": stopped"); });
  for (const leadership::Effect& effect : leadership::Step(coordinator.leadership, leadership::Ended{}, clock_.now)) {
    if (!store_down_) Execute(coordinator, effect);
  }
  KillCoordinator(coordinator, back_after);
}

void World::PauseCoordinator(int index, absl::Duration how_long) {
  Coordinator& coordinator = coordinators_[static_cast<size_t>(index)];
  if (!coordinator.up) return;
  ++result_.counts.coordinator_pauses;
  Say([&] { return Cat(coordinator.name, ": paused for ", absl::ToDoubleSeconds(how_long), " s"); });
  coordinator.paused_until = coordinator.ready_at = clock_.now + how_long;
}

void World::StartCoordinator(int index) {
  Coordinator& coordinator = coordinators_[static_cast<size_t>(index)];
  if (coordinator.up) return;
  coordinator.leadership = leadership::State{};
  coordinator.up = true;
  coordinator.ready_at = clock_.now;
  Say([&] { return Cat(coordinator.name, ": started"); });
  TickLeadership(index, ++coordinator.life);
}

}  // namespace gofarm::sim
