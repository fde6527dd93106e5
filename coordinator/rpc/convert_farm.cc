#include <gofarm/v1/farm.pb.h>

#include <algorithm>

#include "common/base/text.h"
#include "common/vocab/worker_report.h"
#include "common/wire/report.h"
#include "common/wire/worker_report.h"
#include "coordinator/rpc/convert.h"

namespace gofarm::rpc {
namespace {

v1::FailureClass ToProto(FailureClass c) { return static_cast<v1::FailureClass>(c); }
v1::Target ToProto(Target t) { return static_cast<v1::Target>(t); }

void ToProto(const domain::Attempt& in, v1::Attempt& out) {
  out.set_token(in.token.value);
  out.set_worker(in.worker);
  out.set_outcome(static_cast<v1::AttemptOutcome>(in.outcome));
  rpc::ToProto(in.started_at, *out.mutable_started_at());
  rpc::ToProto(in.ended_at, *out.mutable_ended_at());
  const AttemptReport& report = in.report;
  for (const VariantTry& v : report.variants) wire::ToProto(v, *out.add_variants());
  for (const PhaseTime& p : report.phases) wire::ToProto(p, *out.add_phases());
  // Where it ended; of a running one the board knows.
  if (!report.phases.empty()) out.set_phase(static_cast<v1::Phase>(report.phases.back().phase));
  out.set_peak_memory_bytes(report.peak_memory_bytes);
  out.set_cpu_seconds(report.cpu_seconds);
  out.set_failure_class(ToProto(in.failure_class));
  out.set_failure_detail(in.failure_detail);
  wire::ToProto(report.facts, *out.mutable_facts());
  for (const Omission& o : report.omitted) wire::ToProto(o, *out.add_omitted());
  for (const std::string& note : report.notes) out.add_notes(note);
}

void ToProto(const WorkerReport& in, v1::WorkerRow& out) {
  for (const InstalledToolchain& t : in.toolchains) wire::ToProto(t, *out.add_toolchains());
  for (const TargetReadiness& r : in.readiness) wire::ToProto(r, *out.add_readiness());
  out.set_cache_bytes(in.cache_bytes);
  out.set_disk_free_bytes(in.disk_free_bytes);
  out.set_scrape_address(in.scrape_address);
}

void ToProto(const domain::Job& in, v1::Job& out) {
  out.set_id(in.id.value);
  for (const BatchId b : in.batches) {
    if (out.batch_ids_size() == kBatchesShownMax) break;
    out.add_batch_ids(b.value);
  }
  out.set_module(in.module);
  out.set_version(in.version);
  out.set_target(ToProto(in.target));
  out.set_state(static_cast<v1::JobState>(in.state));
  out.set_failure_class(ToProto(in.failure_class));
  out.set_failure_detail(in.failure_detail);
  for (const domain::Attempt& a : in.attempts) ToProto(a, *out.add_attempts());
  for (const domain::ArtifactRow& e : in.executables) rpc::ToProto(e, *out.add_executables());
  for (const FailedProgram& p : in.failed_programs) wire::ToProto(p, *out.add_failed_programs());
  out.set_toolset(in.toolset);
  out.set_recipe_digest(in.recipe_digest);
  out.set_generation(in.generation);
  rpc::ToProto(in.created_at, *out.mutable_created_at());
  out.set_rebuild_of(in.rebuild_of.value);
  // The newest: a job may be built again for years.
  const size_t skipped = in.rebuilds.size() - std::min(in.rebuilds.size(), kRebuildsShownMax);
  for (size_t i = skipped; i < in.rebuilds.size(); ++i) {
    const domain::RebuildResult& result = in.rebuilds[i];
    v1::RebuildResult& row = *out.add_rebuilds();
    row.set_job_id(result.rebuild.value);
    row.set_import_path(result.import_path);
    row.set_worker(result.worker);
    row.set_reproduced(result.reproduced);
    row.set_detail(Clip(result.detail, kShortTextMax));
    rpc::ToProto(result.at, *row.mutable_at());
  }
}

void Omit(v1::Attempt& attempt, v1::ReportPart part, int items) {
  if (items == 0) return;
  v1::Omission& omission = *attempt.add_omitted();
  omission.set_part(part);
  omission.set_items(items);
}

// Takes rows from the end of a list until `bytes` are saved; how many.
template <typename Row>
int DropRows(google::protobuf::RepeatedPtrField<Row>& rows, size_t bytes) {
  int dropped = 0;
  for (size_t saved = 0; saved < bytes && !rows.empty(); ++dropped) {
    saved += rows.rbegin()->ByteSizeLong();
    rows.RemoveLast();
  }
  return dropped;
}
size_t Excess(const google::protobuf::Message& row) {
  const size_t bytes = row.ByteSizeLong();
  return bytes - std::min(bytes, kRowBytesMax);
}

// Leaves out parts of variants, of the oldest attempts first, and says so in each attempt's `omitted`, until the
// job fits kRowBytesMax.
template <typename Clear>
void LeaveOut(v1::Job& job, v1::ReportPart part, Clear clear) {
  for (v1::Attempt& attempt : *job.mutable_attempts()) {
    if (job.ByteSizeLong() <= kRowBytesMax) return;
    int items = 0;
    for (v1::VariantTry& variant : *attempt.mutable_variants()) items += clear(variant) ? 1 : 0;
    Omit(attempt, part, items);
  }
}
// The programs of a job are those of its newest attempt, which says what is not shown of them.
void LeaveOutPrograms(v1::Job& job) {
  if (Excess(job) == 0 || job.attempts().empty()) return;
  v1::Attempt& newest = *job.mutable_attempts()->rbegin();
  int details = 0;
  for (v1::FailedProgram& program : *job.mutable_failed_programs()) {
    details += program.failure_detail().size() > kShortTextMax ? 1 : 0;
    program.set_failure_detail(Clip(program.failure_detail(), kShortTextMax));
  }
  Omit(newest, v1::REPORT_PART_FAILURE_DETAIL, details);
  int programs = 0;
  if (const size_t excess = Excess(job); excess > 0) programs += DropRows(*job.mutable_failed_programs(), excess);
  if (const size_t excess = Excess(job); excess > 0) programs += DropRows(*job.mutable_executables(), excess);
  Omit(newest, v1::REPORT_PART_PROGRAMS, programs);
}
void FitJob(v1::Job& job) {
  LeaveOut(job, v1::REPORT_PART_GO_MOD, [](v1::VariantTry& variant) {
    const bool had = !variant.go_mod().empty();
    variant.clear_go_mod();
    return had;
  });
  LeaveOut(job, v1::REPORT_PART_ENVIRONMENT, [](v1::VariantTry& variant) {
    const bool had = variant.environment_size() > 0;
    variant.clear_environment();
    return had;
  });
  LeaveOut(job, v1::REPORT_PART_ARGV, [](v1::VariantTry& variant) {
    const bool had = variant.argv_size() > 0;
    variant.clear_argv();
    return had;
  });
  LeaveOutPrograms(job);
}

// What a worker reports fits in any case; what it runs may not.
static_assert(kWorkerReportRowsMax * (2 * kWorkerDetailMax + 4 * kWorkerTextMax + 128) + (256 << 10) < kRowBytesMax);
void FitWorker(v1::WorkerRow& row) {
  if (Excess(row) == 0) return;
  for (v1::RunningJob& running : *row.mutable_running()) running.mutable_progress()->clear_detail();
  const size_t excess = Excess(row);
  if (excess == 0) return;
  constexpr size_t kNoteBytes = 200;
  const int dropped = DropRows(*row.mutable_running(), excess + kNoteBytes);
  row.set_detail(Cat(row.detail(), row.detail().empty() ? "" : "; ", dropped, " of the jobs it runs are not shown"));
}

}  // namespace

absl::StatusOr<domain::SubmitRequest> FromSubmitHeader(const v1::SubmitChunk_Header& in) {
  domain::SubmitRequest out;
  out.request_id = in.request_id();
  out.name = in.name();
  out.submitter = in.submitter();
  out.force = in.force();
  out.priority = in.priority();
  out.labels.insert(in.labels().begin(), in.labels().end());
  for (const int number : in.targets()) {
    if (number < static_cast<int>(Target::kX86_64) || number > static_cast<int>(Target::kLoongarch64)) {
      return absl::InvalidArgumentError(Cat("target number ", number, " is unknown; the targets are ", kTargetNames));
    }
    out.targets.push_back(static_cast<Target>(number));
  }
  return out;
}

void ToProto(absl::Time time, v1::Timestamp& out) {
  out.set_unix_micros(time == absl::InfinitePast() ? 0 : absl::ToUnixMicros(time));
}

void ToProto(const domain::JobCounts& in, v1::JobCounts& out) {
  out.set_queued(in.queued);
  out.set_running(in.running);
  out.set_built(in.built);
  out.set_partial(in.partial);
  out.set_nothing_to_build(in.nothing_to_build);
  out.set_failed(in.failed);
  out.set_cancelled(in.cancelled);
}

void ToProto(const domain::Batch& in, v1::Batch& out) {
  out.set_id(in.id.value);
  out.set_name(in.name);
  out.set_state(static_cast<v1::BatchState>(in.state));
  out.set_submitter(in.submitter);
  ToProto(in.created_at, *out.mutable_created_at());
  ToProto(in.jobs, *out.mutable_jobs());
  out.set_executables(in.executables);
}

void ToProto(const domain::JobView& in, v1::Job& out) {
  ToProto(in.job, out);
  FitJob(out);
  out.set_wait_reason(static_cast<v1::WaitReason>(in.wait_reason));
  out.set_wait_detail(Clip(in.wait_detail, kDetailMax));
  if (!in.live) return;
  for (v1::Attempt& attempt : *out.mutable_attempts()) {
    if (attempt.token() != in.live.value) continue;
    ToProto(in.live, in.progress, *attempt.mutable_progress());
    attempt.set_phase(static_cast<v1::Phase>(in.progress.phase));
  }
}

void ToProto(const domain::ArtifactRow& in, v1::ArtifactRow& out) {
  out.set_name(in.name);
  out.set_import_path(in.import_path);
  out.set_module(in.module);
  out.set_version(in.version);
  out.set_target(ToProto(in.target));
  out.set_size(in.size);
  out.set_sha256(in.sha256);
  out.set_blake3(in.blake3);
  out.set_main_version(in.main_version);
  out.set_go_version(in.go_version);
  out.set_job_id(in.job.value);
  out.set_smoke(static_cast<v1::SmokeRun>(in.smoke));
  out.set_smoke_detail(in.smoke_detail);
}

void ToProto(AttemptToken token, const Progress& in, v1::Progress& out) {
  out.set_token(token.value);
  out.set_phase(static_cast<v1::Phase>(in.phase));
  out.set_variant(in.variant);
  out.set_detail(in.detail);
  out.set_bytes_done(in.bytes_done);
  out.set_bytes_total(in.bytes_total);
  out.set_phase_seconds(in.phase_seconds);
  for (const Phase phase : in.phases) out.add_phases(static_cast<v1::Phase>(phase));
}

void ToProto(const domain::RunningJob& in, absl::Time now, v1::RunningJob& out) {
  out.set_job_id(in.job.id.value);
  out.set_module(in.job.module);
  out.set_version(in.job.version);
  out.set_target(ToProto(in.job.target));
  out.set_worker(in.worker);
  out.set_seconds(absl::ToDoubleSeconds(now - in.started_at));
  if (in.progress.phase != Phase::kNone) ToProto(in.token, in.progress, *out.mutable_progress());
}

void ToProto(const domain::JobEvent& in, v1::JobEvent& out) {
  out.set_sequence(in.sequence);
  out.set_job_id(in.job.id.value);
  out.set_module(in.job.module);
  out.set_version(in.job.version);
  out.set_target(ToProto(in.job.target));
  out.set_token(in.token.value);
  if (const auto* state = std::get_if<JobState>(&in.step)) out.set_state(static_cast<v1::JobState>(*state));
  if (const auto* phase = std::get_if<Phase>(&in.step)) out.set_phase(static_cast<v1::Phase>(*phase));
  out.set_detail(in.detail);
}

void ToProto(const domain::WorkerView& in, absl::Time now, v1::WorkerRow& out) {
  out.set_name(in.name);
  out.set_pid(in.pid);
  out.set_host_arch(in.host_arch);
  for (const Target t : in.targets) out.add_targets(ToProto(t));
  out.set_state(static_cast<v1::WorkerState>(in.state));
  out.set_detail(in.detail);
  out.set_slots(in.slots);
  out.set_free_slots(in.free_slots);
  out.set_build_version(in.build_version);
  out.set_memory_bytes(in.memory_bytes);
  out.mutable_labels()->insert(in.labels.begin(), in.labels.end());
  out.set_draining(in.draining);
  out.set_address(in.address);
  out.set_held(in.held);
  ToProto(in.last_seen_at, *out.mutable_last_seen_at());
  ToProto(in.report, out);
  for (const domain::RunningJob& running : in.running) ToProto(running, now, *out.add_running());
  FitWorker(out);
}

void ToProto(const domain::BatchUpdate& in, absl::Time now, v1::BatchUpdate& out) {
  ToProto(in.batch, *out.mutable_batch());
  for (const domain::RunningJob& running : in.running) ToProto(running, now, *out.add_running());
  for (const domain::JobEvent& event : in.events) ToProto(event, *out.add_events());
  out.set_waiting(Clip(in.waiting, kDetailMax));
}

}  // namespace gofarm::rpc
