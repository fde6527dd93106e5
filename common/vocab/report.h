// What came of one attempt, as its worker reports it and as the farm keeps it. The same type on both sides: proto is
// converted in common/wire, JSON of the stored document in coordinator/store. report_check.h holds the limits and the
// one rule of what is taken. Plain data.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/vocab/failure.h"

namespace gofarm {

// Numbers as in proto/gofarm/v1/ids.proto.
enum class VariantOutcome : int { kBuilt = 1, kPartial, kFailed };
// What a program did when its worker started it once to see whether it runs at all (docs/smoke.md). Of a report without
// the field, and of a value that this release does not know: kNotRun.
enum class Smoke : int { kNotRun = 0, kOk, kCrashed };
// The parts of a report that may be left out when it would exceed its limit.
enum class ReportPart : int {
  kBuildInfo = 1,  // of executables
  kGoMod,          // of variants
  kEnvironment,    // of variants
  kDependencies,   // of executables
  kArgv,           // of variants
  kFailureDetail,  // of failed programs: clipped
  kPrograms,       // executables and failed programs: the attempt counts as failed
  kProgramTexts    // of executables: what they answer
};
inline constexpr int kReportParts = static_cast<int>(ReportPart::kProgramTexts);
// All of them, in the order in which they go.
inline constexpr std::array<ReportPart, kReportParts> kLeftOutInOrder = {
    ReportPart::kProgramTexts, ReportPart::kBuildInfo, ReportPart::kGoMod,         ReportPart::kEnvironment,
    ReportPart::kDependencies, ReportPart::kArgv,      ReportPart::kFailureDetail, ReportPart::kPrograms};

std::string_view Name(VariantOutcome outcome);  // "built", "partial", "failed"
std::string_view Name(ReportPart part);         // "build_info", ...
std::string_view Name(Smoke smoke);             // "not_run", "ok", "crashed"
std::optional<VariantOutcome> ParseVariantOutcome(std::string_view name);
std::optional<ReportPart> ParseReportPart(std::string_view name);
Smoke ParseSmoke(std::string_view name);  // any other name: kNotRun

struct Dependency {
  std::string path, version, h1, replace_path, replace_version;
  auto operator<=>(const Dependency&) const = default;
};

struct Executable {
  std::string name;
  std::string import_path;
  int64_t size = 0;
  std::string sha256, blake3;     // lower-case hex
  std::string main_version;       // from the build info: "v1.3.2", or "(devel)" of a source variant
  std::string go_version;         // "go1.26.8"
  std::string build_info;         // the whole text, as `go version -m` reads it
  std::vector<int> dependencies;  // indexes into AttemptReport::dependencies
  std::string variant;
  Smoke smoke = Smoke::kNotRun;
  std::string smoke_detail;  // why it was not run, or how a run ended that was no plain exit; one line
  // What it answered in its smoke run, as text that may be shown; empty: nothing, or it was not asked.
  std::string version_text, help_text;
  bool operator==(const Executable&) const = default;
};

struct FailedProgram {
  std::string import_path;
  std::string name;
  FailureClass failure_class = FailureClass::kInternal;
  std::string failure_detail;
  bool operator==(const FailedProgram&) const = default;
};

struct VariantTry {
  std::string variant;  // "install", "source+go-1.22+lfs64": the base and its repairs, see docs/repairs.md
  VariantOutcome outcome = VariantOutcome::kFailed;
  std::string fingerprint;  // of the failure that led to the next variant; empty when none
  double seconds = 0;
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // NAME=value
  std::string go_mod;                    // the edited go.mod of a source variant
  std::string working_directory;
  std::vector<std::string> edits;  // what its repairs changed, for people
  bool operator==(const VariantTry&) const = default;
};

struct PhaseTime {
  Phase phase = Phase::kNone;
  double seconds = 0;
  bool operator==(const PhaseTime&) const = default;
};

struct AttemptFacts {
  std::string go_version, zig_version, go_sha256, zig_sha256;
  int sandbox_layout = 0;
  std::string worker_build;
  std::string log_sha256;
  std::string module_h1;  // of the main module's zip
  int64_t bytes_fetched = 0;
  int dependency_count = 0;
  std::string licences_sha256;  // artifact of kind "licences"; empty when none was found
  int64_t licences_size = 0;
  bool used_shared_cache = false;
  int64_t log_bytes = 0;
  // What go.mod calls the module, where that is not what it was asked for as; else empty.
  std::string declared_path;
  std::string source_sha256;  // artifact of kind "source": the sources as they were built; empty: it is left out
  int64_t source_size = 0;
  bool cold_caches = false;       // nothing that was compiled before entered it
  std::string module_zip_sha256;  // of the main module's zip, as the module proxy gave it; empty: not known
  bool operator==(const AttemptFacts&) const = default;
};

// A part that the report does not hold, and of how many items it was left out.
struct Omission {
  ReportPart part = ReportPart::kBuildInfo;
  int items = 0;
  bool operator==(const Omission&) const = default;
};

struct AttemptReport {
  AttemptOutcome outcome = AttemptOutcome::kFailed;  // built, partial, nothing_to_build, failed or cancelled
  FailureClass failure_class = FailureClass::kNone;
  std::string failure_detail;                  // the decisive log lines, escaped
  std::vector<Executable> executables;         // by import path
  std::vector<Dependency> dependencies;        // of all executables, each once
  std::vector<FailedProgram> failed_programs;  // by import path
  std::vector<VariantTry> variants;
  std::vector<PhaseTime> phases;
  int64_t peak_memory_bytes = 0;
  double cpu_seconds = 0;
  AttemptFacts facts;
  std::vector<Omission> omitted;
  std::vector<std::string> notes;  // what people should know although nothing failed by it
  bool operator==(const AttemptReport&) const = default;
};

}  // namespace gofarm
