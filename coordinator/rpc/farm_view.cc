#include "coordinator/rpc/farm_view.h"

#include <map>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "coordinator/rpc/convert.h"

namespace gofarm::rpc {
namespace {

void FillWait(RpcContext& rpc, const domain::Job& job, v1::Job& out) {
  dispatch::WhyWaiting why = rpc.parts.dispatch.Why(job.id);
  const absl::Duration rest = job.not_before - absl::Now();
  if (why.reason == WaitReason::kNone && rest > absl::ZeroDuration()) {
    why.reason = WaitReason::kBackoff;
    why.detail = Cat("tried again in ", absl::FormatDuration(absl::Floor(rest, absl::Seconds(1)) + absl::Seconds(1)));
  }
  out.set_wait_reason(static_cast<v1::WaitReason>(why.reason));
  out.set_wait_detail(why.detail);
}

}  // namespace

void FitJob(v1::Job& job) {
  const auto leave_out = [&](const auto& from_variant) {
    for (v1::Attempt& attempt : *job.mutable_attempts()) {
      if (job.ByteSizeLong() <= kJobBytesMax) return;
      for (v1::VariantTry& variant : *attempt.mutable_variants()) from_variant(variant);
    }
  };
  leave_out([](v1::VariantTry& variant) { variant.clear_go_mod(); });
  leave_out([](v1::VariantTry& variant) {
    variant.clear_argv();
    variant.clear_environment();
  });
}

void FillJob(RpcContext& rpc, const domain::Job& job, v1::Job& out) {
  ToProto(job, out);
  FitJob(out);
  if (job.state == JobState::kQueued) return FillWait(rpc, job, out);
  if (job.state != JobState::kRunning) return;
  for (v1::Attempt& attempt : *out.mutable_attempts()) {
    if (attempt.outcome() != v1::ATTEMPT_OUTCOME_RUNNING) continue;
    const AttemptToken token{attempt.token()};
    const std::optional<service::LiveProgress> live = rpc.parts.board.Of(token);
    if (!live) continue;
    ToProto(token, *live, *attempt.mutable_progress());
    attempt.set_phase(static_cast<v1::Phase>(live->phase));
    if (live->phase == Phase::kSeed) {
      out.set_wait_reason(v1::WAIT_REASON_TARGET_SEEDING);
      out.set_wait_detail(live->detail);
    }
  }
}

void FillRunning(RpcContext& rpc, const service::RunningView& running, v1::RunningJob& out) {
  out.set_job_id(running.job.id.value);
  out.set_module(running.job.module);
  out.set_version(running.job.version);
  out.set_target(static_cast<v1::Target>(running.job.target));
  out.set_worker(running.worker);
  out.set_seconds(absl::ToDoubleSeconds(absl::Now() - running.started_at));
  if (const auto live = rpc.parts.board.Of(running.token)) ToProto(running.token, *live, *out.mutable_progress());
}

absl::StatusOr<std::vector<v1::WorkerRow>> WorkerRows(RpcContext& rpc, const Scope& scope) {
  std::map<std::string, v1::WorkerRow> rows;
  GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::WorkerInfo> known, rpc.parts.queries.Workers(scope));
  for (const domain::WorkerInfo& info : known) ToProto(info, rows[info.name]);
  for (const service::WorkerView& view : rpc.parts.dispatch.Workers()) {
    v1::WorkerRow& row = rows[view.name];
    ToProto(view, row);
    if (const auto report = rpc.parts.hub.ReportOf(view.name)) ToProto(*report, row);
  }
  for (const service::RunningView& running : rpc.parts.dispatch.Running()) {
    if (const auto row = rows.find(running.worker); row != rows.end())
      FillRunning(rpc, running, *row->second.add_running());
  }
  std::vector<v1::WorkerRow> out;
  out.reserve(rows.size());
  for (auto& [name, row] : rows) out.push_back(std::move(row));
  return out;
}

}  // namespace gofarm::rpc
