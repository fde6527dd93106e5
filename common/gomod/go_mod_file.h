// A reader of go.mod that knows the directives the farm acts on and passes over the others. For untrusted files:
// size and counts are bounded, and what cannot be understood is an error with its line. Pure.
#pragma once

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

// INVALID_ARGUMENT: "go.mod:12: ...". Versions that are not canonical are kept as they stand.
absl::StatusOr<GoModFile> ParseGoMod(std::string_view text);

// Is the folder ("a/b", "" for the root) one that the module's ignore lines leave out?
bool IsIgnoredFolder(const GoModFile& file, std::string_view folder);

// The same text without the replace directives whose new path is a folder; blocks that end up empty stay.
absl::StatusOr<std::string> DropFolderReplacements(std::string_view text);

}  // namespace gofarm::gomod
