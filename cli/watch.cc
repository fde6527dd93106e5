#include "cli/watch.h"

#include <algorithm>
#include <deque>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "cli/client.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/sync/wait.h"
#include "gofarm/v1/farm.pb.h"

namespace gofarm::cli {
namespace {

constexpr absl::Duration kRedraw = absl::Milliseconds(200);
// A coordinator that lives sends something every few seconds, also when nothing happens.
constexpr absl::Duration kQuietMax = absl::Seconds(20);
constexpr absl::Duration kFirstRetry = absl::Milliseconds(200);
constexpr absl::Duration kLongestRetry = absl::Seconds(2);
// What an ended job's line says comes from the job itself; a long list does not deserve that many calls.
constexpr int64_t kAskedJobsMax = 500;

StepEvent ToStep(const v1::JobEvent& event) {
  return {.job = event.job_id(),
          .attempt = event.token(),
          .what = Cat(event.module(), "@", event.version()),
          .target = std::string(NameOf(event.target())),
          .step = std::string(StepOf(event)),
          .detail = event.detail()};
}

StepEvent EndOf(const v1::Job& job) {
  StepEvent step{.job = job.id(),
                 .what = Cat(job.module(), "@", job.version()),
                 .target = std::string(NameOf(job.target())),
                 .step = std::string(NameOf(job.state()))};
  if (job.state() == v1::JOB_STATE_BUILT || job.state() == v1::JOB_STATE_PARTIAL) {
    step.detail = Cat(job.executables_size(), job.executables_size() == 1 ? " executable" : " executables");
  }
  if (const std::string failure = FailureGist(job.failure_class(), job.failure_detail()); !failure.empty()) {
    step.detail += Cat(step.detail.empty() ? "" : ", ", failure);
  }
  return step;
}

class Watcher {
 public:
  Watcher(FarmClient& client, int64_t id, int fd, std::stop_token stop)
      : client_(client), id_(id), fd_(fd), stop_(std::move(stop)), terminal_(DescribeTerminal(fd)) {}

  absl::StatusOr<WatchEnd> Run(v1::Batch& batch);

 private:
  void Read();
  // One stream; OK when the batch has ended.
  absl::Status Stream(absl::Time& last_heard);
  void Take(const v1::BatchUpdate& update);
  // What is known now; moves the events that came since the last call into `events`.
  BatchView Look(std::deque<v1::JobEvent>& events);
  void ShowPlain();
  void ShowEvent(const v1::JobEvent& event, int64_t jobs);
  // Ends of jobs that the stream said nothing of: it broke off when the batch had ended.
  void ShowUnseen(const v1::Batch& batch);
  void Print(const std::vector<std::string>& lines);
  void Draw(bool last);

  FarmClient& client_;
  const int64_t id_;
  const int fd_;
  const std::stop_token stop_;
  Terminal terminal_;
  const absl::Time began_ = SteadyNow();

  absl::Mutex mutex_;
  v1::BatchUpdate update_ ABSL_GUARDED_BY(mutex_);
  absl::Time updated_at_ ABSL_GUARDED_BY(mutex_) = SteadyNow();
  std::deque<v1::JobEvent> events_ ABSL_GUARDED_BY(mutex_);
  std::string notice_ ABSL_GUARDED_BY(mutex_);
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);

  // Of the drawing thread.
  StepLines steps_;
  PlainNews news_;
  LivePicture picture_;
  int64_t ended_at_start_ = -1;
};

void Watcher::Take(const v1::BatchUpdate& update) {
  absl::MutexLock lock(&mutex_);
  update_ = update;
  update_.clear_events();
  events_.insert(events_.end(), update.events().begin(), update.events().end());
  updated_at_ = SteadyNow();
  notice_.clear();
}

absl::Status Watcher::Stream(absl::Time& last_heard) {
  Scope scope;
  scope.stop = stop_;
  GOFARM_RETURN_IF_ERROR(client_.WatchBatch(scope, id_, [&](const v1::BatchUpdate& update) {
    last_heard = SteadyNow();
    Take(update);
  }));
  // A stream also ends in an orderly way when the coordinator stops.
  v1::Batch batch;
  GOFARM_RETURN_IF_ERROR(client_.GetBatch(id_, batch));
  {
    absl::MutexLock lock(&mutex_);
    *update_.mutable_batch() = batch;
    update_.clear_running();
  }
  if (Ended(batch.jobs()) < Total(batch.jobs())) return absl::UnavailableError("the coordinator ended the stream");
  return absl::OkStatus();
}

void Watcher::Read() {
  absl::Time last_heard = SteadyNow();
  absl::Duration pause = kFirstRetry;
  absl::Status status;
  while (!stop_.stop_requested()) {
    const absl::Time before = last_heard;
    status = Stream(last_heard);
    if (status.ok() || stop_.stop_requested() || !client_.MayComeBack(status)) break;
    if (last_heard != before) pause = kFirstRetry;
    if (SteadyNow() - last_heard > kWatchPatience) break;
    {
      absl::MutexLock lock(&mutex_);
      notice_ = "the coordinator does not answer; trying again";
    }
    client_.AwaitFarm(Scope::For(pause, stop_));
    pause = std::min(pause * 2, kLongestRetry);
  }
  absl::MutexLock lock(&mutex_);
  status_ = status;
  done_ = true;
}

void Watcher::Print(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  WriteOut(fd_, text);
}

void Watcher::ShowEvent(const v1::JobEvent& event, int64_t jobs) {
  StepEvent step = ToStep(event);
  v1::Job job;
  if (jobs <= kAskedJobsMax && IsEndState(step.step) && !steps_.HasEnded(step.job) &&
      client_.GetJob(step.job, job).ok() && IsEndState(NameOf(job.state()))) {
    step = EndOf(job);
  }
  Print(steps_.Add(step));
}

void Watcher::ShowUnseen(const v1::Batch& batch) {
  if (Total(batch.jobs()) > kAskedJobsMax) return;
  v1::ListJobsRequest request;
  request.set_batch_id(id_);
  v1::JobPage jobs;
  if (!client_.ListJobs(request, jobs).ok()) return;
  for (const v1::Job& job : jobs.jobs()) {
    if (IsEndState(NameOf(job.state()))) Print(steps_.Add(EndOf(job)));
  }
}

BatchView Watcher::Look(std::deque<v1::JobEvent>& events) {
  absl::MutexLock lock(&mutex_);
  events.swap(events_);
  BatchView view = ViewOf(update_.batch());
  view.waiting = update_.waiting();
  view.notice = notice_;
  if (notice_.empty() && !done_ && SteadyNow() - updated_at_ > kQuietMax)
    view.notice = "no word from the coordinator for a while";
  const double since = absl::ToDoubleSeconds(SteadyNow() - updated_at_);
  for (const v1::RunningJob& running : update_.running()) {
    view.jobs.push_back(ViewOf(running));
    view.jobs.back().seconds += since;
  }
  view.seconds = absl::ToDoubleSeconds(SteadyNow() - began_);
  if (ended_at_start_ < 0) ended_at_start_ = view.ended();
  view.eta_seconds = EstimateSeconds(view.ended() - ended_at_start_, view.total() - view.ended(), view.seconds);
  return view;
}

void Watcher::ShowPlain() {
  std::deque<v1::JobEvent> events;
  const BatchView view = Look(events);
  for (const v1::JobEvent& event : events) {
    if (stop_.stop_requested()) return;
    ShowEvent(event, view.total());
  }
  Print(news_.Lines(view, SteadyNow()));
}

void Watcher::Draw(bool last) {
  terminal_ = DescribeTerminal(fd_);
  const Terminal canvas = CanvasOf(terminal_);
  std::deque<v1::JobEvent> events;
  const BatchView view = Look(events);
  // What went wrong stays on the screen above the bars.
  std::vector<std::string> above;
  for (const v1::JobEvent& event : events) {
    if (event.state() != v1::JOB_STATE_FAILED && event.state() != v1::JOB_STATE_PARTIAL) continue;
    const StepEvent step = ToStep(event);
    if (steps_.Add(step).empty()) continue;
    above.push_back(Paint(canvas, ColorOfState(step.step), ClipToWidth(StepLine(step), canvas.columns)));
  }
  WriteOut(fd_, picture_.Next(above, RenderProgress(view, canvas), terminal_));
  if (last) picture_.Keep();
}

absl::StatusOr<WatchEnd> Watcher::Run(v1::Batch& batch) {
  {
    absl::MutexLock lock(&mutex_);
    *update_.mutable_batch() = batch;
  }
  const bool live = terminal_.redraws;
  std::thread reader([this] { Read(); });
  bool done = false;
  while (!done) {
    {
      absl::MutexLock lock(&mutex_);
      const auto is_done = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return done_; };
      done = sync::AwaitFor(mutex_, absl::Condition(&is_done), kRedraw);
    }
    if (stop_.stop_requested()) break;
    if (live) {
      Draw(done);
    } else {
      ShowPlain();
    }
  }
  if (!picture_.empty()) Draw(/*last=*/true);
  reader.join();
  {
    absl::MutexLock lock(&mutex_);
    batch = update_.batch();
    if (stop_.stop_requested()) return WatchEnd::kDetached;
    GOFARM_RETURN_IF_ERROR(status_);
  }
  if (!live) {
    ShowPlain();
    ShowUnseen(batch);
  }
  return WatchEnd::kAllEnded;
}

}  // namespace

absl::StatusOr<WatchEnd> Watch(FarmClient& client, int64_t id, int fd, std::stop_token stop, v1::Batch& batch) {
  return Watcher(client, id, fd, std::move(stop)).Run(batch);
}

}  // namespace gofarm::cli
