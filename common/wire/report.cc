#include "common/wire/report.h"

#include <gofarm/v1/worker.pb.h>

namespace gofarm::wire {
namespace {

void ToProto(const Dependency& in, v1::Dependency& out) {
  out.set_path(in.path);
  out.set_version(in.version);
  out.set_h1(in.h1);
  out.set_replace_path(in.replace_path);
  out.set_replace_version(in.replace_version);
}

void ToProto(const Executable& in, v1::Executable& out) {
  out.set_name(in.name);
  out.set_import_path(in.import_path);
  out.set_size(in.size);
  out.set_sha256(in.sha256);
  out.set_blake3(in.blake3);
  out.set_main_version(in.main_version);
  out.set_go_version(in.go_version);
  out.set_build_info(in.build_info);
  out.set_variant(in.variant);
  out.set_smoke(static_cast<v1::SmokeRun>(in.smoke));
  out.set_smoke_detail(in.smoke_detail);
  out.set_version_text(in.version_text);
  out.set_help_text(in.help_text);
  out.mutable_dependency_indexes()->Add(in.dependencies.begin(), in.dependencies.end());
}

Executable FromProto(const v1::Executable& in) {
  return {.name = in.name(),
          .import_path = in.import_path(),
          .size = in.size(),
          .sha256 = in.sha256(),
          .blake3 = in.blake3(),
          .main_version = in.main_version(),
          .go_version = in.go_version(),
          .build_info = in.build_info(),
          .dependencies = {in.dependency_indexes().begin(), in.dependency_indexes().end()},
          .variant = in.variant(),
          .smoke = static_cast<Smoke>(in.smoke()),
          .smoke_detail = in.smoke_detail(),
          .version_text = in.version_text(),
          .help_text = in.help_text()};
}

VariantTry FromProto(const v1::VariantTry& in) {
  return {.variant = in.variant(),
          .outcome = static_cast<VariantOutcome>(in.outcome()),
          .fingerprint = in.fingerprint(),
          .seconds = in.seconds(),
          .argv = {in.argv().begin(), in.argv().end()},
          .environment = {in.environment().begin(), in.environment().end()},
          .go_mod = in.go_mod(),
          .working_directory = in.working_directory(),
          .edits = {in.edits().begin(), in.edits().end()}};
}

AttemptFacts FromProto(const v1::AttemptFacts& in) {
  return {.go_version = in.go_version(),
          .zig_version = in.zig_version(),
          .go_sha256 = in.go_sha256(),
          .zig_sha256 = in.zig_sha256(),
          .sandbox_layout = in.sandbox_layout(),
          .worker_build = in.worker_build(),
          .log_sha256 = in.log_sha256(),
          .module_h1 = in.module_h1(),
          .bytes_fetched = in.bytes_fetched(),
          .dependency_count = in.dependency_count(),
          .licences_sha256 = in.licences_sha256(),
          .licences_size = in.licences_size(),
          .used_shared_cache = in.used_shared_cache(),
          .log_bytes = in.log_bytes(),
          .declared_path = in.declared_path(),
          .source_sha256 = in.source_sha256(),
          .source_size = in.source_size(),
          .cold_caches = in.cold_caches(),
          .module_zip_sha256 = in.module_zip_sha256()};
}

}  // namespace

void ToProto(const AttemptFacts& in, v1::AttemptFacts& out) {
  out.set_go_version(in.go_version);
  out.set_zig_version(in.zig_version);
  out.set_go_sha256(in.go_sha256);
  out.set_zig_sha256(in.zig_sha256);
  out.set_sandbox_layout(in.sandbox_layout);
  out.set_worker_build(in.worker_build);
  out.set_log_sha256(in.log_sha256);
  out.set_module_h1(in.module_h1);
  out.set_bytes_fetched(in.bytes_fetched);
  out.set_dependency_count(in.dependency_count);
  out.set_licences_sha256(in.licences_sha256);
  out.set_licences_size(in.licences_size);
  out.set_used_shared_cache(in.used_shared_cache);
  out.set_log_bytes(in.log_bytes);
  out.set_declared_path(in.declared_path);
  out.set_source_sha256(in.source_sha256);
  out.set_source_size(in.source_size);
  out.set_cold_caches(in.cold_caches);
  out.set_module_zip_sha256(in.module_zip_sha256);
}

void ToProto(const FailedProgram& in, v1::FailedProgram& out) {
  out.set_import_path(in.import_path);
  out.set_name(in.name);
  out.set_failure_class(static_cast<v1::FailureClass>(in.failure_class));
  out.set_failure_detail(in.failure_detail);
}

void ToProto(const Omission& in, v1::Omission& out) {
  out.set_part(static_cast<v1::ReportPart>(in.part));
  out.set_items(in.items);
}

void ToProto(const PhaseTime& in, v1::PhaseTime& out) {
  out.set_phase(static_cast<v1::Phase>(in.phase));
  out.set_seconds(in.seconds);
}

void ToProto(const VariantTry& in, v1::VariantTry& out) {
  out.set_variant(in.variant);
  out.set_outcome(static_cast<v1::VariantOutcome>(in.outcome));
  out.set_fingerprint(in.fingerprint);
  out.set_seconds(in.seconds);
  for (const std::string& argument : in.argv) out.add_argv(argument);
  for (const std::string& variable : in.environment) out.add_environment(variable);
  out.set_go_mod(in.go_mod);
  out.set_working_directory(in.working_directory);
  for (const std::string& edit : in.edits) out.add_edits(edit);
}

void ToProto(const AttemptReport& in, v1::CompleteRequest& out) {
  const int64_t token = out.token(), job = out.job_id();
  out.Clear();
  out.set_token(token);
  out.set_job_id(job);
  out.set_outcome(static_cast<v1::AttemptOutcome>(in.outcome));
  out.set_failure_class(static_cast<v1::FailureClass>(in.failure_class));
  out.set_failure_detail(in.failure_detail);
  for (const Executable& e : in.executables) ToProto(e, *out.add_executables());
  for (const Dependency& d : in.dependencies) ToProto(d, *out.add_dependencies());
  for (const FailedProgram& p : in.failed_programs) ToProto(p, *out.add_failed_programs());
  for (const VariantTry& v : in.variants) ToProto(v, *out.add_variants());
  for (const PhaseTime& p : in.phases) ToProto(p, *out.add_phases());
  out.set_peak_memory_bytes(in.peak_memory_bytes);
  out.set_cpu_seconds(in.cpu_seconds);
  ToProto(in.facts, *out.mutable_facts());
  for (const Omission& o : in.omitted) ToProto(o, *out.add_omitted());
  for (const std::string& note : in.notes) out.add_notes(note);
}

AttemptReport ReportFromProto(const v1::CompleteRequest& in) {
  AttemptReport out;
  out.outcome = static_cast<AttemptOutcome>(in.outcome());
  out.failure_class = static_cast<FailureClass>(in.failure_class());
  out.failure_detail = in.failure_detail();
  for (const v1::Executable& e : in.executables()) out.executables.push_back(FromProto(e));
  for (const v1::Dependency& d : in.dependencies()) {
    out.dependencies.push_back({d.path(), d.version(), d.h1(), d.replace_path(), d.replace_version()});
  }
  for (const v1::FailedProgram& p : in.failed_programs()) {
    out.failed_programs.push_back(
        {p.import_path(), p.name(), static_cast<FailureClass>(p.failure_class()), p.failure_detail()});
  }
  for (const v1::VariantTry& v : in.variants()) out.variants.push_back(FromProto(v));
  for (const v1::PhaseTime& p : in.phases()) out.phases.push_back({static_cast<Phase>(p.phase()), p.seconds()});
  out.peak_memory_bytes = in.peak_memory_bytes();
  out.cpu_seconds = in.cpu_seconds();
  out.facts = FromProto(in.facts());
  for (const v1::Omission& o : in.omitted()) out.omitted.push_back({static_cast<ReportPart>(o.part()), o.items()});
  out.notes.assign(in.notes().begin(), in.notes().end());
  return out;
}

}  // namespace gofarm::wire
