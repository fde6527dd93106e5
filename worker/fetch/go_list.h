// Reads what `go list -e -deps -json` prints for one target and works out the target's listing: programs, what keeps
// them from loading, what kind of source they are made of. The text describes foreign source: bounded, and a field
// of an unexpected type counts as absent. Pure, but for reading the source files of programs through `read_file`.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/fetch/listing.h"

namespace gofarm::fetch {

// For `go list -json=...`: the fields that ParseGoList reads.
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
  std::vector<std::string> imports;   // resolved through ImportMap
  bool cgo = false, c = false, cxx = false, assembly = false, syso = false, swig = false, swig_cxx = false;
  std::string error;  // empty: loaded
};

// Packages in the order of go list. INVALID_ARGUMENT when the text is no such answer, RESOURCE_EXHAUSTED beyond
// kPackagesMax.
absl::StatusOr<std::vector<GoListPackage>> ParseGoList(std::string_view json);

struct ListingInput {
  Target target = Target::kX86_64;
  std::string module;     // only its own packages are programs
  std::string version;    // what was asked for; a main module (of the source variants) has none
  std::string mod_cache;  // to make module folders relative
  std::function<std::optional<std::string>(const std::string& path)>
      read_file;  // a Go source file, bounded by the reader
};

TargetListing MakeTargetListing(const std::vector<GoListPackage>& packages, const ListingInput& input);

}  // namespace gofarm::fetch
