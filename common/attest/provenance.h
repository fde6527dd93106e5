// What the farm says of where an executable comes from, as an in-toto Statement v1 with the predicate SLSA Provenance
// v1 (https://slsa.dev/spec/v1.0/provenance): docs/provenance.md has the meaning of every field. provenance_source.h
// makes one of a report; dsse.h signs it.
//
// A statement is one form for one value: keys in the order of their bytes, no white space, times in UTC. Pure
// functions.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace gofarm::attest {

inline constexpr std::string_view kStatementType = "https://in-toto.io/Statement/v1";
inline constexpr std::string_view kProvenanceType = "https://slsa.dev/provenance/v1";
// Version 1 of the build that docs/provenance.md describes. Another meaning of a field or parameter gets another one.
inline constexpr std::string_view kBuildType = "urn:x-gofarm:build:go-static-pie:v1";
inline constexpr size_t kSubjectsMax = 1024;
inline constexpr size_t kMaterialsMax = 20'000;  // dependencies, as kDependenciesMax of reports
inline constexpr size_t kByproductsMax = 64;

// A file, or the manifest of a registry under its repository's path.
struct Subject {
  std::string name;
  std::string sha256;  // lower hex, as all digests here
  std::string blake3;  // may be empty
  bool operator==(const Subject&) const = default;
};

// A module whose code is in the executable.
struct ModuleMaterial {
  std::string path, version;
  std::string dir_hash;    // of its h1; see DirHash
  std::string zip_sha256;  // of the archive; empty: not known
  std::string replaces;    // "PATH@VERSION" that it stands in for; empty: it replaces none
  bool operator==(const ModuleMaterial&) const = default;
};

// The archive of a toolchain.
struct ToolMaterial {
  std::string name;  // "go" or "zig"
  std::string version;
  std::string uri;
  std::string sha256;
  bool operator==(const ToolMaterial&) const = default;
};

// What the build made beside the subjects.
struct Byproduct {
  std::string name;
  std::string sha256;
  bool operator==(const Byproduct&) const = default;
};

// Whether another worker with cold caches made the same bytes.
enum class Reproduced { kNotTried, kTrue, kFalse };

struct Provenance {
  std::vector<Subject> subjects;  // names are unique; the executable comes first

  // What was asked for: all that makes one build another.
  std::string module, version;
  std::string target;             // "x86_64"
  std::string command_directory;  // below the module's root; "." is the root

  // How it was done.
  std::string worker_class;
  int sandbox_layout = 0;
  std::string variant;  // of the recipe; docs/repairs.md
  std::vector<std::string> argv, environment;
  std::string working_directory;
  std::vector<std::string> edits;  // what the variant's repairs changed, for people
  std::string go_mod;              // the edited go.mod; empty: the module's own

  ModuleMaterial main_module;
  std::vector<ModuleMaterial> dependencies;
  std::vector<ToolMaterial> toolchains;

  std::string builder_id;                                                            // a URI for each level of trust
  std::map<std::string, std::string> builder_version;                                // "farm", "go", "worker", "zig"
  std::string invocation_id;                                                         // the farm's job
  absl::Time started_on = absl::InfinitePast(), finished_on = absl::InfinitePast();  // whole microseconds
  Reproduced reproduced = Reproduced::kNotTried;
  std::vector<Byproduct> byproducts;

  bool operator==(const Provenance&) const = default;
};

// INVALID_ARGUMENT names the first thing that is missing, is no digest, stands twice, or is more than the limits above.
// RESOURCE_EXHAUSTED: the statement is longer than kStatementBytesMax of dsse.h.
absl::StatusOr<std::string> ToStatement(const Provenance& provenance);

// Of a payload whose signature was verified. INVALID_ARGUMENT: another type of statement, predicate or build; an
// external parameter that this release does not know; a field that is missing or of another kind; and what ToStatement
// refuses. Texts come as they stand: escape them before they are printed.
absl::StatusOr<Provenance> ParseStatement(std::string_view statement);

struct Expectation {
  std::string sha256;      // of the bytes that somebody has
  std::string builder_id;  // that is trusted for these keys
  // Empty: any.
  std::string module, version, target;
};

// The subject with those bytes. DATA_LOSS: no subject has them. FAILED_PRECONDITION: it is about another module,
// version or target, or was built by another builder; says which.
absl::StatusOr<Subject> CheckProvenance(const Provenance& provenance, const Expectation& expected);

}  // namespace gofarm::attest
