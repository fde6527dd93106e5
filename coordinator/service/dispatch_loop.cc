#include "coordinator/service/dispatch_loop.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/obs/log.h"
#include "common/sync/wait.h"
#include "coordinator/domain/drain.h"
#include "coordinator/service/store_lane.h"

namespace gofarm::service {
namespace {

template <typename... Fns>
struct Overloaded : Fns... {
  using Fns::operator()...;
};
template <typename... Fns>
Overloaded(Fns...) -> Overloaded<Fns...>;

absl::Status StatusOf(dispatch::CloseWhy why) {
  switch (why) {
    case dispatch::CloseWhy::kSuperseded:
      return absl::AbortedError("another session of this worker's name took over");
    case dispatch::CloseWhy::kSessionGone:
      return absl::AbortedError("this session's lease ran out: say Hello again");
    case dispatch::CloseWhy::kStoreUnavailable:
      return absl::UnavailableError("the coordinator cannot reach its database: dial again later");
    case dispatch::CloseWhy::kTooManyWorkers:
      return absl::ResourceExhaustedError(Cat("this coordinator serves at most ", dispatch::kStreamsMax, " workers"));
    case dispatch::CloseWhy::kNameTaken:
      return absl::AlreadyExistsError(
          "another worker of this name is connected (`gofarm worker show NAME` tells its pid): stop one of the two, or "
          "give "
          "this one a name of its own (`name` in its configuration, or --name)");
    case dispatch::CloseWhy::kLeft:
      return absl::OkStatus();
    case dispatch::CloseWhy::kRemoved:
      return absl::AbortedError("an operator removed this worker: who says Hello again joins as a new one");
  }
  return absl::InternalError("stream closed for no reason that is known");
}

// Bounded by streams, running attempts, calls of operators and what the store was asked: refusing them would lose news
// that comes only once.
bool AlwaysTaken(const dispatch::Event& event) {
  return !std::holds_alternative<dispatch::HelloReceived>(event) &&
         !std::holds_alternative<dispatch::ReadyReceived>(event) &&
         !std::holds_alternative<dispatch::HeartbeatReceived>(event) &&
         !std::holds_alternative<dispatch::AcceptReceived>(event) &&
         !std::holds_alternative<dispatch::RefuseReceived>(event) &&
         !std::holds_alternative<dispatch::GoodbyeReceived>(event);
}

}  // namespace

class DispatchLoop::Impl {
 public:
  Impl(DispatchLoopOptions options, domain::DispatchStore& store, SessionSink& sink, const Clock& clock)
      : options_(std::move(options)),
        store_(store),
        sink_(sink),
        clock_(clock),
        lane_(store, [this](dispatch::Event event) { Push(std::move(event)); }),
        state_(dispatch::Options{.attempt_deadline = options_.limits.wall + options_.attempt_slack,
                                 .limits = options_.limits,
                                 .toolsets = options_.toolsets}) {}

  ~Impl() { Stop(); }

  StoreLane& lane() { return lane_; }
  void Observe(DispatchObserver& observer) { observer_ = &observer; }

  absl::Status Start(const Scope& scope, int64_t epoch) {
    GOFARM_RETURN_IF_ERROR_CTX(store_.ResetLeasesAtStart(scope, epoch, domain::kLease), "reset leases");
    epoch_ = epoch;
    lane_.Start(epoch);
    PublishFigures(0);
    thread_ = std::thread([this] { Run(); });
    return absl::OkStatus();
  }

  void Stop() {
    {
      const absl::MutexLock lock(&queue_mutex_);
      if (std::exchange(stopped_, true)) return;
    }
    if (!thread_.joinable()) return;
    thread_.join();
    lane_.Stop();
  }

  dispatch::StreamId NewStream() {
    const absl::MutexLock lock(&queue_mutex_);
    return dispatch::StreamId{++last_stream_};
  }

  absl::Status Post(dispatch::Event event) {
    const absl::MutexLock lock(&queue_mutex_);
    if (queue_.size() >= kDispatchEventsMax && !AlwaysTaken(event)) {
      ++events_refused_;
      return absl::ResourceExhaustedError("the coordinator's dispatcher is overloaded: dial again later");
    }
    queue_.push_back(std::move(event));
    return absl::OkStatus();
  }

  void QueueChanged(JobId lowest) {
    const absl::MutexLock lock(&queue_mutex_);
    changed_ = changed_ ? std::min(*changed_, lowest) : lowest;
  }

  int64_t Epoch() const { return epoch_; }

  std::vector<domain::WorkerView> Workers() const {
    std::vector<domain::WorkerView> views;
    const absl::MutexLock lock(&state_mutex_);
    for (const auto& [id, session] : state_.sessions) {
      domain::WorkerView view = ViewOf(session.hello);
      view.session = id;
      view.last_seen_at = WallOf(session.last_seen);
      view.free_slots = session.stream ? session.reported_free : 0;
      view.draining = session.Draining();
      if (view.name.empty()) continue;  // its stream closed before Welcome
      if (!session.stream) {
        view.state = WorkerState::kLost;
        view.detail = "the connection broke; its attempts are kept until the lease runs out";
      } else if (!session.hello.isolation_error.empty()) {
        view.state = WorkerState::kCannotIsolate;
        view.detail = session.hello.isolation_error;
      } else {
        view.state = session.Draining() ? WorkerState::kDraining
                     : session.suspect  ? WorkerState::kPaused
                                        : WorkerState::kConnected;
        if (clock_.Now() - session.namesake_at < dispatch::kNamesakeShown) {
          view.detail = Cat("another worker that calls itself ", view.name, " (pid ", session.namesake_pid,
                            " on its machine) is refused: give each a name of its own");
        }
        if (session.disk_full) {
          view.detail = "its work or cache folder has too little room; it takes no jobs until there is more";
        } else if (session.suspect) {
          view.detail = domain::WhySuspect(state_.health.at(session.hello.name), clock_.Now());
        } else if (session.drain.drained && view.detail.empty()) {
          view.detail = Cat("drained; it takes jobs again after: gofarm worker undrain ", view.name);
        }
      }
      views.push_back(std::move(view));
    }
    for (const auto& [name, former] : state_.former) {
      domain::WorkerView view = ViewOf(former.hello);
      view.state = WorkerState::kLost;
      view.detail = "no session";
      view.last_seen_at = WallOf(former.last_seen);
      views.push_back(std::move(view));
    }
    std::sort(views.begin(), views.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return views;
  }

  dispatch::WhyWaiting Why(JobId job) const {
    const absl::MutexLock lock(&state_mutex_);
    return dispatch::WhyItWaits(state_, job, clock_.Now());
  }

  absl::Status MayRemove(const std::string& worker) const {
    const absl::MutexLock lock(&state_mutex_);
    return dispatch::MayRemove(state_, worker, clock_.Now());
  }

  bool IsThere(const std::string& worker) const {
    const absl::MutexLock lock(&state_mutex_);
    return dispatch::IsThere(state_, worker, clock_.Now());
  }

  domain::TryContext ContextOf(AttemptToken token) const {
    const absl::MutexLock lock(&state_mutex_);
    return dispatch::ContextOf(state_, token);
  }

  std::shared_ptr<const PublishedFigures> Figures() const {
    const absl::MutexLock lock(&figures_mutex_);
    return published_;
  }

  DispatchStats Stats() const {
    DispatchStats stats;
    {
      const absl::MutexLock lock(&state_mutex_);
      for (const auto& [group, keys] : state_.waiting) stats.waiting += static_cast<int64_t>(keys.size());
      stats.waiting += static_cast<int64_t>(state_.delayed.size());
      stats.offered = static_cast<int64_t>(state_.offers_until.size());
      stats.running = static_cast<int64_t>(state_.running_until.size());
      stats.sessions = state_.connected;
      stats.offers_made = state_.counters.offers_made;
      stats.offers_accepted = state_.counters.offers_accepted;
      stats.offers_refused = state_.counters.offers_refused;
      stats.offers_timed_out = state_.counters.offers_timed_out;
      stats.attempts_lost = state_.counters.attempts_lost;
      stats.store_failures = state_.counters.store_failures;
    }
    stats.epoch = epoch_;
    const absl::MutexLock lock(&queue_mutex_);
    stats.events_refused = events_refused_;
    return stats;
  }

 private:
  static domain::WorkerView ViewOf(const domain::SessionRequest& hello) {
    domain::WorkerView view;
    view.name = hello.name;
    view.instance = hello.instance;
    view.host_arch = hello.host_arch;
    view.build_version = hello.build_version;
    view.pid = hello.pid;
    view.targets = hello.targets;
    view.slots = hello.slots;
    view.memory_bytes = hello.memory_bytes;
    view.labels = hello.labels;
    view.address = hello.address;
    return view;
  }

  void Push(dispatch::Event event) {
    const absl::MutexLock lock(&queue_mutex_);
    queue_.push_back(std::move(event));
  }

  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(queue_mutex_) {
    return stopped_ || changed_.has_value() || !queue_.empty();
  }

  // From the loop's thread, the only one that changes the state: others may read it meanwhile.
  void PublishFigures(double busy_seconds) {
    auto published = std::make_shared<PublishedFigures>();
    {
      const absl::ReaderMutexLock lock(&state_mutex_);
      published->figures = dispatch::FiguresOf(state_, clock_.Now());
    }
    published->epoch = epoch_;
    published->busy_seconds = busy_seconds;
    {
      const absl::MutexLock lock(&queue_mutex_);
      published->events_refused = events_refused_;
    }
    const absl::MutexLock lock(&figures_mutex_);
    published_ = std::move(published);
  }

  void Run() {
    absl::Time tick_at = SteadyNow();
    absl::Time figures_at = tick_at + kFiguresEvery;
    absl::Duration busy;
    for (;;) {
      std::deque<dispatch::Event> events;
      absl::Time began;
      {
        const absl::MutexLock lock(&queue_mutex_);
        sync::AwaitUntil(queue_mutex_, absl::Condition(this, &Impl::HasWork), tick_at);
        if (stopped_) break;
        began = SteadyNow();
        events.swap(queue_);
        if (changed_) events.push_back(dispatch::QueueChanged{*changed_});
        changed_.reset();
      }
      // The interval is real time even when a test's clock stands still; what is decided depends on `clock_` alone.
      if (SteadyNow() >= tick_at) {
        events.push_back(dispatch::Tick{});
        tick_at = SteadyNow() + kDispatchTick;
      }
      std::vector<dispatch::StoreCall> calls;
      for (const dispatch::Event& event : events) Decide(event, calls);
      lane_.Add(std::move(calls));
      if (SteadyNow() >= figures_at) {
        figures_at = SteadyNow() + kFiguresEvery;
        PublishFigures(absl::ToDoubleSeconds(busy));
      }
      busy += SteadyNow() - began;
    }
    PublishFigures(absl::ToDoubleSeconds(busy));  // the last ones of this leadership
  }

  void Decide(const dispatch::Event& event, std::vector<dispatch::StoreCall>& calls) {
    std::vector<dispatch::Effect> effects;
    {
      const absl::MutexLock lock(&state_mutex_);
      effects = dispatch::Step(state_, event, clock_.Now());
    }
    for (dispatch::Effect& effect : effects) Carry(std::move(effect), calls);
  }

  void Carry(dispatch::Effect effect, std::vector<dispatch::StoreCall>& calls) {
    std::visit(Overloaded{
                   [&](dispatch::StoreCall& e) { calls.push_back(std::move(e)); },
                   [&](dispatch::Send& e) { sink_.Send(e.stream, epoch_, std::move(e.message)); },
                   [&](const dispatch::Close& e) {
                     obs::Info("session_closed", {{"stream", Cat(e.stream.value)}, {"why", StatusText(e.why)}});
                     sink_.Close(e.stream, StatusOf(e.why));
                   },
                   [&](const dispatch::NoteOffered& e) {
                     if (observer_ != nullptr) observer_->Offered(e.token, e.job, e.worker);
                   },
                   [&](const dispatch::NoteRunning& e) {
                     obs::Info("attempt_running",
                               {{"token", Cat(e.token.value)}, {"job", Cat(e.job.id.value)}, {"worker", e.worker}});
                     if (observer_ != nullptr) observer_->Running(e.token, e.job, e.worker, e.since);
                   },
                   [&](const dispatch::NoteLost& e) {
                     obs::Warn("attempt_lost",
                               {{"token", Cat(e.token.value)}, {"job", Cat(e.job.id.value)}, {"worker", e.worker}});
                     if (observer_ != nullptr)
                       observer_->Lost(e.token, e.job_state, Cat("worker ", e.worker, " lost it"));
                   },
                   [&](const dispatch::NoteLostUnseen& e) {
                     obs::Warn("attempt_lost", {{"token", Cat(e.attempt.token.value)},
                                                {"job", Cat(e.attempt.job.value)},
                                                {"worker", e.attempt.worker}});
                     if (observer_ != nullptr) observer_->LostUnseen(e.attempt);
                   },
               },
               effect);
  }

  static std::string StatusText(dispatch::CloseWhy why) {
    return why == dispatch::CloseWhy::kLeft ? "the worker left" : std::string(StatusOf(why).message());
  }

  const DispatchLoopOptions options_;
  domain::DispatchStore& store_;
  SessionSink& sink_;
  DispatchObserver* observer_ = nullptr;  // set before Start
  const Clock& clock_;
  int64_t epoch_ = 0;  // set by Start, before any thread reads it

  mutable absl::Mutex queue_mutex_;
  std::deque<dispatch::Event> queue_ ABSL_GUARDED_BY(queue_mutex_);
  std::optional<JobId> changed_ ABSL_GUARDED_BY(queue_mutex_);
  int64_t last_stream_ ABSL_GUARDED_BY(queue_mutex_) = 0;
  int64_t events_refused_ ABSL_GUARDED_BY(queue_mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(queue_mutex_) = false;

  StoreLane lane_;

  mutable absl::Mutex state_mutex_;
  dispatch::DispatchState state_ ABSL_GUARDED_BY(state_mutex_);

  mutable absl::Mutex figures_mutex_;
  std::shared_ptr<const PublishedFigures> published_ ABSL_GUARDED_BY(figures_mutex_);

  std::thread thread_;
};

DispatchLoop::DispatchLoop(DispatchLoopOptions options, domain::DispatchStore& store, SessionSink& sink,
                           const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), store, sink, clock)) {}
DispatchLoop::~DispatchLoop() = default;
absl::Status DispatchLoop::Start(const Scope& scope, int64_t epoch) { return impl_->Start(scope, epoch); }
void DispatchLoop::Observe(DispatchObserver& observer) { impl_->Observe(observer); }
void DispatchLoop::OnLeadershipLost(std::function<void(const absl::Status&)> lost_leadership) {
  impl_->lane().OnLeadershipLost(std::move(lost_leadership));
}
void DispatchLoop::Stop() { impl_->Stop(); }
dispatch::StreamId DispatchLoop::NewStream() { return impl_->NewStream(); }
absl::Status DispatchLoop::Post(dispatch::Event event) { return impl_->Post(std::move(event)); }
void DispatchLoop::QueueChanged(JobId lowest) { impl_->QueueChanged(lowest); }
int64_t DispatchLoop::Epoch() const { return impl_->Epoch(); }
std::vector<domain::WorkerView> DispatchLoop::Workers() const { return impl_->Workers(); }
domain::TryContext DispatchLoop::ContextOf(AttemptToken token) const { return impl_->ContextOf(token); }
dispatch::WhyWaiting DispatchLoop::Why(JobId job) const { return impl_->Why(job); }
absl::Status DispatchLoop::MayRemove(const std::string& worker) const { return impl_->MayRemove(worker); }
bool DispatchLoop::IsThere(const std::string& worker) const { return impl_->IsThere(worker); }
DispatchStats DispatchLoop::Stats() const { return impl_->Stats(); }
std::shared_ptr<const PublishedFigures> DispatchLoop::Figures() const { return impl_->Figures(); }

}  // namespace gofarm::service
