// The parts of one executable as CycloneDX 1.6 in JSON (https://cyclonedx.org/docs/1.6/json/), made of its own build
// info: the main module, every module linked in with its h1, Go's standard library, and what is linked in without
// standing there: musl and zig's compiler-rt. Names of properties follow CycloneDX's cdx:gomod taxonomy. Pure; the same
// input gives the same bytes.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace gofarm::attest {

struct SbomInput {
  std::string name;             // of the executable's file
  std::string sha256;           // of the executable
  std::string module, version;  // as the job names them: a source variant's build info says "(devel)"
  // What go.mod calls the module, where that is something else; the executable's import path begins with it.
  std::string declared_path;
  std::string build_info;   // the text that the report keeps; see elf::BuildInfo
  std::string go_version;   // "go1.26.8", or without "go"
  std::string zig_version;  // "0.15.2"
  std::string farm_version;
  absl::Time timestamp = absl::InfinitePast();  // of the build
};

// FAILED_PRECONDITION: the report lost the build info. INVALID_ARGUMENT: it is damaged, is of another module, or a
// field of the input is missing or no digest.
absl::StatusOr<std::string> SbomJson(const SbomInput& input);

// Of the musl that this release of zig brings: "1.2.5"; empty when it was never looked up.
std::string_view MuslVersion(std::string_view zig_version);

}  // namespace gofarm::attest
