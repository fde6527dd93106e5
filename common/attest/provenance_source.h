// The provenance of one executable, from the report of the attempt that built it and from what the coordinator knows
// beside it. A report that lost a fact on its way is refused, so that nothing incomplete is published as whole. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/attest/provenance.h"
#include "common/base/ids.h"
#include "common/vocab/report.h"
#include "common/vocab/target.h"
#include "common/vocab/toolset.h"

namespace gofarm::attest {

// What a report does not say.
struct BuildContext {
  JobId job;
  std::string module, version;  // as the job names them
  Target target = Target::kX86_64;
  absl::Time started_on = absl::InfinitePast(), finished_on = absl::InfinitePast();  // of the attempt
  std::string worker_class;
  std::string builder_id;
  std::string farm_version;
  std::vector<Archive> archives;            // of the job's toolset
  std::string main_zip_sha256;              // empty: not known
  std::vector<Subject> other_subjects;      // beside the executable: LICENSE, a registry's manifest
  std::vector<Byproduct> other_byproducts;  // beside the log: srcbuild, SBOM
  Reproduced reproduced = Reproduced::kNotTried;
};

inline constexpr std::string_view kLogByproduct = "log";

// FAILED_PRECONDITION names what the report lost: dependencies, argv, environment or go.mod left out or clipped, no h1
// of a module, no digest of the log, a variant that it does not describe, a toolchain that is none of the toolset's.
// INVALID_ARGUMENT: the executable is not of this module. ToStatement checks what the context says.
absl::StatusOr<Provenance> ProvenanceOf(const AttemptReport& report, const Executable& executable,
                                        const BuildContext& context);

// Where an archive comes from, as a URI without credentials: a package URL of the Go proxy or PyPI, or its URL. Of a
// folder: a package URL that names kind and version only.
std::string ArchiveUri(const Archive& archive);

}  // namespace gofarm::attest
