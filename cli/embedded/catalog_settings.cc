#include "cli/embedded/catalog_settings.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "common/base/text.h"
#include "common/config/table.h"
#include "common/io/files.h"

namespace gofarm::embedded {
namespace {

constexpr const char* kKeys[] = {"index_url",      "depsdev_url", "github_url",   "pkgsite_url",  "github_token_file",
                                 "eligible_since", "index_since", "absent_again", "updates_delay"};

std::string VariableOf(const char* key) { return Cat("GOFARM_CATALOG_", absl::AsciiStrToUpper(key)); }

}  // namespace

CatalogSettings FindCatalogSettings(const Environment& environment) {
  CatalogSettings settings;
  for (const char* key : kKeys) {
    std::optional<std::string> value = environment(VariableOf(key).c_str());
    if (!value || value->empty()) continue;
    if (std::string_view(key) == "github_token_file") {
      std::error_code error;
      const std::filesystem::path absolute = std::filesystem::absolute(*value, error);
      if (!error) value = absolute.lexically_normal().string();
    }
    settings[key] = *std::move(value);
  }
  return settings;
}

absl::StatusOr<CatalogSettings> KeptCatalogSettings(const FarmPaths& paths) {
  const std::string file = paths.CoordinatorConfig();
  const absl::StatusOr<std::string> text = io::ReadFile(file, config::kConfigBytesMax);
  if (absl::IsNotFound(text.status())) return CatalogSettings();
  CatalogSettings kept;
  if (text.ok()) {
    config::Table table = config::Table::Parse(*text, file);
    {
      config::Table catalog = table.Sub("catalog");
      for (const char* key : kKeys) {
        std::string value = catalog.Str(key, "");
        if (!value.empty()) kept[key] = std::move(value);
      }
      catalog.Keys();
    }
    table.Keys();
    if (table.Finish().ok()) return kept;
  }
  return absl::FailedPreconditionError(
      Cat("read the catalog's settings of the running farm from ", file,
          "; mend that file, or take the farm down and up again (gofarm down, gofarm up): that writes it anew"));
}

std::vector<std::string> IgnoredCatalogSettings(const Environment& environment, const CatalogSettings& kept) {
  const CatalogSettings wanted = FindCatalogSettings(environment);
  std::vector<std::string> lines;
  for (const auto& [key, value] : wanted) {
    const auto it = kept.find(key);
    if (it == kept.end() || it->second != value) {
      lines.push_back(Cat("the farm keeps its ", VariableOf(key.c_str()), " until gofarm down"));
    }
  }
  return lines;
}

std::string CatalogToml(const CatalogSettings& settings) {
  if (settings.empty()) return "";
  std::string out = "\n[catalog]\n";
  for (const auto& [key, value] : settings) out += Cat(key, " = ", TomlString(value), "\n");
  return out;
}

}  // namespace gofarm::embedded
