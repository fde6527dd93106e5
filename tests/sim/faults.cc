// What happens to the simulated farm in a run: what is submitted and cancelled, what breaks and when it comes back.
#include <algorithm>

#include "common/base/text.h"
#include "tests/sim/world.h"

namespace gofarm::sim {

void World::PlanJobs() {
  const int modules = 1 + static_cast<int>(Next() % 10);
  for (int i = 0; i < modules; ++i) {
    const int targets = 1 + static_cast<int>(Next() % 4);
    const absl::Duration at = Chance(0.4) ? Between({}, absl::Seconds(6)) : Between({}, kFaultsEnd);
    After(at, [this, i, targets] { Submit(i, targets); });
  }
  for (int i = static_cast<int>(Next() % 4); i > 0; --i) {
    After(Between(absl::Seconds(1), kFaultsEnd), [this] { CancelSomeJob(); });
  }
}

void World::Submit(int module, int targets) {
  JobId lowest;
  const int priority = Chance(0.2) ? 1 : 0;
  for (int t = 0; t < targets; ++t) {
    const JobId id = store_.AddJob({.module = Cat("example.com/m", module),
                                    .version = "v1.0.0",
                                    .target = kAllTargets[static_cast<size_t>(t)],
                                    .toolset = "t",
                                    .priority = priority,
                                    .queued_at = clock_.now});
    if (!lowest) lowest = id;
  }
  Say([&] { return Cat("submitted ", targets, " jobs from ", lowest.value); });
  // Without a coordinator the rows wait for the next one's load; sometimes the poke gets lost as well.
  const Coordinator* coordinator = AnyLeading();
  if (coordinator != nullptr && !Chance(0.1)) {
    Tell(dispatch::QueueChanged{Chance(0.5) ? lowest : JobId{}}, coordinator->epoch);
  }
}

void World::CancelSomeJob() {
  if (store_.jobs().empty() || store_down_) return;
  const JobId job{static_cast<int64_t>(1 + Next() % store_.jobs().size())};
  const auto cancelled = store_.CancelJob(job);
  cancels_asked_.insert(job);
  ++result_.counts.cancels;
  Say([&] { return Cat("cancelled job ", job.value, cancelled.removed ? ", which waited" : ""); });
  const Coordinator* coordinator = AnyLeading();
  if (coordinator == nullptr) return;
  const int64_t epoch = coordinator->epoch;
  if (cancelled.removed) Tell(dispatch::JobsRemoved{{job}}, epoch);
  if (cancelled.running) Tell(dispatch::CancelRequested{{*cancelled.running}}, epoch);
}

void World::SetDrained(int index, bool drained) {
  const std::string name = workers_[static_cast<size_t>(index)].name;
  const Coordinator* coordinator = AnyLeading();
  const bool reached = coordinator != nullptr && !store_down_ && clock_.now >= coordinator->paused_until;
  const auto change = reached ? store_.SetDrained(coordinator->epoch, name, drained)
                              : absl::StatusOr<domain::DrainChange>(absl::UnavailableError("nobody answers"));
  if (!change.ok()) {
    if (!drained) After(absl::Seconds(1), [this, index] { SetDrained(index, false); });
    return;
  }
  ++result_.counts.drains;
  Say([&] { return Cat(name, drained ? ": drained" : ": undrained"); });
  // The news may come after the answer to a Hello that was opened later, and after later news.
  After(Chance(0.5) ? absl::ZeroDuration() : Between({}, absl::Seconds(3)),
        [this, change = *change, epoch = coordinator->epoch] { Tell(dispatch::DrainsChanged{{change}}, epoch); });
  if (!drained) return;
  After(Between(absl::Milliseconds(100), absl::Seconds(40)), [this, index] { SetDrained(index, false); });
}

void World::RemoveWorker(int index) {
  const std::string name = workers_[static_cast<size_t>(index)].name;
  const Coordinator* coordinator = AnyLeading();
  if (coordinator == nullptr || store_down_ || clock_.now < coordinator->paused_until) return;
  // Whoever looked whether it is connected looked a moment ago: it may have come back, and run something.
  auto ended = store_.RemoveWorker(coordinator->epoch, name);
  if (!ended.ok()) return;
  ++result_.counts.removals;
  Say([&] { return Cat(name, ": removed, ", ended->lost.size(), " attempts given up"); });
  After(Chance(0.5) ? absl::ZeroDuration() : Between({}, absl::Seconds(3)),
        [this, name, ended = *std::move(ended), epoch = coordinator->epoch] {
          Tell(dispatch::WorkerRemoved{name, ended}, epoch);
        });
}

void World::PlanFaults() {
  const auto some = [this](uint64_t most, absl::Duration last, const std::function<void()>& what) {
    for (uint64_t i = Next() % (most + 1); i > 0; --i) After(Between(absl::Seconds(1), last), what);
  };
  const auto any_worker = [this] { return static_cast<int>(Next() % workers_.size()); };
  const auto any_coordinator = [this] { return static_cast<int>(Next() % coordinators_.size()); };
  some(2, kFaultsEnd, [this, any_coordinator] {
    CrashCoordinator(any_coordinator(), Between(absl::Milliseconds(300), absl::Seconds(45)));
  });
  some(1, kFaultsEnd, [this, any_coordinator] {
    StopCoordinator(any_coordinator(), Between(absl::Milliseconds(300), absl::Seconds(45)));
  });
  some(1, kFaultsEnd,
       [this, any_coordinator] { PauseCoordinator(any_coordinator(), Between(absl::Seconds(1), absl::Seconds(45))); });
  some(3, kFaultsEnd,
       [this, any_worker] { CrashWorker(any_worker(), Between(absl::Milliseconds(300), absl::Seconds(45))); });
  some(4, kFaultsEnd, [this, any_worker] {
    const Worker& worker = workers_[static_cast<size_t>(any_worker())];
    if (worker.link == nullptr) return;
    ++result_.counts.breaks;
    // Half-open for a while: one end believes in the stream long after the other.
    const absl::Duration late = Chance(0.5) ? Between(absl::Seconds(5), absl::Seconds(60)) : absl::Seconds(1);
    Break(worker.link, Chance(0.5) ? late : absl::Milliseconds(5), Chance(0.5) ? late : absl::Milliseconds(5));
  });
  some(2, kFaultsEnd, [this, any_worker] { Partition(any_worker(), Between(absl::Seconds(3), absl::Seconds(70))); });
  some(1, kFaultsEnd, [this] {
    ++result_.counts.store_outages;
    store_down_ = true;
    Say([] { return "store: down"; });
    After(Between(absl::Seconds(1), absl::Seconds(50)), [this] {
      store_down_ = false;
      store_up_at_ = clock_.now;
      Say([] { return "store: up"; });
    });
  });
  some(1, kFaultsEnd,
       [this, any_worker] { Tell(workers_[static_cast<size_t>(any_worker())], agent::StopRequested{}); });
  some(2, kFaultsEnd, [this, any_worker] { SetDrained(any_worker(), true); });
  some(1, kFaultsEnd, [this, any_worker] { RemoveWorker(any_worker()); });
  some(1, kFaultsEnd, [this, any_worker] {
    const int index = any_worker();
    Tell(workers_[static_cast<size_t>(index)], agent::DiskSpace{true});
    After(Between(absl::Seconds(1), absl::Seconds(40)),
          [this, index] { Tell(workers_[static_cast<size_t>(index)], agent::DiskSpace{false}); });
  });
}

void World::CrashWorker(int index, absl::Duration back_after) {
  Worker& worker = workers_[static_cast<size_t>(index)];
  if (!worker.up) return;
  ++result_.counts.worker_crashes;
  Say([&] { return Cat(worker.name, ": crashed"); });
  worker.up = false;
  worker.builds.clear();
  if (worker.link != nullptr) {
    Break(worker.link, {}, Chance(0.2) ? Between(absl::Seconds(5), absl::Seconds(60)) : absl::Milliseconds(20));
  }
  worker.link = nullptr;
  After(back_after, [this, index] { StartWorker(index); });
}

void World::StartWorker(int index) {
  Worker& worker = workers_[static_cast<size_t>(index)];
  if (worker.up) return;
  agent::SessionConfig config;
  config.slots = worker.slots;
  config.coordinators = kCoordinators;
  config.targets = {kAllTargets.begin(), kAllTargets.end()};
  // Some stop within a bound of their own, some at once.
  if (worker.index % 2 == 0) config.drain_max = absl::Seconds(20);
  // One of several workers builds only two targets; a lone one builds all, so that every job can end.
  if (worker.index == 1) config.targets.resize(2);
  worker.state = std::make_unique<agent::SessionState>(config);
  worker.up = true;
  const int life = ++worker.life;
  Say([&] { return Cat(worker.name, ": started, life ", life); });
  Tell(worker, agent::Started{Random()});
  TickWorker(index, life);
}

void World::Partition(int index, absl::Duration how_long) {
  Worker& worker = workers_[static_cast<size_t>(index)];
  ++result_.counts.partitions;
  Say([&] { return Cat(worker.name, ": cut off for ", absl::ToDoubleSeconds(how_long), " s"); });
  worker.partitioned = true;
  if (worker.link != nullptr) {
    Break(worker.link, Between({}, absl::Seconds(20)), Between({}, absl::Seconds(40)));
  }
  After(how_long, [this, index] { workers_[static_cast<size_t>(index)].partitioned = false; });
}

}  // namespace gofarm::sim
