#include "coordinator/catalog/config.h"

#include <utility>

#include "common/base/text.h"
#include "common/io/redact_url.h"
#include "common/io/url.h"

namespace gofarm::catalog {
namespace {

constexpr double kPerSecondMax = 1000;
constexpr int kConcurrentMax = 64;
constexpr char kUpdatesDelayVariable[] = "GOFARM_CATALOG_UPDATES_DELAY";
constexpr absl::Duration kYear = absl::Hours(24 * 365);

// A value of the file under its variable of the environment, and which of them it is, for messages.
struct Chosen {
  std::string value;
  std::string name;
};
Chosen Choose(config::Table& table, const char* key, const char* variable, const std::string& fallback) {
  const std::string in_file = table.Str(key, fallback);
  const std::string value = config::Overlay("", variable, in_file);
  return {value, value == in_file ? key : variable};
}

std::string Url(config::Table& table, const char* key, const char* variable, const std::string& fallback) {
  Chosen url = Choose(table, key, variable, fallback);
  while (!url.value.empty() && url.value.back() == '/') url.value.pop_back();
  const absl::StatusOr<io::Url> parsed = io::ParseUrl(url.value);
  if (!parsed.ok() || parsed->scheme == "file") {
    table.Fault(url.name, Cat("\"", EscapeForPrint(io::RedactUrl(url.value)), "\" is no http or https address"));
  }
  return url.value;
}

absl::Time Date(config::Table& table, const char* key, const char* variable, absl::Time fallback) {
  const Chosen date = Choose(table, key, variable, "");
  if (date.value.empty()) return fallback;
  absl::CivilDay day;
  absl::Time time;
  std::string error;
  if (absl::ParseCivilTime(date.value, &day)) return absl::FromCivil(day, absl::UTCTimeZone());
  if (absl::ParseTime(absl::RFC3339_full, date.value, &time, &error)) return time;
  table.Fault(date.name,
              Cat("\"", EscapeForPrint(date.value), "\" is no date; write 2024-01-01 or 2024-01-01T00:00:00Z"));
  return fallback;
}

io::BudgetLimits Budget(config::Table& budgets, const char* key, io::BudgetLimits limits) {
  config::Table table = budgets.Sub(key);
  limits.per_second = table.Number("per_second", limits.per_second, 0, kPerSecondMax);
  limits.concurrent = static_cast<int>(table.Int("concurrent", limits.concurrent, 1, kConcurrentMax));
  return limits;
}

Budgets ReadBudgets(config::Table& catalog) {
  config::Table table = catalog.Sub("budgets");
  Budgets budgets;
  budgets.index = Budget(table, "index", budgets.index);
  budgets.proxy = Budget(table, "proxy", budgets.proxy);
  budgets.pkgsite = Budget(table, "pkgsite", budgets.pkgsite);
  budgets.depsdev = Budget(table, "depsdev", budgets.depsdev);
  budgets.github = Budget(table, "github", budgets.github);
  return budgets;
}

std::map<std::string, std::string> Reasons(config::Table& select, const char* key) {
  config::Table table = select.Sub(key);
  std::map<std::string, std::string> reasons;
  for (const std::string& module : table.Keys()) reasons[module] = table.Str(module, "");
  return reasons;
}

SelectionRules ReadRules(config::Table& catalog) {
  config::Table table = catalog.Sub("select");
  SelectionRules rules;
  rules.stars_more_than = table.Int("stars_more_than", rules.stars_more_than, -1, int64_t{1} << 40);
  rules.importers_at_least = table.Int("importers_at_least", rules.importers_at_least, 0, int64_t{1} << 40);
  rules.demand_at_least = table.Int("demand_at_least", rules.demand_at_least, 0, int64_t{1} << 40);
  rules.archived = table.Bool("archived", rules.archived);
  rules.deprecated = table.Bool("deprecated", rules.deprecated);
  rules.forks = table.Bool("forks", rules.forks);
  rules.kinds = table.StrList("kinds", rules.kinds);
  for (const std::string& kind : rules.kinds) {
    if (kind != "program" && kind != "example" && kind != "test_helper") {
      table.Fault("kinds", Cat("\"", EscapeForPrint(kind), "\" is none of program, example, test_helper"));
    }
  }
  rules.released_since = Date(table, "released_since", "GOFARM_CATALOG_RELEASED_SINCE", rules.released_since);
  rules.licenses = table.StrList("licenses", rules.licenses);
  rules.allow = Reasons(table, "allow");
  rules.deny = Reasons(table, "deny");
  return rules;
}

UpdateRules ReadUpdates(config::Table& table, UpdateRules rules) {
  rules.on = table.Bool("updates", rules.on);
  rules.delay = table.Duration("updates_delay", rules.delay, absl::ZeroDuration(), kYear);
  rules.prereleases = table.Bool("updates_prereleases", rules.prereleases);
  const std::string delay = config::Overlay("", kUpdatesDelayVariable, "");
  if (!delay.empty() && (!absl::ParseDuration(delay, &rules.delay) || rules.delay < absl::ZeroDuration())) {
    table.Fault(kUpdatesDelayVariable, Cat("\"", EscapeForPrint(delay), "\" is no duration; write 6h or 90s"));
  }
  return rules;
}

}  // namespace

Config LoadConfig(config::Table& parent) {
  config::Table table = parent.Sub("catalog");
  Config out;
  out.index_url = Url(table, "index_url", "GOFARM_CATALOG_INDEX_URL", out.index_url);
  out.depsdev_url = Url(table, "depsdev_url", "GOFARM_CATALOG_DEPSDEV_URL", out.depsdev_url);
  out.github_url = Url(table, "github_url", "GOFARM_CATALOG_GITHUB_URL", out.github_url);
  out.pkgsite_url = Url(table, "pkgsite_url", "GOFARM_CATALOG_PKGSITE_URL", out.pkgsite_url);
  out.github_token_file = Choose(table, "github_token_file", "GOFARM_CATALOG_GITHUB_TOKEN_FILE", "").value;
  out.contact = table.Str("contact", "");
  out.allow_private = table.StrList("allow_private", {});
  out.index_since = Date(table, "index_since", "GOFARM_CATALOG_INDEX_SINCE", out.index_since);
  out.eligible_since = Date(table, "eligible_since", "GOFARM_CATALOG_ELIGIBLE_SINCE", out.eligible_since);
  const std::string again = config::Overlay("", "GOFARM_CATALOG_ABSENT_AGAIN", "");
  out.absent_again = table.Duration("absent_again", out.absent_again, absl::ZeroDuration(), kYear);
  if (!again.empty() && (!absl::ParseDuration(again, &out.absent_again) || out.absent_again < absl::ZeroDuration())) {
    table.Fault("GOFARM_CATALOG_ABSENT_AGAIN", Cat("\"", EscapeForPrint(again), "\" is no duration; write 6h or 90s"));
  }
  out.refresh_after = table.Duration("refresh_after", out.refresh_after, absl::Minutes(1), kYear);
  out.disk_free_floor = table.Bytes("disk_free_floor", out.disk_free_floor, 0, int64_t{1} << 50);
  out.budgets = ReadBudgets(table);
  out.selection = ReadRules(table);
  out.auto_select = table.Duration("auto_select", out.auto_select, absl::ZeroDuration(), kYear);
  out.auto_select_per_day = static_cast<int>(table.Int("auto_select_per_day", out.auto_select_per_day, 1, 1'000'000));
  out.updates = ReadUpdates(table, out.updates);
  return out;
}

absl::StatusOr<Budgets> ReloadBudgets(const std::string& file) {
  config::Table parent = config::Table::Load(file);
  Budgets budgets;
  {
    config::Table table = parent.Sub("catalog");
    budgets = ReadBudgets(table);
    // The rest of the file was judged when the coordinator started.
    table.Keys();
  }
  parent.Keys();
  if (absl::Status faults = parent.Finish(); !faults.ok()) return faults;
  return budgets;
}

std::map<std::string, std::string> SettingsOf(const Config& config) {
  const auto day = [](absl::Time t) { return absl::FormatTime("%Y-%m-%d", t, absl::UTCTimeZone()); };
  return {{"index_url", io::RedactUrl(config.index_url)},
          {"depsdev_url", io::RedactUrl(config.depsdev_url)},
          {"github_url", io::RedactUrl(config.github_url)},
          {"pkgsite_url", io::RedactUrl(config.pkgsite_url)},
          {"github_token", config.github_token_file.empty() ? "none" : "from a file"},
          {"index_since", day(config.index_since)},
          {"eligible_since", day(config.eligible_since)},
          {"absent_again", absl::FormatDuration(config.absent_again)}};
}

}  // namespace gofarm::catalog
