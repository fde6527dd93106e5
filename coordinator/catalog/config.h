// The catalog's settings: the [catalog] table of the coordinator's file, or GOFARM_CATALOG_* of the environment.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/config/table.h"
#include "common/io/request_budget.h"

namespace gofarm::catalog {

inline constexpr char kIndexUrl[] = "https://index.golang.org";
inline constexpr char kDepsdevUrl[] = "https://api.deps.dev";
inline constexpr char kGithubUrl[] = "https://api.github.com";
inline constexpr char kPkgsiteUrl[] = "https://pkg.go.dev";

// Requests a second, and how many at once, for each service.
struct Budgets {
  io::BudgetLimits index = {.per_second = 50, .burst = 10, .concurrent = 30};
  io::BudgetLimits proxy = {.per_second = 50, .burst = 10, .concurrent = 32};
  // It refuses more than 45 in any second: rate and burst together stay below.
  io::BudgetLimits pkgsite = {.per_second = 40, .burst = 2, .concurrent = 16};
  io::BudgetLimits depsdev = {.per_second = 5, .burst = 2, .concurrent = 4};
  io::BudgetLimits github = {.per_second = 0, .burst = 1, .concurrent = 2};
};

// What becomes a batch. Every rule that keeps a module out has a reason text, which `catalog why` shows.
struct SelectionRules {
  int64_t stars_more_than = 2;     // or
  int64_t importers_at_least = 1;  // or
  int64_t demand_at_least = 3;
  bool archived = false;    // may be selected
  bool deprecated = false;  // likewise
  bool forks = false;       // likewise
  std::vector<std::string> kinds = {"program"};
  absl::Time released_since = absl::InfinitePast();
  std::vector<std::string> licenses;         // SPDX; empty: any, also none
  std::map<std::string, std::string> allow;  // module -> reason: selected whatever stars it has
  std::map<std::string, std::string> deny;   // module, or prefix ending in "/" -> reason
};

// New versions of published modules that become jobs by themselves, within the budget of auto_select_per_day.
struct UpdateRules {
  bool on = true;  // as long as stage select runs
  // After the index told it: an author who takes a version back does so early.
  absl::Duration delay = absl::Hours(1);
  bool prereleases = false;  // pseudo-versions are some
};

struct Config {
  std::string index_url = kIndexUrl;
  std::string depsdev_url = kDepsdevUrl;
  std::string github_url = kGithubUrl;
  std::string pkgsite_url = kPkgsiteUrl;
  std::string github_token_file;           // empty: without a token
  std::string contact;                     // stands in the User-Agent
  std::vector<std::string> allow_private;  // hosts that may be private addresses though they are not configured
  absl::Time index_since = absl::FromCivil(absl::CivilDay(2024, 1, 1), absl::UTCTimeZone());
  absl::Time eligible_since = absl::FromCivil(absl::CivilDay(2024, 1, 1), absl::UTCTimeZone());
  absl::Duration absent_again = absl::Hours(6);
  absl::Duration refresh_after = absl::Hours(24 * 30);  // facts of services are asked for again
  int64_t disk_free_floor = int64_t{5} << 30;           // the back-fill stops below it
  Budgets budgets;
  SelectionRules selection;
  absl::Duration auto_select = absl::ZeroDuration();  // how often; zero: a person does
  int auto_select_per_day = 500;                      // modules, updates included
  UpdateRules updates;
};

// The `[catalog]` table, below the variables GOFARM_CATALOG_* of the environment. Faults are noted in `table`.
Config LoadConfig(config::Table& table);
// Only the budgets of a file that may have changed: they are taken up while the coordinator runs.
absl::StatusOr<Budgets> ReloadBudgets(const std::string& file);

// What `catalog status` shows of it; no secrets.
std::map<std::string, std::string> SettingsOf(const Config& config);

}  // namespace gofarm::catalog
