#include "common/godetect/detection_json.h"

#include "common/base/status_macros.h"
#include "common/json/fields.h"

namespace gofarm::godetect {

// Found by argument-dependent look-up, so not in the unnamed namespace.
template <typename Form, json::Is<Need> N>
void Fields(Form& form, N& need) {
  form.Named("kind", need.kind, NeedKindName, ParseNeedKind);
  form.Field("name", need.name);
  form.Field("package", need.package);
}

template <typename Form, json::Is<Use> U>
void Fields(Form& form, U& use) {
  form.Named("targets", use.targets, TargetName, ParseTarget);
  form.Field("cgo", use.cgo);
  form.Field("embedded_c", use.embedded_c);
  form.Field("needs", use.needs);
  form.Field("excluded", use.excluded);
  form.Field("imports", use.imports);
}

template <typename Form, json::Is<Program> P>
void Fields(Form& form, P& program) {
  form.Field("import_path", program.import_path);
  form.Field("declared_path", program.declared_path);
  form.Field("name", program.name);
  form.Field("dir", program.dir);
  form.Named("kind", program.kind, KindName, ParseKind);
  form.Named("targets", program.targets, TargetName, ParseTarget);
  form.Field("frameworks", program.frameworks);
  form.Field("uses", program.uses);
}

template <typename Form, json::Is<ReplaceLine> R>
void Fields(Form& form, R& line) {
  form.Field("old_path", line.old_path);
  form.Field("old_version", line.old_version);
  form.Field("new_path", line.new_path);
  form.Field("new_version", line.new_version);
}

template <typename Form, json::Is<InstallLine> I>
void Fields(Form& form, I& line) {
  form.Field("path", line.path);
  form.Field("version", line.version);
  form.Field("file", line.file);
}

template <typename Form, json::Is<TargetForecast> T>
void Fields(Form& form, T& forecast) {
  form.Named("verdict", forecast.verdict, VerdictName, ParseVerdict);
  form.Field("detail", forecast.detail);
}

template <typename Form, json::Is<Detection> D>
void Fields(Form& form, D& d) {
  form.Field("module", d.module);
  form.Field("version", d.version);
  form.Field("declared_module", d.declared_module);
  form.Field("has_go_mod", d.has_go_mod);
  form.Field("go_mod_fault", d.go_mod_fault);
  form.Field("go_version", d.go_version);
  form.Field("toolchain", d.toolchain);
  form.Field("programs", d.programs);
  form.Field("forecast", d.forecast);
  form.Field("requires", d.requires_);
  form.Field("replaces", d.replaces);
  form.Field("tool_directives", d.tools);
  form.Field("blank_imports", d.blank_imports);
  form.Field("install_lines", d.install_lines);
  form.Field("licences", d.licences);
  form.Field("docker_files", d.docker_files);
  form.Field("ci_files", d.ci_files);
  form.Field("release_files", d.release_files);
}

std::string ToJson(const Detection& detection) { return json::Write(detection); }

absl::StatusOr<Detection> FromJson(std::string_view text) {
  Detection detection;
  GOFARM_RETURN_IF_ERROR(json::Read(text, json::Rule::kLenient, detection));
  return detection;
}

}  // namespace gofarm::godetect
