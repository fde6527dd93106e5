#include "coordinator/store/json.h"

#include "common/json/fields.h"
#include "common/vocab/target.h"

namespace gofarm::domain {

template <typename Form, json::Is<VariantTry> V>
void Fields(Form& form, V& v) {
  form.Field("variant", v.variant);
  form.Field("outcome", v.outcome);
  form.Field("fingerprint", v.fingerprint);
  form.Field("seconds", v.seconds);
  form.Field("argv", v.argv);
  form.Field("environment", v.environment);
  form.Field("go_mod", v.go_mod);
  form.Field("working_directory", v.working_directory);
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
}

// Only ever written: the columns are read one by one.
void Fields(json::FieldWriter& form, const Dependency& d) {
  form.Field("path", d.path);
  form.Field("version", d.version);
  form.Field("h1", d.h1);
  if (d.replace_path.empty()) return;
  form.Field("replace_path", d.replace_path);
  form.Field("replace_version", d.replace_version);
}

void Fields(json::FieldWriter& form, const Executable& e) {
  form.Field("import_path", e.import_path);
  form.Field("name", e.name);
  form.Field("size", e.size);
  form.Field("sha256", e.sha256);
  form.Field("blake3", e.blake3);
  form.Field("main_version", e.main_version);
  form.Field("go_version", e.go_version);
  form.Field("build_info", e.build_info);
  form.Field("variant", e.variant);
  form.Field("dependencies", e.dependencies);
}

// What a worker said of itself when its session began: written from the request, read as what is known of the worker.
template <typename Form, typename Hello>
void HelloFields(Form& form, Hello& h) {
  form.Field("host_arch", h.host_arch);
  form.Field("build_version", h.build_version);
  form.Field("pid", h.pid);
  form.Field("slots", h.slots);
  form.Field("memory_bytes", h.memory_bytes);
  form.Field("isolation_error", h.isolation_error);
  form.Named("targets", h.targets, TargetName, ParseTarget);
}

void Fields(json::FieldWriter& form, const SessionRequest& r) {
  form.Field("instance", r.instance);
  HelloFields(form, r);
}

void Fields(json::FieldReader& form, WorkerInfo& w) { HelloFields(form, w); }

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
  form.Field("state", r.state);
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
std::string VariantsJson(const std::vector<domain::VariantTry>& variants) { return json::Write(variants); }
std::string PhasesJson(const std::vector<domain::PhaseTime>& phases) { return json::Write(phases); }
std::string FactsJson(const domain::AttemptFacts& facts) { return json::Write(facts); }
std::string ExecutablesJson(const std::vector<domain::Executable>& executables) { return json::Write(executables); }
std::string HelloJson(const domain::SessionRequest& hello) { return json::Write(hello); }
std::string ReportJson(const domain::WorkerReport& report) { return json::Write(report); }

std::vector<domain::VariantTry> VariantsFromJson(std::string_view text) {
  return Lenient<std::vector<domain::VariantTry>>(text);
}
std::vector<domain::PhaseTime> PhasesFromJson(std::string_view text) {
  return Lenient<std::vector<domain::PhaseTime>>(text);
}
domain::AttemptFacts FactsFromJson(std::string_view text) { return Lenient<domain::AttemptFacts>(text); }
void HelloFromJson(std::string_view text, domain::WorkerInfo& worker) { ReadLenient(text, worker); }
domain::WorkerReport ReportFromJson(std::string_view text) { return Lenient<domain::WorkerReport>(text); }

}  // namespace gofarm::store
