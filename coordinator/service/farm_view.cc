#include "coordinator/service/farm_view.h"

#include <map>
#include <set>
#include <utility>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::service {
namespace {

// A worker that this coordinator has no session of.
domain::WorkerView ViewOfKnown(domain::WorkerInfo info) {
  domain::WorkerView view;
  view.name = std::move(info.name);
  view.pid = info.pid;
  view.host_arch = std::move(info.host_arch);
  view.targets = std::move(info.targets);
  view.state = WorkerState::kLost;
  view.detail = info.has_session ? "not connected; its session's lease still runs" : "not connected";
  view.slots = info.slots;
  view.build_version = std::move(info.build_version);
  view.memory_bytes = info.memory_bytes;
  view.labels = std::move(info.labels);
  view.address = std::move(info.address);
  view.draining = info.drained;
  view.held = info.held;
  view.last_seen_at = info.last_seen_at;
  view.report = std::move(info.report);
  return view;
}

}  // namespace

domain::JobView FarmView::ViewOf(domain::Job job) const {
  domain::JobView view{.job = std::move(job)};
  if (view.job.state == JobState::kQueued) {
    dispatch::WhyWaiting why = dispatch_.Why(view.job.id);
    const absl::Duration rest = view.job.not_before - WallNow();
    if (why.reason == WaitReason::kNone && rest > absl::ZeroDuration()) {
      why.reason = WaitReason::kBackoff;
      why.detail = Cat("tried again in ", absl::FormatDuration(absl::Floor(rest, absl::Seconds(1)) + absl::Seconds(1)));
    }
    view.wait_reason = why.reason;
    view.wait_detail = std::move(why.detail);
    return view;
  }
  if (view.job.state != JobState::kRunning) return view;
  for (const domain::Attempt& attempt : view.job.attempts) {
    if (attempt.outcome != AttemptOutcome::kRunning) continue;
    std::optional<Progress> live = board_.Of(attempt.token);
    if (!live) continue;
    view.live = attempt.token;
    view.progress = *std::move(live);
    if (view.progress.phase == Phase::kSeed) {
      view.wait_reason = WaitReason::kTargetSeeding;
      view.wait_detail = view.progress.detail;
    }
  }
  return view;
}

std::string FarmView::WhyWaiting(const domain::Job& job) const {
  const domain::JobView view = ViewOf(job);
  if (view.wait_reason == WaitReason::kNone) return "";
  return Cat(Name(view.wait_reason), view.wait_detail.empty() ? "" : ": ", view.wait_detail);
}

absl::Status FarmView::ListJobs(const Scope& scope, const domain::JobFilter& filter, int64_t limit,
                                const Pages<domain::JobView>& pages) const {
  return queries_.ListJobs(scope, filter, limit, [&](std::vector<domain::Job> page) {
    std::vector<domain::JobView> views;
    views.reserve(page.size());
    for (domain::Job& job : page) views.push_back(ViewOf(std::move(job)));
    return pages(std::move(views));
  });
}

absl::Status FarmView::ListWorkers(const Scope& scope, domain::WorkerDetail detail,
                                   const std::vector<std::string>& names,
                                   const Pages<domain::WorkerView>& pages) const {
  const bool full = detail == domain::WorkerDetail::kFull;
  const std::set<std::string> asked(names.begin(), names.end());
  std::map<std::string, domain::WorkerView> connected;
  // Before the store: of a worker that drains here and holds nothing there, nothing runs any more.
  for (domain::WorkerView& view : dispatch_.Workers()) {
    if (asked.empty() || asked.contains(view.name)) connected[view.name] = std::move(view);
  }
  std::map<std::string, std::vector<domain::RunningJob>> running;
  const auto any = [&](const domain::RunningJob&) { return full; };
  for (domain::RunningJob& job : board_.Running(kWorkersRunningMax, any)) running[job.worker].push_back(std::move(job));
  std::string after;
  for (bool last = false; !last;) {
    GOFARM_ASSIGN_OR_RETURN(std::vector<domain::WorkerInfo> known, queries_.WorkerPage(scope, after, detail, names));
    last = known.size() < static_cast<size_t>(store::kWorkerPageMax);
    std::map<std::string, domain::WorkerView> rows;
    for (domain::WorkerInfo& info : known) {
      after = info.name;
      rows[after] = ViewOfKnown(std::move(info));
    }
    while (!connected.empty() && (last || connected.begin()->first <= after)) {
      const auto first = connected.begin();
      domain::WorkerView& row = rows[first->first];
      WorkerReport stored = std::move(row.report);
      const int held = row.held;
      const bool drained = row.draining;
      row = std::move(first->second);
      row.held = held;
      // Of a worker without a session only the store knows.
      if (!row.session) row.draining = drained;
      std::optional<WorkerReport> report = full ? reports_.Of(row.name) : std::nullopt;
      row.report = report ? *std::move(report) : std::move(stored);
      connected.erase(first);
    }
    std::vector<domain::WorkerView> page;
    page.reserve(rows.size());
    for (auto& [name, row] : rows) {
      if (const auto jobs = running.find(name); jobs != running.end()) row.running = std::move(jobs->second);
      page.push_back(std::move(row));
    }
    if (!page.empty() && !pages(std::move(page))) return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::StatusOr<domain::FarmStatus> FarmView::Status(const Scope& scope) const {
  domain::FarmStatus status;
  status.workers_connected = dispatch_.Stats().sessions;
  GOFARM_ASSIGN_OR_RETURN(status.jobs, queries_.CountJobs(scope));
  return status;
}

}  // namespace gofarm::service
