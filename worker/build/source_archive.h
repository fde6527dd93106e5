// The archive "srcbuild" of a module@version: what its programs were built from and how, for whoever wants to build
// them again or must have the sources beside the programs. It holds no log, no time, no program and nothing of a
// machine or a target, so that two targets which built by the same variants from the same listing give the same bytes
// (as far as libzstd is the same).
//
//   gofarm/recipe.json        the variants that built something, see RecipeJson
//   gofarm/go.mod.VARIANT     in place of the module's own, where a variant has another; go.sum.VARIANT likewise
//   source/...                the files of the module's zip
//
// Apart from WriteSourceArchive pure.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "common/vocab/report_check.h"
#include "worker/build/attempt_folder.h"
#include "worker/build/rules.h"
#include "worker/fetch/listing.h"

namespace gofarm::build {

inline constexpr std::string_view kRecipeFile = "gofarm/recipe.json";
inline constexpr int kSourceZstdLevel = 3;

// A variant that gave at least one program, with the listing that it was planned by.
struct BuiltVariant {
  Variant variant;
  std::shared_ptr<const fetch::Listing> listing;
};
// By VariantName; of two of one name the later one, as in the report.
using BuiltVariants = std::map<std::string, BuiltVariant>;

// Name in the archive and content.
using RecipeFiles = std::map<std::string, std::string>;

// recipe.json and the go.mod files:
//   {"module", "version", "module_h1", "zig", "variants": [{"variant", "go", "argv", "environments": {TARGET: [NAME=
//   VALUE]}, "working_directory", "edits", "go_mod": NAME, "go_sum": NAME}]}
// argv builds the package PACKAGE; what a worker adds for its cores and memory is left out. Environments are given for
// every target that the farm knows. go_mod and go_sum are empty where the module's own count.
RecipeFiles MakeRecipeFiles(const BuiltVariants& built, std::string_view zig_version);

struct SourceLimits {
  int64_t packed_bytes = kSourceArchiveBytesMax;
  int64_t files = kSourceFilesMax;
  int64_t bytes = kSourceBytesMax;
};

struct SourceArchive {
  std::string sha256;
  int64_t size = 0;
};

// Packs the regular files below `source_folder` and `recipe` into `out_file`, over whatever is there. OUT_OF_RANGE:
// beyond a limit. INVALID_ARGUMENT: a link, a device, or a name that no archive takes. CANCELLED and DEADLINE_EXCEEDED
// by the scope; others are the disk's. A file that was begun is left to the caller to remove.
absl::StatusOr<SourceArchive> WriteSourceArchive(const Scope& scope, const std::string& source_folder,
                                                 const RecipeFiles& recipe, const std::string& out_file,
                                                 const SourceLimits& limits = {});

}  // namespace gofarm::build
