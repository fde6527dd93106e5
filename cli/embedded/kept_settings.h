// What the environment of `gofarm up` says about the catalog (GOFARM_CATALOG_*) and webhooks (GOFARM_WEBHOOK_*), and
// its place in the coordinator's configuration. A farm that runs keeps what it was started with.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/embedded/farm_paths.h"
#include "cli/embedded/settings.h"

namespace gofarm::embedded {

// Settings that go together. A variable is the prefix and the key in capitals.
struct SettingsGroup {
  const char* table;   // of the configuration; empty: none, they stand before all tables
  const char* prefix;  // of the variables
  std::vector<const char*> keys;
};
const SettingsGroup& CatalogGroup();
const SettingsGroup& WebhookGroup();

// Key -> value; only those that are set.
using KeptSettings = std::map<std::string, std::string>;

// INVALID_ARGUMENT: a key that names a file has an address, which may be a secret and is not repeated. Asked before
// anything is written or said of these settings.
absl::Status CheckSettings(const SettingsGroup& group, const Environment& environment);
// What a key that ends in _file names becomes absolute: daemons run elsewhere.
KeptSettings FindSettings(const SettingsGroup& group, const Environment& environment);
// What stands in the configuration of a farm that runs; empty where there is no such file. FAILED_PRECONDITION where it
// cannot be read.
absl::StatusOr<KeptSettings> ReadKeptSettings(const SettingsGroup& group, const FarmPaths& paths);
// A line for each setting of the environment that differs from what the farm keeps. Without values: a URL may hold a
// password.
std::vector<std::string> IgnoredSettings(const SettingsGroup& group, const Environment& environment,
                                         const KeptSettings& kept);
// Of a group; for children, which read their configuration.
std::vector<std::string> VariablesOf(const SettingsGroup& group);

// Lines of the configuration, with the table's head; empty without settings.
std::string SettingsToml(const SettingsGroup& group, const KeptSettings& settings);

}  // namespace gofarm::embedded
