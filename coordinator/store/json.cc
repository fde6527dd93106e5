#include "coordinator/store/json.h"

#include <optional>

#include "common/json/fields.h"
#include "common/vocab/target.h"

namespace gofarm {

template <typename Form, json::Is<VariantTry> V>
void Fields(Form& form, V& v) {
  form.Field("variant", v.variant);
  form.Named(
      "outcome", v.outcome, [](VariantOutcome outcome) { return Name(outcome); }, ParseVariantOutcome);
  form.Field("fingerprint", v.fingerprint);
  form.Field("seconds", v.seconds);
  form.Field("argv", v.argv);
  form.Field("environment", v.environment);
  form.Field("go_mod", v.go_mod);
  form.Field("working_directory", v.working_directory);
  form.Field("edits", v.edits);
}

template <typename Form, json::Is<PhaseTime> P>
void Fields(Form& form, P& p) {
  form.Number("phase", p.phase, Phase::kUpload);
  form.Field("seconds", p.seconds);
}

template <typename Form, json::Is<AttemptFacts> F>
void Fields(Form& form, F& f) {
  form.Field("go_version", f.go_version);
  form.Field("zig_version", f.zig_version);
  form.Field("go_sha256", f.go_sha256);
  form.Field("zig_sha256", f.zig_sha256);
  form.Field("sandbox_layout", f.sandbox_layout);
  form.Field("worker_build", f.worker_build);
  form.Field("log_sha256", f.log_sha256);
  form.Field("module_h1", f.module_h1);
  form.Field("bytes_fetched", f.bytes_fetched);
  form.Field("dependency_count", f.dependency_count);
  form.Field("licences_sha256", f.licences_sha256);
  form.Field("licences_size", f.licences_size);
  form.Field("used_shared_cache", f.used_shared_cache);
  form.Field("log_bytes", f.log_bytes);
  form.Field("declared_path", f.declared_path);
  form.Field("source_sha256", f.source_sha256);
  form.Field("source_size", f.source_size);
  form.Field("cold_caches", f.cold_caches);
  form.Field("module_zip_sha256", f.module_zip_sha256);
}

template <typename Form, json::Is<Dependency> D>
void Fields(Form& form, D& d) {
  form.Field("path", d.path);
  form.Field("version", d.version);
  form.Field("h1", d.h1);
  form.Field("replace_path", d.replace_path);
  form.Field("replace_version", d.replace_version);
}

template <typename Form, json::Is<Executable> E>
void Fields(Form& form, E& e) {
  form.Field("import_path", e.import_path);
  form.Field("name", e.name);
  form.Field("size", e.size);
  form.Field("sha256", e.sha256);
  form.Field("blake3", e.blake3);
  form.Field("main_version", e.main_version);
  form.Field("go_version", e.go_version);
  form.Field("build_info", e.build_info);
  form.Field("variant", e.variant);
  // An end of a run that only a later release knows must not cost the whole executable.
  form.Named(
      "smoke", e.smoke, [](Smoke smoke) { return Name(smoke); },
      [](std::string_view name) { return std::optional(ParseSmoke(name)); });
  form.Field("smoke_detail", e.smoke_detail);
  form.Field("version_text", e.version_text);
  form.Field("help_text", e.help_text);
  form.Field("dependencies", e.dependencies);
}

template <typename Form, json::Is<FailedProgram> P>
void Fields(Form& form, P& p) {
  form.Field("import_path", p.import_path);
  form.Field("name", p.name);
  form.Number("failure_class", p.failure_class, kLastFailureClass);
  form.Field("failure_detail", p.failure_detail);
}

template <typename Form, json::Is<Omission> O>
void Fields(Form& form, O& o) {
  form.Named(
      "part", o.part, [](ReportPart part) { return Name(part); }, ParseReportPart);
  form.Field("items", o.items);
}

template <typename Form, json::Is<AttemptReport> R>
void Fields(Form& form, R& r) {
  form.Number("outcome", r.outcome, AttemptOutcome::kLost);
  form.Number("failure_class", r.failure_class, kLastFailureClass);
  form.Field("failure_detail", r.failure_detail);
  form.Field("executables", r.executables);
  form.Field("dependencies", r.dependencies);
  form.Field("failed_programs", r.failed_programs);
  form.Field("variants", r.variants);
  form.Field("phases", r.phases);
  form.Field("peak_memory_bytes", r.peak_memory_bytes);
  form.Field("cpu_seconds", r.cpu_seconds);
  form.Field("facts", r.facts);
  form.Field("omitted", r.omitted);
  form.Field("notes", r.notes);
}

template <typename Form, json::Is<InstalledToolchain> T>
void Fields(Form& form, T& t) {
  form.Field("kind", t.kind);
  form.Field("version", t.version);
  form.Field("path", t.path);
  form.Field("sha256", t.sha256);
}

template <typename Form, json::Is<TargetReadiness> R>
void Fields(Form& form, R& r) {
  form.Named("target", r.target, TargetName, ParseTarget);
  form.Named(
      "state", r.state, [](ReadinessState state) { return Name(state); }, ParseReadinessState);
  form.Field("detail", r.detail);
  form.Field("seconds", r.seconds);
  form.Field("toolset", r.toolset);
}

template <typename Form, json::Is<WorkerReport> R>
void Fields(Form& form, R& r) {
  form.Field("toolchains", r.toolchains);
  form.Field("readiness", r.readiness);
  form.Field("cache_bytes", r.cache_bytes);
  form.Field("disk_free_bytes", r.disk_free_bytes);
  form.Field("scrape_address", r.scrape_address);
}

}  // namespace gofarm

namespace gofarm::domain {

// What a worker said of itself when its session began: written from the request, read as what is known of the worker.
template <typename Form, typename Hello>
void HelloFields(Form& form, Hello& h) {
  form.Field("host_arch", h.host_arch);
  form.Field("build_version", h.build_version);
  form.Field("pid", h.pid);
  form.Field("slots", h.slots);
  form.Field("memory_bytes", h.memory_bytes);
  form.Field("isolation_error", h.isolation_error);
  form.Field("labels", h.labels);
  form.Field("address", h.address);
  form.Named("targets", h.targets, TargetName, ParseTarget);
}

void Fields(json::FieldWriter& form, const SessionRequest& r) {
  form.Field("instance", r.instance);
  HelloFields(form, r);
}

void Fields(json::FieldReader& form, WorkerInfo& w) { HelloFields(form, w); }

template <typename Form, json::Is<ReleaseFacts> R>
void Fields(Form& form, R& r) {
  form.Field("program", r.program);
  form.Field("kind", r.kind);
  form.Field("description", r.description);
  form.Field("repository", r.repository);
  form.Field("topics", r.topics);
  form.Field("stars", r.stars);
  form.Field("licences", r.licences);
  form.Field("licence_note", r.licence_note);
  form.Field("version_text", r.version_text);
  form.Field("deprecated", r.deprecated);
  form.Field("deprecated_note", r.deprecated_note);
}

}  // namespace gofarm::domain

namespace gofarm::store {
namespace {

// Text that is no JSON leaves the defaults; a jsonb column holds none.
template <typename Value>
void ReadLenient(std::string_view text, Value& out) {
  json::Read(text, json::Rule::kLenient, out).IgnoreError();
}
template <typename Value>
Value Lenient(std::string_view text) {
  Value value;
  ReadLenient(text, value);
  return value;
}

}  // namespace

std::string LabelsJson(const std::map<std::string, std::string>& labels) { return json::Write(labels); }
std::string AttemptReportJson(const AttemptReport& report) { return json::Write(report); }
std::string HelloJson(const domain::SessionRequest& hello) { return json::Write(hello); }
std::string ReportJson(const WorkerReport& report) { return json::Write(report); }
std::string ReleaseFactsJson(const domain::ReleaseFacts& facts) { return json::Write(facts); }

std::map<std::string, std::string> LabelsFromJson(std::string_view text) {
  // Most jobs have none, and a load of the queue reads many.
  if (text == "{}") return {};
  return Lenient<std::map<std::string, std::string>>(text);
}
AttemptReport AttemptReportFromJson(std::string_view text) { return Lenient<AttemptReport>(text); }
std::vector<FailedProgram> FailedProgramsFromJson(std::string_view text) {
  return Lenient<std::vector<FailedProgram>>(text);
}
void HelloFromJson(std::string_view text, domain::WorkerInfo& worker) { ReadLenient(text, worker); }
WorkerReport ReportFromJson(std::string_view text) { return Lenient<WorkerReport>(text); }
domain::ReleaseFacts ReleaseFactsFromJson(std::string_view text) { return Lenient<domain::ReleaseFacts>(text); }
std::vector<std::string> TextsFromJson(std::string_view text) { return Lenient<std::vector<std::string>>(text); }

}  // namespace gofarm::store
