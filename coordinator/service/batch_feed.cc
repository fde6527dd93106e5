#include "coordinator/service/batch_feed.h"

#include <algorithm>
#include <exception>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/obs/log.h"
#include "common/sync/wait.h"
#include "coordinator/service/batch_steps.h"
#include "coordinator/service/event_ring.h"

namespace gofarm::service {
namespace {

int64_t Ended(const domain::JobCounts& c) { return c.built + c.partial + c.nothing_to_build + c.failed + c.cancelled; }
int64_t Total(const domain::JobCounts& c) { return c.queued + c.running + Ended(c); }

size_t BytesOf(const domain::JobEvent& event) {
  return sizeof event + event.job.module.size() + event.job.version.size() + event.detail.size();
}

bool Same(const domain::Batch& a, const domain::Batch& b) {
  return a.state == b.state && a.jobs == b.jobs && a.executables == b.executables && a.name == b.name;
}

}  // namespace

absl::Duration PaceAfter(absl::Duration least, absl::Duration reading) { return std::max(least, 4 * reading); }

class BatchFeed {
 public:
  BatchFeed(BatchFeeds& feeds, BatchId batch)
      : batch_(batch),
        source_(feeds.source_),
        board_(feeds.board_),
        why_waiting_(feeds.why_waiting_),
        pace_(feeds.pace_),
        // What happens while the store is read for the first time comes after it.
        board_sequence_(board_.Newest()),
        thread_([this](const std::stop_token& stop) { Work(stop); }) {}

  BatchId batch() const { return batch_; }
  bool done() const {
    const absl::MutexLock lock(&mutex_);
    return done_;
  }
  // Joins. Once, by whoever held it last.
  void Stop() {
    thread_.request_stop();
    thread_.join();
  }

  absl::StatusOr<std::optional<domain::BatchUpdate>> Next(const Scope& scope, absl::Time not_before, int64_t& version,
                                                          int64_t& cursor, std::deque<domain::JobEvent>& backlog);

  int watchers = 0;  // guarded by the lock of BatchFeeds

 private:
  // As it was read last.
  struct State {
    domain::Batch batch;
    std::vector<domain::RunningJob> running;
    std::string waiting;
  };

  void Work(const std::stop_token& stop);
  absl::Status Run(const std::stop_token& stop);
  // Reads the jobs again when the counts and what was published do not agree. Whether it did.
  absl::StatusOr<bool> Reconcile(const Scope& scope, const domain::Batch& batch);
  absl::Status LoadIds(const Scope& scope);
  absl::Status Backfill(const Scope& scope);
  void TakeEvents();
  bool AllEnded() const {
    const absl::MutexLock lock(&mutex_);
    return steps_.ended() == steps_.size();
  }
  void ReadWaiting(const Scope& scope, const domain::Batch& batch);
  void Publish(domain::Batch batch);
  void Push(domain::JobEvent event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Until the board has news or `longest` passed; then until `pace` after `began`.
  void Rest(const std::stop_token& stop, absl::Time began, absl::Duration pace);

  const BatchId batch_;
  BatchSource& source_;
  ProgressBoard& board_;
  const BatchFeeds::WhyWaiting& why_waiting_;
  const FeedPace pace_;

  // Of the thread.
  int64_t board_sequence_;  // taken so far
  absl::Time published_at_ = absl::InfinitePast();
  absl::Time waiting_read_ = absl::InfinitePast();
  absl::Time behind_since_ = absl::InfiniteFuture();  // the counts say of more ends than were published
  std::string waiting_;

  mutable absl::Mutex mutex_;
  BatchSteps steps_ ABSL_GUARDED_BY(mutex_);
  State state_ ABSL_GUARDED_BY(mutex_);
  int64_t version_ ABSL_GUARDED_BY(mutex_) = 0;  // of state_; 0: not read yet
  EventRing events_ ABSL_GUARDED_BY(mutex_){kFeedEventsMax, kFeedEventBytesMax};
  int64_t newest_ ABSL_GUARDED_BY(mutex_) = 0;   // number of the last of events_
  int64_t visible_ ABSL_GUARDED_BY(mutex_) = 0;  // those up to here belong to state_
  bool done_ ABSL_GUARDED_BY(mutex_) = false;    // the thread has ended, with status_
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;

  std::jthread thread_;  // last: starts when all else is there
};

void BatchFeed::Push(domain::JobEvent event) {
  event.sequence = ++newest_;
  events_.Push(std::move(event));
}

void BatchFeed::Work(const std::stop_token& stop) {
  absl::Status status;
  try {
    status = Run(stop);
  } catch (const std::exception& e) {
    obs::Error("feed_threw", {{"batch", Cat(batch_.value)}, {"what", e.what()}});
    status = absl::InternalError("internal error of the coordinator; see its log");
  }
  const absl::MutexLock lock(&mutex_);
  done_ = true;
  status_ = std::move(status);
}

absl::Status BatchFeed::LoadIds(const Scope& scope) {
  std::vector<JobId> jobs;
  GOFARM_RETURN_IF_ERROR(source_.ListJobIds(scope, batch_, [&](std::vector<JobId> page) {
    jobs.insert(jobs.end(), page.begin(), page.end());
    return scope.Check().ok();
  }));
  GOFARM_RETURN_IF_ERROR(scope.Check());
  const absl::MutexLock lock(&mutex_);
  steps_.SetJobs(jobs);
  return absl::OkStatus();
}

absl::Status BatchFeed::Backfill(const Scope& scope) {
  domain::JobFilter filter;
  filter.batch = batch_;
  return source_.ListJobs(scope, filter, static_cast<int64_t>(kBackfillJobsMax), [&](std::vector<domain::Job> page) {
    for (const domain::Job& job : page) {
      std::optional<Progress> live;
      if (job.state == JobState::kRunning && !job.attempts.empty()) live = board_.Of(job.attempts.back().token);
      const absl::MutexLock lock(&mutex_);
      for (domain::JobEvent& event : steps_.Backfill(job, live)) Push(std::move(event));
    }
    return scope.Check().ok();
  });
}

absl::StatusOr<bool> BatchFeed::Reconcile(const Scope& scope, const domain::Batch& batch) {
  int64_t jobs = 0, ended = 0;
  {
    const absl::MutexLock lock(&mutex_);
    jobs = steps_.size();
    ended = steps_.ended();
  }
  // Before the first reading; or jobs that had ended were put in the queue again, as new ones.
  bool load = Total(batch.jobs) != jobs || Ended(batch.jobs) < ended;
  // The board publishes an end a moment after the store took it, or never (a restart, a lost worker): then it is read
  // from the store.
  const bool behind = Ended(batch.jobs) > ended && jobs <= static_cast<int64_t>(kBackfillJobsMax);
  behind_since_ = behind ? std::min(behind_since_, SteadyNow()) : absl::InfiniteFuture();
  load |= SteadyNow() - behind_since_ >= pace_.refresh;
  if (!load) return false;
  behind_since_ = absl::InfiniteFuture();
  GOFARM_RETURN_IF_ERROR(LoadIds(scope));
  GOFARM_RETURN_IF_ERROR(Backfill(scope));
  return true;
}

void BatchFeed::TakeEvents() {
  for (;;) {
    const std::vector<domain::JobEvent> events = board_.Since(board_sequence_, kEventsPerUpdate);
    if (events.empty()) return;
    board_sequence_ = events.back().sequence;
    const absl::MutexLock lock(&mutex_);
    for (const domain::JobEvent& event : events) {
      if (steps_.Take(event)) Push(event);
    }
  }
}

void BatchFeed::ReadWaiting(const Scope& scope, const domain::Batch& batch) {
  if (batch.jobs.running > 0 || batch.jobs.queued == 0) {
    waiting_.clear();
    return;
  }
  if (SteadyNow() - waiting_read_ < pace_.refresh) return;
  waiting_read_ = SteadyNow();
  waiting_.clear();
  domain::JobFilter filter;
  filter.batch = batch_;
  filter.state = JobState::kQueued;
  // Best effort: the update goes out without it.
  (void)source_.ListJobs(scope, filter, 1, [&](std::vector<domain::Job> page) {
    if (!page.empty()) waiting_ = why_waiting_(page.front());
    return false;
  });
}

void BatchFeed::Publish(domain::Batch batch) {
  const absl::Time now = SteadyNow();
  const absl::MutexLock lock(&mutex_);
  const auto here = [&](const domain::RunningJob& running)
                        ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return steps_.Has(running.job.id); };
  std::vector<domain::RunningJob> running = board_.Running(kRunningShownMax, here);
  const bool news = version_ == 0 || newest_ != visible_ || !Same(batch, state_.batch) || waiting_ != state_.waiting ||
                    !running.empty() || !state_.running.empty();
  state_ = {std::move(batch), std::move(running), waiting_};
  if (!news && now - published_at_ < pace_.heartbeat) return;
  published_at_ = now;
  visible_ = newest_;
  ++version_;
}

void BatchFeed::Rest(const std::stop_token& stop, absl::Time began, absl::Duration pace) {
  const auto stopped = [&] { return stop.stop_requested(); };
  {
    const auto news = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return woken_ || stopped(); };
    const absl::MutexLock lock(&mutex_);
    sync::AwaitFor(mutex_, absl::Condition(&news), pace_.refresh);
  }
  // News that come in a burst share an update.
  const absl::MutexLock lock(&mutex_);
  sync::AwaitUntil(mutex_, absl::Condition(&stopped), began + pace);
  woken_ = false;
}

absl::Status BatchFeed::Run(const std::stop_token& stop) {
  struct Listening {
    ProgressBoard& board;
    int64_t id;
    ~Listening() { board.Unlisten(id); }
  } const listening{board_, board_.Listen([this] {
                      const absl::MutexLock lock(&mutex_);
                      woken_ = true;
                    })};
  // A lock that is let go lets waiters look at the stop again.
  const std::stop_callback on_stop(stop, [this] { const absl::MutexLock lock(&mutex_); });

  absl::Time cancelled_since = absl::InfiniteFuture();
  for (;;) {
    const Scope scope = Scope::For(kFeedReadMax, stop);
    GOFARM_RETURN_IF_ERROR(scope.Check());
    const absl::Time began = SteadyNow();
    GOFARM_ASSIGN_OR_RETURN(domain::Batch batch, source_.GetBatch(scope, batch_));
    const absl::Duration pace = PaceAfter(pace_.least, SteadyNow() - began);
    GOFARM_ASSIGN_OR_RETURN(const bool loaded, Reconcile(scope, batch));
    TakeEvents();
    if (batch.state == BatchState::kCancelled) cancelled_since = std::min(cancelled_since, began);
    const bool none_left = batch.jobs.queued + batch.jobs.running == 0;
    const bool ended =
        batch.state == BatchState::kDone ||
        (batch.state == BatchState::kCancelled && (none_left || began - cancelled_since > pace_.cancel_patience));
    if (ended && !loaded && !AllEnded()) GOFARM_RETURN_IF_ERROR(Backfill(scope));
    ReadWaiting(scope, batch);
    Publish(std::move(batch));
    if (ended) return absl::OkStatus();
    Rest(stop, began, pace);
  }
}

absl::StatusOr<std::optional<domain::BatchUpdate>> BatchFeed::Next(const Scope& scope, absl::Time not_before,
                                                                   int64_t& version, int64_t& cursor,
                                                                   std::deque<domain::JobEvent>& backlog) {
  const std::stop_callback on_stop(scope.stop, [this] { const absl::MutexLock lock(&mutex_); });
  const absl::MutexLock lock(&mutex_);
  const auto stopped = [&] { return scope.stop.stop_requested(); };
  sync::AwaitUntil(mutex_, absl::Condition(&stopped), std::min(not_before, scope.deadline));
  const auto news = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return stopped() || done_ || version_ > version || !backlog.empty() || (cursor >= 0 && visible_ > cursor);
  };
  sync::AwaitUntil(mutex_, absl::Condition(&news), scope.deadline);
  GOFARM_RETURN_IF_ERROR(scope.Check());
  if (done_ && !status_.ok()) return status_;
  if (done_ && version_ == version && backlog.empty() && cursor >= visible_) return std::nullopt;

  domain::BatchUpdate update{.batch = state_.batch, .running = state_.running, .waiting = state_.waiting};
  version = version_;
  if (cursor < newest_ - static_cast<int64_t>(events_.size())) {
    const std::vector<domain::JobEvent> known = steps_.Snapshot();
    backlog.assign(known.begin(), known.end());
    cursor = newest_;
  }
  size_t bytes = 0;
  const auto room = [&](const domain::JobEvent& event) {
    bytes += BytesOf(event);
    return update.events.empty() || (update.events.size() < kEventsPerUpdate && bytes <= kUpdateEventBytesMax);
  };
  while (!backlog.empty() && room(backlog.front())) {
    update.events.push_back(std::move(backlog.front()));
    backlog.pop_front();
  }
  if (!backlog.empty()) return update;
  for (auto next = events_.events().end() - (newest_ - cursor); cursor < visible_ && room(*next); ++next, ++cursor) {
    update.events.push_back(*next);
  }
  return update;
}

BatchFeeds::BatchFeeds(BatchSource& source, ProgressBoard& board, WhyWaiting why_waiting, FeedPace pace)
    : source_(source), board_(board), why_waiting_(std::move(why_waiting)), pace_(pace) {}

BatchFeeds::~BatchFeeds() {
  const absl::MutexLock lock(&mutex_);
  GOFARM_CHECK(open_ == 0);
}

size_t BatchFeeds::open() const {
  const absl::MutexLock lock(&mutex_);
  return open_;
}

absl::StatusOr<std::unique_ptr<BatchWatcher>> BatchFeeds::Watch(BatchId batch) {
  const absl::MutexLock lock(&mutex_);
  std::shared_ptr<BatchFeed>& feed = feeds_[batch];
  if (feed == nullptr || feed->done()) {
    if (open_ >= kFeedsMax) {
      if (feed == nullptr) feeds_.erase(batch);
      return absl::ResourceExhaustedError(
          Cat("watch batch ", batch.value, ": ", open_, " batches are watched; try again when one of them has ended"));
    }
    try {
      feed = std::make_shared<BatchFeed>(*this, batch);
    } catch (const std::system_error& e) {
      obs::Error("no_thread", {{"what", e.what()}});
      if (feed == nullptr) feeds_.erase(batch);
      return absl::ResourceExhaustedError(Cat("watch batch ", batch.value, ": this machine gives no more threads"));
    }
    ++open_;
  }
  if (feed->watchers >= kWatchersMax) {
    return absl::ResourceExhaustedError(
        Cat("watch batch ", batch.value, ": ", feed->watchers, " watch it; try again when one of them has left"));
  }
  ++feed->watchers;
  return std::unique_ptr<BatchWatcher>(new BatchWatcher(*this, feed));
}

void BatchFeeds::Leave(const std::shared_ptr<BatchFeed>& feed) {
  {
    const absl::MutexLock lock(&mutex_);
    if (--feed->watchers > 0) return;
    --open_;
    if (const auto it = feeds_.find(feed->batch()); it != feeds_.end() && it->second == feed) feeds_.erase(it);
  }
  feed->Stop();
}

BatchWatcher::~BatchWatcher() { feeds_.Leave(feed_); }

absl::StatusOr<std::optional<domain::BatchUpdate>> BatchWatcher::Next(const Scope& scope) {
  GOFARM_ASSIGN_OR_RETURN(std::optional<domain::BatchUpdate> update,
                          feed_->Next(scope, next_at_, version_, cursor_, backlog_));
  if (!update) return std::nullopt;
  next_at_ = SteadyNow() + feeds_.pace_.least;
  for (domain::JobEvent& event : update->events) event.sequence = ++sequence_;
  return update;
}

}  // namespace gofarm::service
