#include "coordinator/rpc/batch_watch.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "coordinator/rpc/convert.h"
#include "coordinator/rpc/farm_view.h"

namespace gofarm::rpc {
namespace {

constexpr int kStateBit = 8;  // phases are below
constexpr uint32_t kPhaseBits = (uint32_t{1} << kStateBit) - 1;

int64_t Total(const domain::JobCounts& c) {
  return c.queued + c.running + c.built + c.partial + c.nothing_to_build + c.failed + c.cancelled;
}

uint32_t Bit(Phase phase) { return uint32_t{1} << static_cast<int>(phase); }
uint32_t Bit(JobState state) { return uint32_t{1} << (kStateBit + static_cast<int>(state)); }

}  // namespace

BatchWatch::Told BatchWatch::BitOf(std::string_view what) {
  for (int p = static_cast<int>(Phase::kSeed); p <= static_cast<int>(Phase::kUpload); ++p) {
    if (Name(static_cast<Phase>(p)) == what) return Bit(static_cast<Phase>(p));
  }
  const std::optional<JobState> state = ParseJobState(what);
  return state ? Bit(*state) : 0;
}

// Told already; or a phase, and a later one or the job's end was told (the store may have proved it before the board's
// event was read).
bool BatchWatch::IsLate(Told told, Told bit) {
  if ((told & bit) != 0) return true;
  return (bit & kPhaseBits) != 0 && ((told & kPhaseBits) > bit || told >= Bit(JobState::kBuilt));
}

void BatchWatch::Tell(const domain::Job& job, std::string_view what, Told bit, std::string_view detail,
                      v1::BatchUpdate& update) {
  Told& told = told_[job.id];
  if (IsLate(told, bit)) return;
  told |= bit;
  service::BoardEvent event;
  event.sequence = ++own_sequence_;
  event.job = {job.id, job.module, job.version, job.target};
  event.what = std::string(what);
  event.detail = std::string(detail);
  ToProto(event, *update.add_events());
}

// The steps that the store proves, or the board shows, and that were not told yet.
void BatchWatch::MakeUp(const domain::Job& job, v1::BatchUpdate& update) {
  Tell(job, Name(JobState::kQueued), Bit(JobState::kQueued), "", update);
  if (job.attempts.empty()) {
    if (IsEnded(job.state)) Tell(job, Name(job.state), Bit(job.state), "", update);
    return;
  }
  const domain::Attempt& last = job.attempts.back();
  Tell(job, Name(JobState::kRunning), Bit(JobState::kRunning), last.worker, update);
  for (const domain::PhaseTime& p : last.phases) Tell(job, Name(p.phase), Bit(p.phase), "", update);
  if (const auto live = rpc_.parts.board.Of(last.token)) {
    for (int p = static_cast<int>(Phase::kFetch); p < static_cast<int>(live->phase); ++p) {
      Tell(job, Name(static_cast<Phase>(p)), Bit(static_cast<Phase>(p)), "", update);
    }
    if (live->phase != Phase::kNone) Tell(job, Name(live->phase), Bit(live->phase), live->detail, update);
  }
  if (IsEnded(job.state)) Tell(job, Name(job.state), Bit(job.state), Name(job.failure_class), update);
}

absl::Status BatchWatch::LoadJobs(const Scope& scope, v1::BatchUpdate& update) {
  if (made_up_ < kMadeUpJobsMax) {
    store::JobFilter filter;
    filter.batch = batch_;
    GOFARM_RETURN_IF_ERROR(rpc_.parts.queries.ListJobs(scope, filter, 0, [&](std::vector<domain::Job> page) {
      for (const domain::Job& job : page) {
        if (made_up_ >= kMadeUpJobsMax) return false;
        if (!told_.try_emplace(job.id, 0).second) continue;
        ++made_up_;
        MakeUp(job, update);
      }
      return scope.Check().ok();
    }));
  }
  // Of the others it is enough to know that they belong here. A retry has put new jobs in the place of some.
  absl::flat_hash_set<JobId> here;
  GOFARM_RETURN_IF_ERROR(rpc_.parts.queries.ListJobIds(scope, batch_, [&](std::vector<JobId> page) {
    for (const JobId job : page) {
      here.insert(job);
      told_.try_emplace(job, 0);
    }
    return scope.Check().ok();
  }));
  GOFARM_RETURN_IF_ERROR(scope.Check());
  absl::erase_if(told_, [&](const auto& told) { return !here.contains(told.first); });
  return absl::OkStatus();
}

void BatchWatch::TakeEvents(v1::BatchUpdate& update) {
  while (update.events_size() < static_cast<int>(kEventsPerUpdate)) {
    const std::vector<service::BoardEvent> events = rpc_.parts.board.Since(sequence_, kEventsPerUpdate);
    if (events.empty()) return;
    for (service::BoardEvent event : events) {
      sequence_ = event.sequence;
      const auto told = told_.find(event.job.id);
      if (told == told_.end()) continue;
      const Told bit = BitOf(event.what);
      // A job that waits again goes through its steps again.
      if (event.what == Name(JobState::kQueued) && told->second != 0) {
        told->second = 0;
      } else if (IsLate(told->second, bit)) {
        continue;
      }
      told->second |= bit;
      event.sequence = ++own_sequence_;
      ToProto(event, *update.add_events());
    }
  }
}

void BatchWatch::FillRunning(v1::BatchUpdate& update) {
  for (const service::RunningView& running : rpc_.parts.dispatch.Running()) {
    if (told_.count(running.job.id) == 0) continue;
    if (update.running_size() >= static_cast<int>(kRunningShownMax)) return;
    rpc::FillRunning(rpc_, running, *update.add_running());
  }
}

void BatchWatch::FillWaiting(const Scope& scope, const domain::Batch& batch, v1::BatchUpdate& update) {
  if (batch.jobs.running > 0 || batch.jobs.queued == 0) return;
  if (absl::Now() - waiting_read_ > kWatchRefresh) {
    waiting_read_ = absl::Now();
    waiting_.clear();
    store::JobFilter filter;
    filter.batch = batch_;
    filter.state = JobState::kQueued;
    // Best effort: the update goes out without it.
    (void)rpc_.parts.queries.ListJobs(scope, filter, 1, [&](std::vector<domain::Job> page) {
      if (page.empty()) return false;
      v1::Job job;
      FillJob(rpc_, page.front(), job);
      if (job.wait_reason() != v1::WAIT_REASON_UNSPECIFIED) {
        waiting_ = Cat(Name(static_cast<WaitReason>(job.wait_reason())), job.wait_detail().empty() ? "" : ": ",
                       job.wait_detail());
      }
      return false;
    });
  }
  update.set_waiting(waiting_);
}

// The board's last word on a job may come a moment after the store's, or never (a restart): the store's word counts.
absl::Status BatchWatch::MakeUpEnded(const Scope& scope, v1::BatchUpdate& update) {
  constexpr Told kEnded = (~Told{0}) << (kStateBit + static_cast<int>(JobState::kBuilt));
  bool all_told = true;
  for (const auto& [id, told] : told_) all_told &= (told & kEnded) != 0;
  if (all_told) return absl::OkStatus();
  store::JobFilter filter;
  filter.batch = batch_;
  return rpc_.parts.queries.ListJobs(scope, filter, static_cast<int64_t>(kMadeUpJobsMax),
                                     [&](std::vector<domain::Job> page) {
                                       for (const domain::Job& job : page) MakeUp(job, update);
                                       return true;
                                     });
}

absl::Status BatchWatch::Run(Stream& stream, const Scope& scope) {
  sequence_ = rpc_.parts.board.Newest();
  struct Listening {
    service::ProgressBoard& board;
    int64_t id;
    ~Listening() { board.Unlisten(id); }
  } const listening{rpc_.parts.board, rpc_.parts.board.Listen([&stream] { stream.Wake(); })};

  domain::Batch batch;
  std::string last_sent;
  absl::Time last_update = absl::InfinitePast();
  absl::Time cancelled_since = absl::InfiniteFuture();
  while (true) {
    GOFARM_RETURN_IF_ERROR(scope.Check());
    const absl::Time began = absl::Now();
    v1::BatchUpdate update;
    GOFARM_ASSIGN_OR_RETURN(batch, rpc_.parts.queries.GetBatch(scope, batch_));
    // The counts of a huge batch take a while: no more than a fifth of the time goes into them.
    const absl::Duration pace = std::max(kWatchPace, 4 * (absl::Now() - began));
    if (Total(batch.jobs) != static_cast<int64_t>(told_.size())) GOFARM_RETURN_IF_ERROR(LoadJobs(scope, update));
    TakeEvents(update);
    if (batch.state == BatchState::kCancelled) cancelled_since = std::min(cancelled_since, began);
    const bool none_left = batch.jobs.queued + batch.jobs.running == 0;
    const bool ended = batch.state == BatchState::kDone || (batch.state == BatchState::kCancelled &&
                                                            (none_left || began - cancelled_since > kCancelPatience));
    if (ended) GOFARM_RETURN_IF_ERROR(MakeUpEnded(scope, update));
    ToProto(batch, *update.mutable_batch());
    FillRunning(update);
    FillWaiting(scope, batch, update);
    std::string bytes = update.SerializeAsString();
    if (ended || bytes != last_sent || began - last_update >= kWatchHeartbeat) {
      last_update = began;
      last_sent = std::move(bytes);
      GOFARM_RETURN_IF_ERROR(stream.Write(std::move(update)));
    }
    if (ended) return absl::OkStatus();
    stream.Wait(kWatchRefresh);
    // News that come in a burst share an update.
    while (absl::Now() - began < pace && scope.Check().ok()) stream.Wait(pace - (absl::Now() - began));
  }
}

}  // namespace gofarm::rpc
