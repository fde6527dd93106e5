#include "coordinator/publish/rebuilder.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/obs/log.h"
#include "common/sync/wait.h"
#include "coordinator/store/rebuild_store.h"

namespace gofarm::publish {
namespace {

using domain::RebuildCandidate;

std::string NameOf(const std::vector<RebuildCandidate>& jobs) {
  if (jobs.size() != 1) return Cat("rebuild of ", jobs.size(), " jobs");
  const domain::JobRef& job = jobs.front().job;
  return Clip(Cat("rebuild of ", job.module, "@", job.version), 200);
}

}  // namespace

void Rebuilder::Start() {
  if (domain::SampleBound(parts_.share).empty()) return;
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void Rebuilder::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Rebuilder::Run(const std::stop_token& stop) {
  JobId after;
  absl::Time again = SteadyNow();
  while (sync::SleepFor(stop, kSampleEvery)) {
    if (SteadyNow() >= again) {
      after = JobId{};
      again = SteadyNow() + kSampleAgain;
    }
    // In pieces, so that a farm with a past is looked through before the next wait.
    for (JobId next = after; !stop.stop_requested();) {
      const absl::StatusOr<JobId> seen = Sample(Scope::For(kSampleCallMax, stop), next);
      if (!seen.ok()) {
        if (!stop.stop_requested()) {
          obs::Warn("rebuilds_not_sampled", {{"error", std::string(seen.status().message())}});
        }
        break;
      }
      if (!*seen) break;
      after = next = *seen;
    }
  }
}

absl::StatusOr<JobId> Rebuilder::Sample(const Scope& scope, JobId after) {
  const domain::RebuildFilter filter{.below = domain::SampleBound(parts_.share), .never_rebuilt = true};
  GOFARM_ASSIGN_OR_RETURN(std::vector<RebuildCandidate> jobs,
                          parts_.orders.Candidates(scope, filter, after, static_cast<int>(kSampledAtOnce)));
  if (jobs.empty()) return JobId{};
  const JobId last = jobs.back().job.id;
  std::erase_if(jobs, [&](const RebuildCandidate& each) { return !parts_.elsewhere(each.job.target, each.worker); });
  if (!jobs.empty()) {
    GOFARM_RETURN_IF_ERROR(OrderThese(scope, std::move(jobs), "sampled rebuilds", kSampledPriority).status());
  }
  return last;
}

absl::StatusOr<RebuildsOrdered> Rebuilder::OrderThese(const Scope& scope, std::vector<RebuildCandidate> jobs,
                                                      const std::string& name, int priority) {
  RebuildsOrdered result;
  std::erase_if(jobs, [&](const RebuildCandidate& each) {
    std::string why = domain::WhyNotRebuilt(each, parts_.toolsets, parts_.policy);
    if (why.empty()) return false;
    ++result.left_out;
    result.why = Cat(each.job.module, "@", each.job.version, ": ", why);
    return true;
  });
  if (jobs.empty()) return result;
  GOFARM_ASSIGN_OR_RETURN(const domain::RebuildOrder order,
                          parts_.orders.Order(scope, jobs, name.empty() ? NameOf(jobs) : name, priority));
  result.batch = order.batch;
  result.ordered = static_cast<int64_t>(order.queued.size());
  result.running = order.running;
  if (!order.queued.empty()) parts_.queued(order.queued);
  obs::Info("rebuilds_ordered", {{"batch", Cat(order.batch.value)},
                                 {"jobs", Cat(result.ordered)},
                                 {"under_way", Cat(result.running)},
                                 {"left_out", Cat(result.left_out)}});
  return result;
}

absl::StatusOr<RebuildsOrdered> Rebuilder::Order(const Scope& scope, const domain::RebuildFilter& filter) {
  std::vector<RebuildCandidate> jobs;
  for (JobId after;;) {
    GOFARM_ASSIGN_OR_RETURN(std::vector<RebuildCandidate> page,
                            parts_.orders.Candidates(scope, filter, after, store::kRebuildPageMax));
    if (page.empty()) break;
    after = page.back().job.id;
    std::move(page.begin(), page.end(), std::back_inserter(jobs));
    if (jobs.size() > kRebuildsOrderedMax) {
      return absl::ResourceExhaustedError(Cat("these are more than ", kRebuildsOrderedMax,
                                              " builds, which is all that one order may take: name modules"));
    }
  }
  if (jobs.empty()) {
    return absl::NotFoundError(Cat("nothing ", filter.module.empty() ? "" : "of it ",
                                   "is published that could be built ", "again; gofarm publish list shows what is"));
  }
  return OrderThese(scope, std::move(jobs), "", 0);
}

absl::StatusOr<RebuildsOrdered> Rebuilder::Order(const Scope& scope, const std::vector<domain::PublicationId>& ids) {
  GOFARM_ASSIGN_OR_RETURN(std::vector<RebuildCandidate> jobs, parts_.orders.CandidatesOf(scope, ids));
  if (jobs.empty()) {
    return absl::NotFoundError(
        "none of these is a publication whose build is there; gofarm publish list shows the ids");
  }
  return OrderThese(scope, std::move(jobs), "", 0);
}

}  // namespace gofarm::publish
