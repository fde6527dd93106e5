// MODULE[/path][@VERSION], as people write it behind /i/ and /p/. Which part of the path is the module cannot be seen
// in the text: whoever knows the published modules asks for ModuleCandidates, the longest first. Pure functions;
// errors are INVALID_ARGUMENT, escaped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace gofarm::web {

// What stands behind the "@".
struct VersionQuery {
  enum class Kind {
    kLatest,  // nothing, or "latest"
    kExact,   // "v1.2.3", also with a pre-release or "+incompatible"
    kPrefix,  // "v1" or "v1.2"
  };
  Kind kind = Kind::kLatest;
  std::string text;  // begins with "v", also where the "v" was left out; empty for kLatest

  bool operator==(const VersionQuery&) const = default;
};

struct ProgramAddress {
  std::string import_path;  // the module, or a package below it
  VersionQuery version;
};

// `text` is what stands behind "/i/" or "/p/", with every %XX undone. By the path rules of golang.org/x/mod/module:
// elements that Go refuses, and paths no beginning of which can be a module, are errors.
absl::StatusOr<ProgramAddress> ParseProgramAddress(std::string_view text);

// The beginnings of `import_path`, at borders of elements, that may be a module's path; the longest first.
std::vector<std::string> ModuleCandidates(std::string_view import_path);

// The version meant, out of those that can be had of `module` (in any order); empty when none is. Releases come before
// pre-releases, and pre-releases only count where a query has no release, as for the go command.
std::string PickVersion(const VersionQuery& query, std::string_view module, absl::Span<const std::string> versions);

// The address as text, with "@VERSION" only when `version` is not empty. Inverse of parsing.
std::string AddressText(std::string_view import_path, std::string_view version);

}  // namespace gofarm::web
