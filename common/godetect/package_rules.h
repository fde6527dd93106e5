// What the go command makes of a folder's files: which package it is, which files belong to it for a target. As
// modindex and go/build read it; `go list` is the measure. Pure.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/gomod/build_constraint.h"
#include "common/gomod/go_header.h"
#include "common/gomod/go_mod_file.h"
#include "common/vocab/target.h"

namespace gofarm::godetect {

// The path behind its last slash.
std::string_view BaseOf(std::string_view path);

// Of the path below the module's root.
bool IsGoFile(std::string_view path);  // *.go that does not begin with "_" or "."
bool IsTestFile(std::string_view path);
// Folders that hold no packages of the module: testdata, "_x", ".x", below vendor, and what go.mod's ignore lines name.
bool IsPackageFolder(std::string_view dir, const gomod::GoModFile& go_mod);

struct GoFile {
  size_t index = 0;  // of the source
  std::string name;  // without folder
  bool test = false;
  std::array<bool, 4> fits = {};  // by the file name's ending, in the order of kAllTargets
  std::optional<gomod::GoHeader> header;
  bool head_was_short = false;  // the header is longer than a head
  std::optional<bool> main;     // declares func main; set for files of programs only

  bool FitsAny() const { return fits[0] || fits[1] || fits[2] || fits[3]; }
};

// Which file's header has to be known to say what the package is called for the target, or its name.
struct NameAnswer {
  std::optional<size_t> unknown;  // index into the files
  std::string name;               // empty: no package
};
NameAnswer NameOf(const std::vector<GoFile>& files, size_t target, const gomod::BuildTags& tags);

// The package for the target; every header that fits is known.
struct PackageFiles {
  std::string name;
  std::vector<size_t> files;  // no tests; indexes into the files, in order
  // Two names: the go command says so instead of building it.
  std::string conflict;
};
PackageFiles FilesOf(const std::vector<GoFile>& files, size_t target, const gomod::BuildTags& tags);

}  // namespace gofarm::godetect
