// Reads what `go list -e -deps -json` prints for one target and works out the target's listing: programs, what keeps
// them from loading, what kind of source they are made of. The text describes foreign source: bounded, and a field
// of an unexpected type counts as absent. Pure, but for reading the source files of programs through the reader.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/fetch/listing.h"
#include "worker/fetch/package_files.h"

namespace gofarm::fetch {

// For `go list -json=...`: the fields that ParseGoList reads, and EmbedFiles, without which go looks at no //go:embed.
extern const std::string_view kGoListFields;
inline constexpr size_t kPackagesMax = 100'000;

struct GoListModule {
  std::string path, version, dir, sum;
  std::string replace_path, replace_version;
  bool main = false;
};

struct GoListPackage {
  std::string import_path, name, dir;
  bool standard = false;
  std::optional<GoListModule> module;
  std::vector<std::string> go_files;  // with CgoFiles
  std::vector<std::string> cgo_files;
  std::vector<std::string> c_flags;   // of its #cgo lines, for C and C++
  std::vector<std::string> ld_flags;  // of its #cgo lines
  std::vector<std::string> imports;   // resolved through ImportMap
  bool cgo = false, c = false, cxx = false, assembly = false, syso = false, swig = false, swig_cxx = false;
  std::string error;     // empty: loaded
  std::string position;  // of the error, without the folder: "main.go:8:12"; empty: none
};

// Packages in the order of go list. INVALID_ARGUMENT when the text is no such answer, RESOURCE_EXHAUSTED beyond
// kPackagesMax.
absl::StatusOr<std::vector<GoListPackage>> ParseGoList(std::string_view json);

struct ListingInput {
  Target target = Target::kX86_64;
  std::string module;      // by its declared path; only its own packages are programs
  std::string go_version;  // "1.26.8"
  std::string version;     // what was asked for; a main module (of the source variants) has none
  std::string mod_cache;   // to make module folders relative
  PackageReader reader;    // of Go source files
};

TargetListing MakeTargetListing(const std::vector<GoListPackage>& packages, const ListingInput& input);

}  // namespace gofarm::fetch
