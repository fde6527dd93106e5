// Versions of modules and of Go itself: what is canonical, what comes first, and which one "latest" means. By the rules
// of golang.org/x/mod/semver, cmd/go and internal/gover. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace gofarm::gomod {

inline constexpr size_t kVersionMax = 256;

// "v1", "v1.2", "v1.2.3-rc.1+meta".
bool IsSemver(std::string_view version);
// All three numbers, no build part but "+incompatible". INVALID_ARGUMENT says what is wrong. Pre-releases and
// pseudo-versions are canonical; "latest" is not: callers look for it first.
absl::Status CheckVersion(std::string_view version);
// <0, 0, >0 by precedence; the build part does not count; an invalid version is less than every valid one.
int CompareSemver(std::string_view a, std::string_view b);
// "v1" of a valid version, else "".
std::string_view Major(std::string_view version);
bool IsPrerelease(std::string_view version);
bool IsIncompatible(std::string_view version);
// "v0.0.0-20191109021931-daa7c04131f5" and its two other forms.
bool IsPseudo(std::string_view version);

// Both ends belong to it.
struct VersionRange {
  std::string low;
  std::string high;
};
bool IsInAny(absl::Span<const VersionRange> ranges, std::string_view version);

// What "latest" is among the lines of a proxy's @v/list: the highest release that is not retracted, else the highest
// pre-release that is not. Empty when nothing is left: then the proxy's @latest decides. `module_path` leaves out
// versions of other majors; `newest_has_go_mod`: when the highest compatible version has a go.mod, +incompatible ones
// are passed over.
std::string ChooseLatest(std::string_view module_path, absl::Span<const std::string> versions,
                         absl::Span<const VersionRange> retracted, bool newest_has_go_mod = true);

// The version whose go.mod says what is retracted: the highest of all, retracted or not (releases before
// pre-releases).
std::string NewestOf(std::string_view module_path, absl::Span<const std::string> versions);

// Go's own versions, without "go": "1.21", "1.21rc2", "1.21.0", "1.26.8". "1.21" is before "1.21rc1", which is before
// "1.21.0"; before 1.21 a language version and its first release are the same.
bool IsGoVersion(std::string_view version);
int CompareGoVersion(std::string_view a, std::string_view b);
// "1.26" of "1.26.8" and "1.26rc1".
std::string GoLanguageVersion(std::string_view version);

}  // namespace gofarm::gomod
