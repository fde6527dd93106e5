// A reader of go.mod that knows the directives the farm acts on and passes over the others. For untrusted files:
// size and counts are bounded, and what cannot be understood is an error with its line. Pure.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/gomod/version.h"

namespace gofarm::gomod {

inline constexpr size_t kGoModBytesMax = 16 << 20;  // as golang.org/x/mod
inline constexpr size_t kGoModDirectivesMax = 100'000;

struct ModuleVersion {
  std::string path;
  std::string version;  // empty: any
  auto operator<=>(const ModuleVersion&) const = default;
};

struct Requirement {
  ModuleVersion module;
  bool indirect = false;
};

struct Replacement {
  ModuleVersion old_module;
  ModuleVersion new_module;  // version empty: path is a folder
  int line = 0;              // of the directive, from 1: what a rewritten go.mod leaves out
  bool is_folder() const { return new_module.version.empty(); }
};

struct Retraction {
  VersionRange range;
  std::string reason;
};

struct GoModFile {
  std::string module;
  std::string go;         // "1.21"; empty: none stated
  int go_line = 0;        // where it stands, from 1; 0: nowhere
  std::string toolchain;  // "go1.21.4"
  bool deprecated = false;
  std::string deprecation;
  std::vector<Requirement> requirements;
  std::vector<Replacement> replacements;
  std::vector<ModuleVersion> exclusions;
  std::vector<Retraction> retractions;
  std::vector<std::string> tools;    // import paths
  std::vector<std::string> ignores;  // folders, "./" in front: from the root

  std::vector<VersionRange> RetractedRanges() const;
};

// Go reads the go.mod of what is built strictly, and passes over what it does not understand in those of dependencies.
enum class GoModRule { kDependency, kMain };

// INVALID_ARGUMENT: "go.mod:12: ...". Versions that are not canonical are kept as they stand.
absl::StatusOr<GoModFile> ParseGoMod(std::string_view text, GoModRule rule = GoModRule::kDependency);
// The go.mod of `module` for whoever builds it: by the main rule, and its module line names `module` or another import
// path. INVALID_ARGUMENT: nothing of it can be built.
absl::StatusOr<GoModFile> ParseOwnGoMod(std::string_view text, std::string_view module);

// Is the folder ("a/b", "" for the root) one that the module's ignore lines leave out?
bool IsIgnoredFolder(const GoModFile& file, std::string_view folder);

// What to change of a go.mod. Empty fields change nothing.
struct GoModEdit {
  bool drop_folder_replacements = false;    // blocks that end up empty stay
  std::string go;                           // in place of the go line
  std::vector<ModuleVersion> requirements;  // added: Go takes the highest of those it finds
  std::vector<Replacement> replacements;    // added; new_module has a version
};
// INVALID_ARGUMENT as ParseGoMod. What is added stands at the end, each in a line of its own.
absl::StatusOr<std::string> EditGoMod(std::string_view text, const GoModEdit& edit);

}  // namespace gofarm::gomod
