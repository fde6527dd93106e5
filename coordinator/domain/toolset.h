// What a toolset is, apart from where its archives come from: the digest that enters every recipe covers its name, its
// versions and the rule by which a module gets one of them. An archive may be added (for another host architecture) and
// may move to another source or locator without any recipe changing; its SHA-256 may not change. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/vocab/toolset.h"

namespace gofarm::domain {

std::string CanonicalForm(const Toolset& toolset);
std::string ToolsetDigest(const Toolset& toolset);  // lower-case hex, of the canonical form

// `known`: archives that the farm has known under this toolset's name; of those kind, version, host architecture and
// SHA-256 count. FAILED_PRECONDITION names each whose SHA-256 is another one now, and what to do.
absl::Status CheckKnownArchives(const Toolset& toolset, const std::vector<Archive>& known);

}  // namespace gofarm::domain
