// Which version of a module comes first, and which one a person means by "latest" or "1.2". Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace gofarm::publish {

// <0, 0, >0: by precedence (pre-releases and pseudo-versions before their release); of equal ones +incompatible comes
// first, then the bytes decide. What is no version comes before all that are.
int CompareVersions(std::string_view a, std::string_view b);

// "v1" or "v1.2": it means all versions that begin so.
bool IsVersionPrefix(std::string_view query);

// The place of the version that `query` means among `versions`; nullopt: none fits.
//   "" and "latest"  the highest release; where there is none, the highest pre-release; else the newest pseudo-version.
//                    +incompatible ones count only where there is no other: what is published does not say whether the
//                    others have a go.mod, and for those that have one the go command passes them over.
//   "1", "v1.2"      likewise among those that begin with these numbers
//   "v1.2.3-rc.1"    that one, with or without "v", in any case of letters, "+incompatible" written or not; of several
//                    the one that is written so
std::optional<size_t> ChooseVersion(absl::Span<const std::string> versions, std::string_view query);

}  // namespace gofarm::publish
