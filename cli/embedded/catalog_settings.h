// What the environment of `gofarm up` says about the catalog (GOFARM_CATALOG_*), and its place in the coordinator's
// configuration. A farm that runs keeps what it was started with.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/embedded/farm_paths.h"
#include "cli/embedded/settings.h"

namespace gofarm::embedded {

// Key of the [catalog] table -> value; only those that are set.
using CatalogSettings = std::map<std::string, std::string>;

// A token file becomes absolute: daemons run elsewhere.
CatalogSettings FindCatalogSettings(const Environment& environment);
// What stands in the configuration of a farm that runs; empty where there is no such file. FAILED_PRECONDITION where it
// cannot be read.
absl::StatusOr<CatalogSettings> KeptCatalogSettings(const FarmPaths& paths);
// A line for each setting of the environment that differs from what the farm keeps. Without values: a URL may hold a
// password.
std::vector<std::string> IgnoredCatalogSettings(const Environment& environment, const CatalogSettings& kept);

// The [catalog] table; empty without settings.
std::string CatalogToml(const CatalogSettings& settings);

}  // namespace gofarm::embedded
