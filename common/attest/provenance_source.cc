#include "common/attest/provenance_source.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "common/attest/module_id.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/redact_url.h"
#include "common/vocab/report_check.h"

namespace gofarm::attest {
namespace {

absl::Status Incomplete(std::string_view what) {
  return absl::FailedPreconditionError(
      Cat("the report of this build is not whole, so it has no provenance: ", what, "; build it again"));
}

// What may be lost without a gap: the build info is in the executable, and what failed, or what a program answers, is
// no part of how it was built.
bool IsNeeded(ReportPart part) {
  return part != ReportPart::kBuildInfo && part != ReportPart::kFailureDetail && part != ReportPart::kProgramTexts;
}

// Reports clip what is too long at a border of UTF-8 characters and end it with three dots.
bool MayBeClipped(std::string_view text, size_t bytes_max) {
  constexpr size_t kLongestCharacter = 4;
  return text.size() + kLongestCharacter > bytes_max && absl::EndsWith(Av(text), "...");
}

absl::Status CheckNothingLost(const AttemptReport& report, const VariantTry& variant) {
  for (const Omission& omission : report.omitted) {
    if (IsNeeded(omission.part)) return Incomplete(Cat(Name(omission.part), " of ", omission.items, " was left out"));
  }
  if (variant.argv.empty()) return Incomplete("argv is empty");
  if (MayBeClipped(variant.go_mod, kGoModBytesMax)) return Incomplete("go_mod was clipped");
  for (const std::string& word : variant.argv) {
    if (MayBeClipped(word, kArgumentBytesMax)) return Incomplete("argv was clipped");
  }
  for (const std::string& line : variant.environment) {
    if (MayBeClipped(line, kArgumentBytesMax)) return Incomplete("environment was clipped");
  }
  return absl::OkStatus();
}

absl::StatusOr<const VariantTry*> VariantOf(const AttemptReport& report, const Executable& executable) {
  // Of two tries of one variant the later one counts.
  for (size_t i = report.variants.size(); i-- > 0;) {
    const VariantTry& variant = report.variants[i];
    if (variant.variant == executable.variant && variant.outcome != VariantOutcome::kFailed) return &variant;
  }
  return Incomplete(Cat("it does not describe the variant \"", EscapeAndClip(executable.variant, 100), "\""));
}

absl::StatusOr<std::string> HashOf(std::string_view path, std::string_view h1) {
  absl::StatusOr<std::string> hash = DirHash(h1);
  if (!hash.ok()) return Incomplete(Cat("no h1 of the module ", EscapeAndClip(path, 200)));
  return hash;
}

absl::StatusOr<ModuleMaterial> MaterialOf(const Dependency& dependency) {
  const bool replaced = !dependency.replace_path.empty();
  ModuleMaterial material;
  material.path = replaced ? dependency.replace_path : dependency.path;
  material.version = replaced ? dependency.replace_version : dependency.version;
  if (replaced) material.replaces = Cat(dependency.path, "@", dependency.version);
  // A folder has none, and what lay in it nobody can look up.
  GOFARM_ASSIGN_OR_RETURN(material.dir_hash, HashOf(material.path, dependency.h1));
  return material;
}

absl::StatusOr<std::vector<ModuleMaterial>> DependenciesOf(const AttemptReport& report, const Executable& executable) {
  std::vector<ModuleMaterial> materials;
  materials.reserve(executable.dependencies.size());
  for (const int index : executable.dependencies) {
    if (index < 0 || static_cast<size_t>(index) >= report.dependencies.size()) {
      return Incomplete(Cat("dependency ", index, " of ", report.dependencies.size()));
    }
    GOFARM_ASSIGN_OR_RETURN(ModuleMaterial material, MaterialOf(report.dependencies[static_cast<size_t>(index)]));
    materials.push_back(std::move(material));
  }
  std::sort(materials.begin(), materials.end(), [](const ModuleMaterial& a, const ModuleMaterial& b) {
    return std::tie(a.path, a.version, a.replaces) < std::tie(b.path, b.version, b.replaces);
  });
  return materials;
}

// The worker says which archive it used, the coordinator which ones it may use.
absl::StatusOr<ToolMaterial> ToolOf(std::string_view kind, const std::string& sha256, const BuildContext& context) {
  for (const Archive& archive : context.archives) {
    if (archive.kind != kind || archive.sha256 != sha256) continue;
    return ToolMaterial{
        .name = archive.kind, .version = archive.version, .uri = ArchiveUri(archive), .sha256 = archive.sha256};
  }
  return Incomplete(
      Cat("the ", kind, " archive with the SHA-256 \"", EscapeAndClip(sha256, 80), "\" is none of the job's toolset"));
}

absl::Time AsWritten(absl::Time time) {
  return time == absl::InfinitePast() ? time : absl::FromUnixMicros(absl::ToUnixMicros(time));
}

}  // namespace

std::string ArchiveUri(const Archive& archive) {
  if (archive.source == "goproxy") {
    const size_t at = archive.locator.find('@');
    if (at != std::string::npos) return GoPurl(archive.locator.substr(0, at), archive.locator.substr(at + 1));
  }
  if (archive.source == "pypi") {
    const size_t equals = archive.locator.find("==");
    if (equals != std::string::npos) {
      return Cat("pkg:pypi/", PurlEncode(archive.locator.substr(0, equals)), "@",
                 PurlEncode(archive.locator.substr(equals + 2)));
    }
  }
  if (archive.source == "url") return io::RedactUrl(archive.locator);
  return Cat("pkg:generic/", PurlEncode(archive.kind), "@", PurlEncode(archive.version));
}

absl::StatusOr<Provenance> ProvenanceOf(const AttemptReport& report, const Executable& executable,
                                        const BuildContext& context) {
  GOFARM_ASSIGN_OR_RETURN(const VariantTry* const variant, VariantOf(report, executable));
  GOFARM_RETURN_IF_ERROR(CheckNothingLost(report, *variant));
  const AttemptFacts& facts = report.facts;
  if (facts.log_sha256.empty()) return Incomplete("no digest of the log");

  Provenance p;
  p.subjects.push_back({.name = executable.name, .sha256 = executable.sha256, .blake3 = executable.blake3});
  p.subjects.insert(p.subjects.end(), context.other_subjects.begin(), context.other_subjects.end());
  p.module = context.module;
  p.version = context.version;
  p.target = std::string(TargetName(context.target));
  // Import paths follow what go.mod calls the module.
  GOFARM_ASSIGN_OR_RETURN(
      p.command_directory,
      CommandDirectory(executable.import_path, facts.declared_path.empty() ? context.module : facts.declared_path));
  p.worker_class = context.worker_class;
  p.sandbox_layout = facts.sandbox_layout;
  p.variant = variant->variant;
  p.argv = variant->argv;
  p.environment = variant->environment;
  p.working_directory = variant->working_directory;
  p.edits = variant->edits;
  p.go_mod = variant->go_mod;
  GOFARM_ASSIGN_OR_RETURN(p.main_module.dir_hash, HashOf(context.module, facts.module_h1));
  p.main_module.path = context.module;
  p.main_module.version = context.version;
  p.main_module.zip_sha256 = context.main_zip_sha256;
  GOFARM_ASSIGN_OR_RETURN(p.dependencies, DependenciesOf(report, executable));
  for (const auto& [kind, sha256] : {std::pair<std::string_view, const std::string&>{"go", facts.go_sha256},
                                     std::pair<std::string_view, const std::string&>{"zig", facts.zig_sha256}}) {
    GOFARM_ASSIGN_OR_RETURN(ToolMaterial tool, ToolOf(kind, sha256, context));
    p.builder_version[tool.name] = tool.version;
    p.toolchains.push_back(std::move(tool));
  }
  p.builder_id = context.builder_id;
  p.builder_version["farm"] = context.farm_version;
  p.builder_version["worker"] = facts.worker_build;
  p.invocation_id = Cat(context.job.value);
  p.started_on = AsWritten(context.started_on);
  p.finished_on = AsWritten(context.finished_on);
  p.reproduced = context.reproduced;
  p.byproducts.push_back({.name = std::string(kLogByproduct), .sha256 = facts.log_sha256});
  p.byproducts.insert(p.byproducts.end(), context.other_byproducts.begin(), context.other_byproducts.end());
  return p;
}

}  // namespace gofarm::attest
