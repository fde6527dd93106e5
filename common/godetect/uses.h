// What packages of a module are made of: which of its own they import, what else, what they ask of the system. Used by
// the detector, whose folders it reads; no I/O.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "common/godetect/detection.h"
#include "common/godetect/module_source.h"
#include "common/godetect/package_rules.h"
#include "common/gomod/build_constraint.h"

namespace gofarm::godetect {

inline constexpr size_t kTargets = kAllTargets.size();
inline constexpr size_t kImportsOfUseMax = 5'000;
inline constexpr size_t kFileLookupsMax = 2'000;  // of headers that are named with a folder
// Packages visited for what all programs are made of. A repository of 500 programs that each import 2,000 packages of
// it takes 4 million.
inline constexpr int64_t kVisitsMax = 30'000'000;

struct Folder;

// What a package says for one target.
struct Parts {
  std::vector<Folder*> own;          // packages of this module that it imports
  std::vector<std::string> imports;  // of other modules
  std::vector<Need> needs;
  bool cgo = false;
  std::string excluded;
};

struct Folder {
  std::string dir;  // "" for the root
  std::vector<GoFile> files;
  bool embedded = false;
  // Patterns of the go command find it. What they do not find (testdata) may be imported all the same.
  bool listed = false;
  std::array<NameAnswer, kTargets> names;
  std::array<std::optional<PackageFiles>, kTargets> packages;
  std::array<std::optional<Parts>, kTargets> parts;

  bool IsMain(size_t target) const { return names[target].name == "main"; }
  bool IsMainAnywhere() const { return IsMain(0) || IsMain(1) || IsMain(2) || IsMain(3); }
};

// The standard library's paths have no dot in their first element.
bool IsStandard(std::string_view import_path);
// Import path of a folder ("" for the root) of the module.
std::string PathBelow(const std::string& module, const std::string& dir);

class UseMaker {
 public:
  // All outlive this. `found`: its declared module, requires and replaces are read.
  UseMaker(const std::vector<SourceFile>& files, const std::vector<gomod::BuildTags>& tags,
           std::map<std::string, Folder>& folders, const Detection& found);

  // The folder of a package of this module, null when it has no Go file.
  Folder* FolderOf(const std::string& import_path);
  // Every header of the folder that fits the target is known, here and below.
  const PackageFiles& FilesFor(Folder& folder, size_t target);
  // Of the package and all of its own module that it imports.
  Use UseOf(Folder& root, size_t target);
  // Of the package alone.
  const Parts& PartsOf(Folder& folder, size_t target);
  // More than kVisitsMax packages were visited, and what was said since is not whole.
  bool GaveUp() const { return visits_ > kVisitsMax; }

 private:
  bool HasFile(std::string_view ending);
  bool LookUp(std::string_view ending) const;
  bool MayBeElsewhere(const std::string& import_path) const;

  const std::vector<SourceFile>& files_;
  const std::vector<gomod::BuildTags>& tags_;
  std::map<std::string, Folder>& folders_;
  const Detection& found_;
  absl::flat_hash_set<std::string> basenames_;
  absl::flat_hash_map<std::string, bool> looked_up_;
  int64_t visits_ = 0;
};

}  // namespace gofarm::godetect
