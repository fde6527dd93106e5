// One simulated farm: the real Step machines of coordinator and workers on a fake clock, over a network that drops,
// duplicates, delays, reorders and breaks, and a store that fails, answers "unknown" and outlives everybody. Two
// coordinators: one leads, the other stands by; both and the workers crash, stop, are paused and come back. Everything
// follows from the seed; after kFaultsEnd nothing fails any more and all must settle.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "coordinator/domain/dispatch.h"
#include "coordinator/domain/leadership.h"
#include "tests/support/memory_dispatch_store.h"
#include "worker/agent/session_logic.h"

namespace gofarm::sim {

inline constexpr int kCoordinators = 2;
inline constexpr absl::Duration kFaultsEnd = absl::Seconds(90);
inline constexpr absl::Duration kSettledBy =
    absl::Minutes(45);  // virtual; most seeds settle within seconds of kFaultsEnd

struct SimOptions {
  uint64_t seed = 1;
  testing::Fences fences;
  bool trace = false;
};

// What a run went through, so that the suite can show that its faults really happen.
struct SimCounts {
  int64_t steps = 0, coordinator_crashes = 0, coordinator_stops = 0, coordinator_pauses = 0, takeovers = 0,
          returns_to_lead = 0, deposals = 0, worker_crashes = 0, breaks = 0, partitions = 0, store_outages = 0,
          unknown_answers = 0, dropped = 0, duplicated = 0, unasked_cancels = 0, zombie_writes = 0, goodbyes = 0,
          cancels = 0, drains = 0, removals = 0, accepted = 0, lost = 0, kept = 0, stale_accepts = 0,
          stale_completions = 0, repeated_completions = 0, not_accepted_yet = 0;
  void Add(const SimCounts& other);
};

struct SimResult {
  std::string violation;  // empty: all invariants held and the farm settled
  std::vector<std::string> trace;
  uint64_t fingerprint = 0;  // of all that happened
  SimCounts counts;
};

SimResult Simulate(const SimOptions& options);

class SimClock final : public Clock {
 public:
  absl::Time Now() const override { return now; }
  absl::Time now = absl::FromUnixSeconds(1'800'000'000);
};

class World {
 public:
  explicit World(const SimOptions& options);
  SimResult Run();

 private:
  // One session stream. Each end learns of its break in its own time.
  struct Link {
    int64_t number = 0;  // as the worker counts
    int worker = 0;
    int worker_life = 0;
    int64_t epoch = 0;  // of the leadership that the stream belongs to
    dispatch::StreamId stream;
    bool broken = false;        // nothing sent on it arrives any more
    bool worker_knows = false;  // Disconnected was told
    bool coordinator_knows = false;
  };
  using LinkPtr = std::shared_ptr<Link>;
  struct Build {
    Offer offer;
    bool running = true;
    bool cancelled = false;
    AttemptOutcome outcome = AttemptOutcome::kBuilt;
    FailureClass failure = FailureClass::kNone;
  };
  struct Worker {
    int index = 0;
    std::string name;
    int slots = 1;
    bool up = false;
    int life = 0;
    bool partitioned = false;
    std::unique_ptr<agent::SessionState> state;
    LinkPtr link;
    std::map<AttemptToken, Build> builds;
  };
  struct Coordinator {
    int index = 0;
    std::string name;
    bool up = false;
    int life = 0;
    leadership::State leadership;
    absl::Time paused_until = absl::InfinitePast();  // nothing of it runs before
    absl::Time ready_at;                             // since when it could take the leadership
    // While it leads.
    int64_t epoch = 0;
    std::unique_ptr<dispatch::DispatchState> state;
    absl::Time lane_free;
    absl::Time loads_free;
    absl::Time answers_free;
  };

  // Chance and time.
  uint64_t Next();
  double Random() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }
  bool Chance(double p) { return Random() < p; }
  absl::Duration Between(absl::Duration low, absl::Duration high) { return low + (high - low) * Random(); }
  bool Faulty() const { return clock_.now < faults_end_; }
  void After(absl::Duration delay, std::function<void()> what);
  void Say(const std::function<std::string()>& line);
  void Fail(std::string why);

  // The plan of a run (faults.cc).
  void PlanJobs();
  void PlanFaults();
  void Submit(int module, int targets);
  void CancelSomeJob();
  // By an operator, through a coordinator that leads; without one `drained = false` is tried again later.
  void SetDrained(int index, bool drained);
  void RemoveWorker(int index);
  void CrashCoordinator(int index, absl::Duration back_after);
  void StopCoordinator(int index, absl::Duration back_after);
  void PauseCoordinator(int index, absl::Duration how_long);
  void StartCoordinator(int index);
  void CrashWorker(int index, absl::Duration back_after);
  void StartWorker(int index);
  void Partition(int index, absl::Duration how_long);

  // Leadership (coordinators.cc).
  void TickLeadership(int index, int life);
  void Tell(Coordinator& coordinator, const leadership::Event& event);
  void CallStore(int index, int life, const leadership::Effect& effect);
  std::optional<leadership::Event> Execute(Coordinator& coordinator, const leadership::Effect& effect);
  void BeginLeading(Coordinator& coordinator);
  void EndLeading(Coordinator& coordinator);
  void KillCoordinator(Coordinator& coordinator, absl::Duration back_after);
  Coordinator* Leading(int64_t epoch);
  // The coordinator that this worker's calls reach; nullptr: none that leads and runs.
  Coordinator* Reached(const Worker& worker);
  // One that a client may reach: it leads, or does not know yet that it does no more.
  Coordinator* AnyLeading();

  // Dispatcher.
  void TickDispatcher(int64_t epoch);
  void Tell(const dispatch::Event& event, int64_t epoch);
  void Carry(Coordinator& coordinator, const dispatch::Effect& effect);
  void Lane(Coordinator& coordinator, const dispatch::StoreCall& effect);
  void CallStore(const dispatch::StoreCall& effect, int64_t epoch);
  std::optional<dispatch::Event> Execute(const dispatch::StoreCall& effect, int64_t epoch, dispatch::Answer forced,
                                         bool run);
  void Answer(dispatch::Event event, Coordinator& coordinator);
  LinkPtr LinkOf(dispatch::StreamId stream) const;
  void ToWorker(const dispatch::Send& send, int64_t epoch);
  void ToWorker(dispatch::StreamId stream, const std::string& what,
                std::function<agent::Event(const LinkPtr&)> message);

  // Workers (workers.cc).
  void TickWorker(int index, int life);
  void Tell(Worker& worker, const agent::Event& event);
  void Carry(Worker& worker, const agent::Effect& effect);
  void DialNow(int index, int life, int64_t number);
  void ToCoordinator(Worker& worker, const std::string& what,
                     std::function<dispatch::Event(dispatch::StreamId)> message);
  void Deliver(const LinkPtr& link, const std::string& what, std::function<void()> arrive);
  void Break(const LinkPtr& link, absl::Duration worker_learns, absl::Duration coordinator_learns);
  void FinishBuild(int index, int life, AttemptToken token);
  void AppendLog(int index, int life, AttemptToken token);
  void CallComplete(int index, int life, AttemptToken token);
  dispatch::Event HelloOf(const Worker& worker, const std::vector<AnnouncedAttempt>& attempts,
                          dispatch::StreamId stream) const;

  // Invariants (invariants.cc).
  void CheckStore();
  std::string StoreText() const;  // all that the store holds
  void CheckWorker(const Worker& worker);
  void CheckCoordinator(const Coordinator& coordinator);
  void CheckTake(const Coordinator& taker);
  void CheckExpiry(const domain::ExpiredSessions& expired, int64_t epoch);
  void CheckCompletion(const Worker& worker, const domain::CompletedAttempt& completion,
                       const domain::CompleteResult& result);
  bool Settled() const;
  std::string Unsettled() const;

  const SimOptions options_;
  SimClock clock_;
  const absl::Time start_ = clock_.now;
  const absl::Time faults_end_ = start_ + kFaultsEnd;
  uint64_t random_state_;
  std::map<std::pair<absl::Time, int64_t>, std::function<void()>> agenda_;
  int64_t agenda_count_ = 0;

  testing::MemoryDispatchStore store_;
  bool store_down_ = false;
  absl::Time store_up_at_;
  // As it was given out, seen from outside the store.
  absl::Time leader_since_;
  absl::Time leader_until_ = absl::InfinitePast();
  int last_leader_ = -1;
  std::vector<Coordinator> coordinators_;
  std::vector<Worker> workers_;
  std::map<dispatch::StreamId, LinkPtr> links_;
  int64_t last_stream_ = 0;

  std::map<AttemptToken, int> accepted_by_;               // workers that said Accept
  std::map<AttemptToken, JobId> offered_;                 // every token ever won
  std::map<AttemptToken, AttemptOutcome> seen_outcomes_;  // of attempts, to see that an end is final
  std::map<JobId, int> final_completions_;
  std::set<JobId> cancels_asked_;

  SimResult result_;
};

}  // namespace gofarm::sim
