// Module paths and their escaped form, by the rules of golang.org/x/mod/module: what a proxy is asked and what may
// become a folder name. Pure functions; errors are INVALID_ARGUMENT, escaped, and repeat the path.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gofarm::gomod {

inline constexpr size_t kModulePathMax = 1024;

// A module path as a proxy accepts it. Messages name the fault: "control character", "..", "upper case in the first
// element", "missing dot in the first element".
absl::Status CheckModulePath(std::string_view path);
// An import path: elements as in a module path plus "+"; no dot needed in the first element.
absl::Status CheckImportPath(std::string_view path);
// A slash-separated name inside a module zip: no "..", no absolute path, no control or shell-special character.
absl::Status CheckFilePath(std::string_view path);

// "example.com/m/v2" → prefix "example.com/m", major "/v2"; gopkg.in: ".v2". `ok` false for "/v1", "/v02", "/v2.1".
struct PathVersion {
  std::string_view prefix;
  std::string_view major;
  bool ok = true;
};
PathVersion SplitPathVersion(std::string_view path);

// Does the version's major fit the path's ending ("should be v2, not v1")? +incompatible fits a path without one.
absl::Status CheckPathMajor(std::string_view path, std::string_view version);

// Upper-case letters become "!" and lower case: the form of proxy URLs and module cache folders.
absl::StatusOr<std::string> EscapePath(std::string_view path);
absl::StatusOr<std::string> EscapeVersion(std::string_view version);
absl::StatusOr<std::string> UnescapePath(std::string_view escaped);
// Of what EscapeVersion gave; anything else comes back as some text that CheckVersion refuses.
std::string UnescapeVersion(std::string_view escaped);

// What stands between the module path and the package: "" when the package is the module's root; nothing outside it.
bool IsInModule(std::string_view import_path, std::string_view module);

// Name of a program as `go install` gives it: the last element, or the one before a final /vN.
std::string ProgramName(std::string_view import_path);

// "MODULE" or "MODULE@VERSION" as operators write it. An empty version means "latest". Checks both parts and their fit.
struct ModuleSpec {
  std::string module;
  std::string version;
};
absl::StatusOr<ModuleSpec> ParseModuleSpec(std::string_view text);

// GOPRIVATE, GONOSUMDB: does a prefix of `target` match one of the comma-separated globs?
bool MatchPrefixPatterns(std::string_view globs, std::string_view target);

}  // namespace gofarm::gomod
