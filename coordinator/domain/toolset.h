// The digest of a toolset: SHA-256 over its canonical form, all fields but the digest itself; the order in which the
// archives are written does not matter. Pure.
#pragma once

#include <string>

#include "common/vocab/toolset.h"

namespace gofarm::domain {

std::string CanonicalForm(const Toolset& toolset);
std::string ToolsetDigest(const Toolset& toolset);  // lower-case hex

}  // namespace gofarm::domain
