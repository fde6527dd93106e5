#include "common/vocab/report_check.h"

#include <algorithm>
#include <cmath>

#include "common/base/hex.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm {
namespace {

absl::Status Wrong(std::string_view what) { return absl::InvalidArgumentError(Cat("the worker's report: ", what)); }

void Clean(std::string& text, size_t bytes_max = kTextBytesMax, bool keep_newlines = false) {
  text = EscapeAndClip(text, bytes_max, keep_newlines);
}

absl::Status CheckNumber(std::string_view what, double number) {
  if (std::isfinite(number) && number >= 0) return absl::OkStatus();
  return Wrong(Cat(what, " must be a number that is not negative"));
}

absl::Status CheckCount(std::string_view what, size_t count, size_t max) {
  if (count <= max) return absl::OkStatus();
  return Wrong(Cat(count, " ", what, ", at most ", max, " are taken"));
}

// Between the first and the last value of a closed set.
template <typename Enum>
absl::Status CheckEnum(std::string_view what, Enum value, Enum first, Enum last) {
  if (value >= first && value <= last) return absl::OkStatus();
  return Wrong(Cat(what, " number ", static_cast<int>(value), " is unknown"));
}

absl::Status CheckDigest(std::string_view what, const std::string& hex, bool may_be_empty = false) {
  if ((may_be_empty && hex.empty()) || IsLowerHex(hex)) return absl::OkStatus();
  return Wrong(Cat(what, " \"", Clip(EscapeForPrint(hex), 80), "\" is no digest of 64 lower-case hex digits"));
}

bool IsPlain(std::string_view text) {
  return !text.empty() && text.size() <= kTextBytesMax && EscapeForPrint(text) == text;
}

// It becomes a folder when programs of one name are exported side by side.
bool StaysBelow(std::string_view path) {
  while (!path.empty()) {
    const std::string_view element = path.substr(0, path.find('/'));
    if (element.empty() || element == "." || element == "..") return false;
    path.remove_prefix(std::min(path.size(), element.size() + 1));
  }
  return true;
}

absl::Status CheckProgram(const std::string& import_path, const std::string& name) {
  if (!IsPlain(import_path) || !StaysBelow(import_path))
    return Wrong(Cat("import path \"", Clip(EscapeForPrint(import_path), 200), "\""));
  // A name becomes a file when artifacts are exported.
  if (!IsPlain(name) || name == "." || name == ".." || name.find('/') != std::string::npos) {
    return Wrong(Cat("program name \"", Clip(EscapeForPrint(name), 200), "\""));
  }
  return absl::OkStatus();
}

absl::Status CheckCounts(const AttemptReport& r) {
  GOFARM_RETURN_IF_ERROR(CheckCount("executables", r.executables.size(), kExecutablesMax));
  GOFARM_RETURN_IF_ERROR(CheckCount("failed programs", r.failed_programs.size(), kFailedProgramsMax));
  GOFARM_RETURN_IF_ERROR(CheckCount("dependencies", r.dependencies.size(), kDependenciesMax));
  GOFARM_RETURN_IF_ERROR(CheckCount("variants", r.variants.size(), kVariantsMax));
  GOFARM_RETURN_IF_ERROR(CheckCount("phases", r.phases.size(), kPhasesMax));
  GOFARM_RETURN_IF_ERROR(CheckCount("notes", r.notes.size(), kNotesMax));
  GOFARM_RETURN_IF_ERROR(CheckCount("omissions", r.omitted.size(), kReportParts));
  for (const Executable& e : r.executables) {
    GOFARM_RETURN_IF_ERROR(CheckCount("dependencies of an executable", e.dependencies.size(), kDependenciesMax));
  }
  for (const VariantTry& v : r.variants) {
    GOFARM_RETURN_IF_ERROR(CheckCount("arguments of a variant", v.argv.size() + v.environment.size(), kArgumentsMax));
    GOFARM_RETURN_IF_ERROR(CheckCount("edits of a variant", v.edits.size(), kNotesMax));
  }
  return absl::OkStatus();
}

absl::Status CleanExecutable(Executable& e, size_t dependencies) {
  GOFARM_RETURN_IF_ERROR(CheckProgram(e.import_path, e.name));
  GOFARM_RETURN_IF_ERROR(CheckDigest("SHA-256", e.sha256));
  GOFARM_RETURN_IF_ERROR(CheckDigest("BLAKE3", e.blake3));
  if (e.size <= 0) return Wrong(Cat("an executable of ", e.size, " bytes"));
  for (const int index : e.dependencies) {
    if (index < 0 || static_cast<size_t>(index) >= dependencies)
      return Wrong(Cat("dependency ", index, " of ", dependencies));
  }
  Clean(e.main_version);
  Clean(e.go_version);
  Clean(e.variant);
  // A later release may know more ends of a run; the program is the same.
  if (e.smoke < Smoke::kNotRun || e.smoke > Smoke::kCrashed) e.smoke = Smoke::kNotRun;
  Clean(e.smoke_detail, kSmokeDetailBytesMax);
  Clean(e.version_text, kProgramTextBytesMax, /*keep_newlines=*/true);
  Clean(e.help_text, kProgramTextBytesMax, /*keep_newlines=*/true);
  Clean(e.build_info, kBuildInfoBytesMax, /*keep_newlines=*/true);
  return absl::OkStatus();
}

absl::Status CleanVariant(VariantTry& v) {
  GOFARM_RETURN_IF_ERROR(CheckEnum("outcome of a variant", v.outcome, VariantOutcome::kBuilt, VariantOutcome::kFailed));
  GOFARM_RETURN_IF_ERROR(CheckNumber("seconds of a variant", v.seconds));
  Clean(v.variant);
  Clean(v.fingerprint, kDetailBytesMax, /*keep_newlines=*/true);
  Clean(v.go_mod, kGoModBytesMax, /*keep_newlines=*/true);
  Clean(v.working_directory);
  for (std::string& arg : v.argv) Clean(arg, kArgumentBytesMax);
  for (std::string& variable : v.environment) Clean(variable, kArgumentBytesMax);
  for (std::string& edit : v.edits) Clean(edit);
  return absl::OkStatus();
}

absl::Status CleanFacts(AttemptFacts& f) {
  GOFARM_RETURN_IF_ERROR(CheckDigest("log digest", f.log_sha256, /*may_be_empty=*/true));
  GOFARM_RETURN_IF_ERROR(CheckDigest("licences digest", f.licences_sha256, /*may_be_empty=*/true));
  GOFARM_RETURN_IF_ERROR(CheckDigest("source digest", f.source_sha256, /*may_be_empty=*/true));
  GOFARM_RETURN_IF_ERROR(CheckDigest("digest of the module's zip", f.module_zip_sha256, /*may_be_empty=*/true));
  if (f.source_size > kSourceArchiveBytesMax) {
    return Wrong(Cat("a source archive of ", f.source_size, " bytes, at most ", kSourceArchiveBytesMax, " are taken"));
  }
  for (const int64_t number : {f.bytes_fetched, f.licences_size, f.log_bytes, f.source_size,
                               int64_t{f.dependency_count}, int64_t{f.sandbox_layout}}) {
    GOFARM_RETURN_IF_ERROR(CheckNumber("facts", static_cast<double>(number)));
  }
  for (std::string* text :
       {&f.go_version, &f.zig_version, &f.go_sha256, &f.zig_sha256, &f.worker_build, &f.module_h1, &f.declared_path}) {
    Clean(*text);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CleanReport(AttemptReport& r) {
  GOFARM_RETURN_IF_ERROR(CheckCounts(r));
  GOFARM_RETURN_IF_ERROR(CheckEnum("outcome", r.outcome, AttemptOutcome::kBuilt, AttemptOutcome::kCancelled));
  GOFARM_RETURN_IF_ERROR(CheckEnum("failure class", r.failure_class, FailureClass::kNone, kLastFailureClass));
  GOFARM_RETURN_IF_ERROR(CheckNumber("peak_memory_bytes", static_cast<double>(r.peak_memory_bytes)));
  GOFARM_RETURN_IF_ERROR(CheckNumber("cpu_seconds", r.cpu_seconds));
  Clean(r.failure_detail, kDetailBytesMax, /*keep_newlines=*/true);
  for (Executable& e : r.executables) GOFARM_RETURN_IF_ERROR(CleanExecutable(e, r.dependencies.size()));
  for (Dependency& d : r.dependencies) {
    for (std::string* text : {&d.path, &d.version, &d.h1, &d.replace_path, &d.replace_version}) Clean(*text);
  }
  for (FailedProgram& p : r.failed_programs) {
    GOFARM_RETURN_IF_ERROR(CheckProgram(p.import_path, p.name));
    GOFARM_RETURN_IF_ERROR(
        CheckEnum("failure class of a program", p.failure_class, FailureClass::kSourceUnavailable, kLastFailureClass));
    Clean(p.failure_detail, kDetailBytesMax, /*keep_newlines=*/true);
  }
  for (VariantTry& v : r.variants) GOFARM_RETURN_IF_ERROR(CleanVariant(v));
  for (const PhaseTime& p : r.phases) {
    GOFARM_RETURN_IF_ERROR(CheckEnum("phase", p.phase, Phase::kSeed, Phase::kUpload));
    GOFARM_RETURN_IF_ERROR(CheckNumber("seconds of a phase", p.seconds));
  }
  for (const Omission& o : r.omitted) {
    GOFARM_RETURN_IF_ERROR(CheckEnum("omitted part", o.part, ReportPart::kBuildInfo, ReportPart::kProgramTexts));
    GOFARM_RETURN_IF_ERROR(CheckNumber("items of an omitted part", o.items));
  }
  for (std::string& note : r.notes) Clean(note);
  return CleanFacts(r.facts);
}

}  // namespace gofarm
