#include "coordinator/service/attempt_report.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "coordinator/domain/retry_policy.h"
#include "coordinator/service/attempt_service.h"

namespace gofarm::service {
namespace {

absl::Status Wrong(std::string_view what) { return absl::InvalidArgumentError(Cat("the worker's report: ", what)); }

void Clean(std::string& text, size_t bytes_max = kTextBytesMax, bool keep_newlines = false) {
  text = Clip(EscapeForPrint(text, keep_newlines), bytes_max);
}

double Seconds(double seconds) { return std::isfinite(seconds) ? std::clamp(seconds, 0.0, 1e9) : 0.0; }

absl::Status CheckDigest(std::string_view what, const std::string& hex, bool may_be_empty = false) {
  if ((may_be_empty && hex.empty()) || digest::IsLowerHex(hex)) return absl::OkStatus();
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

bool IsClass(FailureClass failure, int lowest) {
  const int number = static_cast<int>(failure);
  return number >= lowest && number <= domain::kFailureClasses;
}

absl::Status CheckCounts(const domain::CompletedAttempt& a) {
  if (a.executables.size() > kExecutablesMax) return Wrong(Cat(a.executables.size(), " executables"));
  if (a.failed_programs.size() > kFailedProgramsMax) return Wrong(Cat(a.failed_programs.size(), " failed programs"));
  if (a.variants.size() > kVariantsMax) return Wrong(Cat(a.variants.size(), " variants"));
  if (a.phases.size() > kPhasesMax) return Wrong(Cat(a.phases.size(), " phases"));
  for (const domain::Executable& e : a.executables) {
    if (e.dependencies.size() > kDependenciesMax) return Wrong(Cat(e.dependencies.size(), " dependencies"));
  }
  for (const domain::VariantTry& v : a.variants) {
    if (v.argv.size() + v.environment.size() > kArgumentsMax) return Wrong("too many arguments of a variant");
  }
  return absl::OkStatus();
}

absl::Status CleanExecutable(domain::Executable& e) {
  GOFARM_RETURN_IF_ERROR(CheckProgram(e.import_path, e.name));
  GOFARM_RETURN_IF_ERROR(CheckDigest("SHA-256", e.sha256));
  GOFARM_RETURN_IF_ERROR(CheckDigest("BLAKE3", e.blake3));
  if (e.size <= 0) return Wrong(Cat("an executable of ", e.size, " bytes"));
  Clean(e.main_version);
  Clean(e.go_version);
  Clean(e.variant);
  Clean(e.build_info, kBuildInfoBytesMax, /*keep_newlines=*/true);
  for (domain::Dependency& d : e.dependencies) {
    for (std::string* text : {&d.path, &d.version, &d.h1, &d.replace_path, &d.replace_version}) Clean(*text);
  }
  return absl::OkStatus();
}

absl::Status CleanFacts(domain::AttemptFacts& f) {
  GOFARM_RETURN_IF_ERROR(CheckDigest("log digest", f.log_sha256, /*may_be_empty=*/true));
  GOFARM_RETURN_IF_ERROR(CheckDigest("licences digest", f.licences_sha256, /*may_be_empty=*/true));
  for (std::string* text :
       {&f.go_version, &f.zig_version, &f.go_sha256, &f.zig_sha256, &f.worker_build, &f.module_h1}) {
    Clean(*text);
  }
  f.bytes_fetched = std::max<int64_t>(f.bytes_fetched, 0);
  f.dependency_count = std::max(f.dependency_count, 0);
  f.licences_size = std::max<int64_t>(f.licences_size, 0);
  f.log_bytes = std::max<int64_t>(f.log_bytes, 0);
  return absl::OkStatus();
}

}  // namespace

absl::Status CleanReport(domain::CompletedAttempt& a) {
  GOFARM_RETURN_IF_ERROR(CheckCounts(a));
  if (!IsClass(a.failure_class, 0)) return Wrong(Cat("failure class ", static_cast<int>(a.failure_class)));
  Clean(a.failure_detail, kDetailBytesMax, /*keep_newlines=*/true);
  for (domain::Executable& e : a.executables) GOFARM_RETURN_IF_ERROR(CleanExecutable(e));
  for (domain::FailedProgram& p : a.failed_programs) {
    GOFARM_RETURN_IF_ERROR(CheckProgram(p.import_path, p.name));
    if (!IsClass(p.failure_class, 1)) return Wrong(Cat("failure class ", static_cast<int>(p.failure_class)));
    Clean(p.failure_detail, kDetailBytesMax, /*keep_newlines=*/true);
  }
  for (domain::VariantTry& v : a.variants) {
    Clean(v.variant);
    Clean(v.outcome);
    Clean(v.fingerprint, kDetailBytesMax, /*keep_newlines=*/true);
    Clean(v.go_mod, kGoModBytesMax, /*keep_newlines=*/true);
    Clean(v.working_directory);
    for (std::string& arg : v.argv) Clean(arg, kArgumentBytesMax);
    for (std::string& variable : v.environment) Clean(variable, kArgumentBytesMax);
    v.seconds = Seconds(v.seconds);
  }
  for (domain::PhaseTime& p : a.phases) {
    const int number = static_cast<int>(p.phase);
    if (number < static_cast<int>(Phase::kNone) || number > static_cast<int>(Phase::kUpload)) {
      return Wrong(Cat("phase ", number));
    }
    p.seconds = Seconds(p.seconds);
  }
  a.peak_memory_bytes = std::max<int64_t>(a.peak_memory_bytes, 0);
  a.cpu_seconds = Seconds(a.cpu_seconds);
  return CleanFacts(a.facts);
}

}  // namespace gofarm::service
