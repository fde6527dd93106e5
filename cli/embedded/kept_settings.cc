#include "cli/embedded/kept_settings.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/text.h"
#include "common/config/table.h"
#include "common/io/files.h"

namespace gofarm::embedded {
namespace {

std::string VariableOf(const SettingsGroup& group, const std::string& key) {
  return Cat(group.prefix, absl::AsciiStrToUpper(key));
}

KeptSettings ReadKeys(const SettingsGroup& group, config::Table& table) {
  KeptSettings kept;
  for (const char* key : group.keys) {
    std::string value = table.Str(key, "");
    if (!value.empty()) kept[key] = std::move(value);
  }
  return kept;
}

}  // namespace

const SettingsGroup& CatalogGroup() {
  static const SettingsGroup group{"catalog",
                                   "GOFARM_CATALOG_",
                                   {"index_url", "depsdev_url", "github_url", "pkgsite_url", "github_token_file",
                                    "eligible_since", "index_since", "absent_again", "updates_delay"}};
  return group;
}

const SettingsGroup& WebhookGroup() {
  static const SettingsGroup group{
      "", "GOFARM_", {"webhook_discord_url_file", "webhook_url_file", "webhook_secret_file"}};
  return group;
}

absl::Status CheckSettings(const SettingsGroup& group, const Environment& environment) {
  for (const char* key : group.keys) {
    if (!absl::EndsWith(key, "_file")) continue;
    const std::string variable = VariableOf(group, key);
    const absl::Status names_file = config::CheckNamesFile(environment(variable.c_str()).value_or(""));
    if (!names_file.ok()) return absl::InvalidArgumentError(Cat(variable, " ", Sv(names_file.message())));
  }
  return absl::OkStatus();
}

KeptSettings FindSettings(const SettingsGroup& group, const Environment& environment) {
  KeptSettings settings;
  for (const char* key : group.keys) {
    std::optional<std::string> value = environment(VariableOf(group, key).c_str());
    if (!value || value->empty()) continue;
    if (absl::EndsWith(key, "_file")) {
      std::error_code error;
      const std::filesystem::path absolute = std::filesystem::absolute(*value, error);
      if (!error) value = absolute.lexically_normal().string();
    }
    settings[key] = *std::move(value);
  }
  return settings;
}

absl::StatusOr<KeptSettings> ReadKeptSettings(const SettingsGroup& group, const FarmPaths& paths) {
  const std::string file = paths.CoordinatorConfig();
  const absl::StatusOr<std::string> text = io::ReadFile(file, config::kConfigBytesMax);
  if (absl::IsNotFound(text.status())) return KeptSettings();
  if (text.ok()) {
    config::Table whole = config::Table::Parse(*text, file);
    KeptSettings kept;
    if (*group.table == '\0') {
      kept = ReadKeys(group, whole);
    } else {
      config::Table table = whole.Sub(group.table);
      kept = ReadKeys(group, table);
      table.Keys();
    }
    whole.Keys();
    if (whole.Finish().ok()) return kept;
  }
  return absl::FailedPreconditionError(
      Cat("read the settings of the running farm from ", file,
          "; mend that file, or take the farm down and up again (gofarm down, gofarm up): that writes it anew"));
}

std::vector<std::string> IgnoredSettings(const SettingsGroup& group, const Environment& environment,
                                         const KeptSettings& kept) {
  std::vector<std::string> lines;
  for (const auto& [key, value] : FindSettings(group, environment)) {
    const auto it = kept.find(key);
    if (it == kept.end() || it->second != value) {
      lines.push_back(Cat("the farm keeps its ", VariableOf(group, key), " until gofarm down"));
    }
  }
  return lines;
}

std::vector<std::string> VariablesOf(const SettingsGroup& group) {
  std::vector<std::string> names;
  for (const char* key : group.keys) names.push_back(VariableOf(group, key));
  return names;
}

std::string SettingsToml(const SettingsGroup& group, const KeptSettings& settings) {
  if (settings.empty()) return "";
  std::string out = *group.table == '\0' ? "" : Cat("\n[", group.table, "]\n");
  for (const auto& [key, value] : settings) out += Cat(key, " = ", TomlString(value), "\n");
  return out;
}

}  // namespace gofarm::embedded
