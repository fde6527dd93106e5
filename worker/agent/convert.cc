#include "worker/agent/convert.h"

#include <gofarm/v1/worker.pb.h>

#include <algorithm>
#include <cmath>

#include "common/base/text.h"

namespace gofarm::agent {
namespace {

constexpr size_t kVariantMax = 200;

absl::Duration FromSeconds(double seconds) {
  // A duration that is no number, negative or beyond a year is none.
  return std::isfinite(seconds) && seconds > 0 && seconds < 366 * 86400.0 ? absl::Seconds(seconds)
                                                                          : absl::ZeroDuration();
}

std::string Detail(std::string_view text) { return Clip(text, kDetailMax); }

void ExecutableToProto(const build::BuiltExecutable& in, v1::Executable& out) {
  out.set_name(in.name);
  out.set_import_path(in.import_path);
  out.set_size(in.size);
  out.set_sha256(in.sha256);
  out.set_blake3(in.blake3);
  out.set_main_version(in.main_version);
  out.set_go_version(in.go_version);
  out.set_build_info(EscapeForPrint(in.build_info, /*keep_newlines=*/true));
  out.set_variant(in.variant);
  for (const build::Dependency& d : in.dependencies) {
    v1::Dependency& dependency = *out.add_dependencies();
    dependency.set_path(EscapeForPrint(d.path));
    dependency.set_version(EscapeForPrint(d.version));
    dependency.set_h1(EscapeForPrint(d.h1));
    dependency.set_replace_path(EscapeForPrint(d.replace_path));
    dependency.set_replace_version(EscapeForPrint(d.replace_version));
  }
}

void VariantToProto(const build::VariantTry& in, v1::VariantTry& out) {
  out.set_variant(in.variant);
  out.set_outcome(in.outcome);
  out.set_fingerprint(EscapeForPrint(in.fingerprint));
  out.set_seconds(std::max(0.0, in.seconds));
  for (const std::string& word : in.argv) out.add_argv(EscapeForPrint(word, true));
  for (const std::string& variable : in.environment) out.add_environment(EscapeForPrint(variable, true));
  out.set_go_mod(EscapeForPrint(in.go_mod, true));
  out.set_working_directory(in.working_directory);
}

void FactsToProto(const build::AttemptFacts& in, const AttemptExtras& extras, v1::AttemptFacts& out) {
  out.set_go_version(in.go_version);
  out.set_zig_version(in.zig_version);
  out.set_go_sha256(in.go_sha256);
  out.set_zig_sha256(in.zig_sha256);
  out.set_sandbox_layout(in.sandbox_layout);
  out.set_worker_build(extras.worker_build);
  out.set_log_sha256(extras.log_sha256);
  out.set_module_h1(in.module_h1);
  out.set_bytes_fetched(in.bytes_fetched);
  out.set_dependency_count(in.dependency_count);
  out.set_licences_sha256(in.licences_sha256);
  out.set_licences_size(in.licences_size);
  out.set_used_shared_cache(in.used_shared_cache);
  out.set_log_bytes(extras.log_bytes);
}

void FitInto(size_t limit, v1::CompleteRequest& out) {
  if (out.ByteSizeLong() <= limit) return;
  for (v1::Executable& e : *out.mutable_executables()) e.clear_build_info();
  if (out.ByteSizeLong() <= limit) return;
  for (v1::VariantTry& v : *out.mutable_variants()) {
    v.clear_go_mod();
    v.clear_environment();
  }
  if (out.ByteSizeLong() <= limit) return;
  for (v1::Executable& e : *out.mutable_executables()) e.clear_dependencies();
  if (out.ByteSizeLong() <= limit) return;
  for (v1::VariantTry& v : *out.mutable_variants()) v.clear_argv();
  for (v1::FailedProgram& p : *out.mutable_failed_programs())
    p.set_failure_detail(Clip(p.failure_detail(), kVariantMax));
  if (out.ByteSizeLong() <= limit) return;
  // Thousands of programs with the longest of paths. Sent all the same it would be refused for as long as the attempt
  // lasts.
  const int programs = out.executables_size() + out.failed_programs_size();
  out.clear_executables();
  out.clear_failed_programs();
  out.clear_variants();
  out.set_outcome(v1::ATTEMPT_OUTCOME_FAILED);
  out.set_failure_class(v1::FAILURE_CLASS_OUTPUT_LIMIT);
  out.set_failure_detail(
      Cat("what is to be said of the module's ", programs, " programs is more than the ", limit, " bytes of a report"));
}

}  // namespace

Toolset ToolsetFromProto(const v1::Toolset& in) {
  Toolset out;
  out.name = in.name();
  out.go_versions.assign(in.go_versions().begin(), in.go_versions().end());
  out.zig_version = in.zig_version();
  out.digest = in.digest();
  for (const v1::Archive& a : in.archives()) {
    out.archives.push_back({a.kind(), a.version(), a.host_arch(), a.source(), a.locator(), a.sha256()});
  }
  return out;
}

Offer OfferFromProto(const v1::Offer& in) {
  Offer out;
  out.token = AttemptToken{in.token()};
  out.job = JobId{in.job_id()};
  out.module = in.module();
  out.version = in.version();
  out.target = static_cast<Target>(in.target());
  out.toolset = in.toolset();
  out.recipe_digest = in.recipe_digest();
  for (const int target : in.sibling_targets()) {
    // One that this worker does not know is a later coordinator's; fetching for it would be wrong.
    if (v1::Target_IsValid(target) && target != v1::TARGET_UNSPECIFIED)
      out.siblings.push_back(static_cast<Target>(target));
  }
  out.deadline = FromSeconds(in.deadline_seconds());
  const v1::BuildLimits& limits = in.limits();
  out.limits = {.wall = FromSeconds(limits.wall_seconds()),
                .silence = FromSeconds(limits.silence_seconds()),
                .memory_bytes = std::max<int64_t>(0, limits.memory_bytes()),
                .log_bytes = std::max<int64_t>(0, limits.log_bytes()),
                .output_bytes = std::max<int64_t>(0, limits.output_bytes()),
                .processes = std::max(0, limits.processes())};
  return out;
}

bool CanBuildOn(const Toolset& toolset, std::string_view host_arch) {
  const auto has = [&](std::string_view kind, std::string_view version) {
    return std::any_of(toolset.archives.begin(), toolset.archives.end(), [&](const Archive& a) {
      return a.kind == kind && a.version == version && a.host_arch == host_arch;
    });
  };
  return !toolset.go_versions.empty() && has("zig", toolset.zig_version) &&
         std::all_of(toolset.go_versions.begin(), toolset.go_versions.end(),
                     [&](const std::string& go) { return has("go", go); });
}

build::BuildOrder OrderFromOffer(const Offer& offer, const Toolset& toolset, int slot, int64_t memory_per_slot) {
  build::BuildOrder order;
  order.token = offer.token;
  order.job = offer.job;
  order.module = offer.module;
  order.version = offer.version;
  order.target = offer.target;
  order.siblings = offer.siblings;
  order.toolset = toolset;
  order.slot = slot;
  // A limit of zero is none stated: the default stands.
  if (offer.limits.wall > absl::ZeroDuration()) order.limits.wall = offer.limits.wall;
  if (offer.limits.silence > absl::ZeroDuration()) order.limits.silence = offer.limits.silence;
  if (offer.limits.log_bytes > 0) order.limits.log_bytes = offer.limits.log_bytes;
  if (offer.limits.output_bytes > 0) order.limits.output_bytes = offer.limits.output_bytes;
  if (offer.limits.processes > 0) order.limits.processes = offer.limits.processes;
  order.limits.memory_bytes =
      offer.limits.memory_bytes > 0 ? std::min(offer.limits.memory_bytes, memory_per_slot) : memory_per_slot;
  return order;
}

void ProgressToProto(AttemptToken token, const Progress& progress, v1::Progress& out) {
  out.set_token(token.value);
  out.set_phase(static_cast<v1::Phase>(progress.phase));
  out.set_variant(Clip(EscapeForPrint(progress.variant), kVariantMax));
  out.set_detail(Detail(EscapeForPrint(progress.detail)));
  out.set_bytes_done(std::max<int64_t>(0, progress.bytes_done));
  out.set_bytes_total(std::max<int64_t>(0, progress.bytes_total));
  out.set_phase_seconds(std::max(0.0, progress.phase_seconds));
  for (const Phase phase : progress.phases) out.add_phases(static_cast<v1::Phase>(phase));
}

void ReportToProto(const build::BuildOrder& order, const build::BuildReport& report, const AttemptExtras& extras,
                   v1::CompleteRequest& out) {
  out.Clear();
  out.set_token(order.token.value);
  out.set_job_id(order.job.value);
  out.set_outcome(static_cast<v1::AttemptOutcome>(report.outcome));
  out.set_failure_class(static_cast<v1::FailureClass>(report.failure));
  out.set_failure_detail(Detail(EscapeForPrint(report.detail, true)));
  for (const build::BuiltExecutable& e : report.executables) ExecutableToProto(e, *out.add_executables());
  for (const build::FailedProgram& p : report.failed_programs) {
    v1::FailedProgram& program = *out.add_failed_programs();
    program.set_import_path(EscapeForPrint(p.import_path));
    program.set_name(EscapeForPrint(p.name));
    program.set_failure_class(static_cast<v1::FailureClass>(p.failure));
    program.set_failure_detail(Detail(EscapeForPrint(p.detail, true)));
  }
  for (const build::VariantTry& v : report.variants) VariantToProto(v, *out.add_variants());
  for (const auto& [phase, seconds] : report.phases) {
    if (phase == Phase::kNone) continue;
    v1::PhaseTime& time = *out.add_phases();
    time.set_phase(static_cast<v1::Phase>(phase));
    time.set_seconds(std::max(0.0, seconds));
  }
  if (extras.upload_seconds > 0) {
    v1::PhaseTime& time = *out.add_phases();
    time.set_phase(v1::PHASE_UPLOAD);
    time.set_seconds(extras.upload_seconds);
  }
  out.set_peak_memory_bytes(std::max<int64_t>(0, report.peak_memory_bytes));
  out.set_cpu_seconds(std::max(0.0, report.cpu_seconds));
  FactsToProto(report.facts, extras, *out.mutable_facts());
  FitInto(kCompleteBytesMax, out);
}

void RefusedReportToProto(const build::BuildOrder& order, std::string_view why, const AttemptExtras& extras,
                          v1::CompleteRequest& out) {
  build::BuildReport report;
  report.outcome = AttemptOutcome::kFailed;
  report.failure = FailureClass::kInternal;
  report.detail = std::string(why);
  ReportToProto(order, report, extras, out);
}

}  // namespace gofarm::agent
