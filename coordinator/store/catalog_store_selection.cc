// The selection's half of CatalogStore, and the lists that name modules.
#include <set>
#include <utility>

#include "common/base/status_macros.h"
#include "coordinator/store/catalog_rows.h"
#include "coordinator/store/catalog_store.h"

namespace gofarm::store {
namespace {

using catalog::Stage;

std::string DecisionRecords(absl::Span<const catalog::DecisionRow> rows) {
  Records records;
  for (const catalog::DecisionRow& d : rows) {
    records.Add([&](JsonWriter& json) {
      json.Field("module_id", static_cast<int64_t>(d.module_id));
      Text(json, "version", d.version);
      json.Field("selected", d.selected);
      Text(json, "reason", d.reason);
    });
  }
  return records.Take();
}

}  // namespace

absl::StatusOr<std::vector<catalog::Claimed>> CatalogStore::SelectedForGithub(const Scope& scope,
                                                                              absl::Time asked_before, int limit) {
  using Set = std::vector<catalog::Claimed>;
  return RunTransaction(pool_, scope, "read selected modules on GitHub", [&](Txn& txn) -> absl::StatusOr<Set> {
    Set set;
    for (const pqxx::row& row : txn.Run("catalog_selected_for_github", Seconds(asked_before), limit)) {
      set.push_back({.module_id = row["module_id"].as<int32_t>(),
                     .path = row["path"].as<std::string>(),
                     .latest = row["latest"].as<std::string>()});
    }
    return set;
  });
}

absl::StatusOr<std::vector<catalog::Candidate>> CatalogStore::Candidates(const Scope& scope, int32_t after,
                                                                         absl::Time eligible_since) {
  using Page = std::vector<catalog::Candidate>;
  return RunTransaction(pool_, scope, "read candidates", [&](Txn& txn) -> absl::StatusOr<Page> {
    Page page;
    for (const pqxx::row& row : txn.Run("catalog_candidates", after, kCandidatePage, Seconds(eligible_since))) {
      const int64_t programs = row["programs"].as<int64_t>();
      page.push_back({.module_id = row["id"].as<int32_t>(),
                      .path = row["path"].as<std::string>(),
                      .version = row["version"].as<std::string>(),
                      .repository = row["repository"].as<std::string>(),
                      .programs = programs,
                      .other_programs = row["all_programs"].as<int64_t>() - programs,
                      .targets = row["targets"].as<int>(),
                      .reach = static_cast<catalog::Reachability>(row["state"].as<int>()),
                      .eligible = row["eligible"].as<bool>(),
                      .declared_path = row["declared_path"].as<std::string>(),
                      .declared_is_other_module = row["declared_is_other"].as<bool>(),
                      .archived = row["archived"].as<bool>(),
                      .fork = row["fork"].as<bool>(),
                      .deprecated = row["deprecated"].as<bool>(),
                      .retracted = row["retracted"].as<bool>(),
                      .stars = Maybe<int64_t>(row["stars"]),
                      .importers = Maybe<int64_t>(row["importers"]),
                      .demand = row["demand"].as<int64_t>(),
                      .license = row["license"].as<std::string>(),
                      .last_indexed_at = TimeOf(row["last_us"]),
                      .left_out = row["left_out"].as<std::string>()});
    }
    return page;
  });
}

absl::Status CatalogStore::SaveDecisions(const Scope& scope, int64_t epoch,
                                         absl::Span<const catalog::DecisionRow> rows) {
  if (rows.empty()) return absl::OkStatus();
  return WriteAsLeader(pool_, scope, epoch, "store decisions", [&](Txn& txn) {
    txn.Run("catalog_save_decisions", DecisionRecords(rows));
    return absl::OkStatus();
  });
}

absl::Status CatalogStore::LeaveOut(const Scope& scope, int64_t epoch, absl::Span<const catalog::DecisionRow> rows,
                                    absl::Time now) {
  if (rows.empty()) return absl::OkStatus();
  return WriteAsLeader(pool_, scope, epoch, "store what no batch takes", [&](Txn& txn) {
    txn.Run("catalog_leave_out", DecisionRecords(rows), Seconds(now));
    return absl::OkStatus();
  });
}

absl::StatusOr<int64_t> CatalogStore::SubmittedIn(const Scope& scope, BatchId batch) {
  return RunTransaction(pool_, scope, "count what a batch was made of", [&](Txn& txn) -> absl::StatusOr<int64_t> {
    return txn.Run("catalog_submitted_in", batch.value)[0][0].as<int64_t>();
  });
}

absl::StatusOr<std::vector<Unsubmitted>> CatalogStore::NotSubmitted(const Scope& scope, int limit, bool again,
                                                                    bool unpublished) {
  using Rows = std::vector<Unsubmitted>;
  return RunTransaction(pool_, scope, "read what was selected", [&](Txn& txn) -> absl::StatusOr<Rows> {
    Rows rows;
    for (const pqxx::row& row : txn.Run("catalog_unsubmitted", limit, again, unpublished)) {
      rows.push_back({.module_id = row["module_id"].as<int32_t>(),
                      .path = row["path"].as<std::string>(),
                      .version = row["version"].as<std::string>(),
                      .reason = row["reason"].as<std::string>(),
                      .targets = row["targets"].as<int>()});
    }
    return rows;
  });
}

absl::Status CatalogStore::MarkSubmitted(const Scope& scope, int64_t epoch, absl::Span<const Unsubmitted> modules,
                                         BatchId batch, bool by_itself) {
  return WriteAsLeader(pool_, scope, epoch, "mark what was submitted", [&](Txn& txn) {
    Records records;
    for (const Unsubmitted& m : modules) {
      records.Add([&](JsonWriter& json) {
        json.Field("module_id", static_cast<int64_t>(m.module_id));
        Text(json, "version", m.version);
      });
    }
    if (!records.empty()) txn.Run("catalog_mark_submitted", records.Take(), batch.value);
    if (by_itself) txn.Run("catalog_use_budget", static_cast<int>(modules.size()));
    return absl::OkStatus();
  });
}

absl::StatusOr<int> CatalogStore::BudgetUsed(const Scope& scope) {
  return RunTransaction(pool_, scope, "read the budget of the day",
                        [](Txn& txn) -> absl::StatusOr<int> { return txn.Run("catalog_budget_used")[0][0].as<int>(); });
}

absl::StatusOr<CatalogStore::Imported> CatalogStore::Import(const Scope& scope, int64_t epoch,
                                                            const std::string& origin,
                                                            absl::Span<const ImportName> entries) {
  Imported imported;
  GOFARM_RETURN_IF_ERROR(WriteAsLeader(pool_, scope, epoch, "import a list", [&](Txn& txn) {
    std::vector<std::string> names, paths;
    for (const ImportName& entry : entries) {
      names.push_back(WithoutNul(entry.name));
      paths.push_back(WithoutNul(entry.path));
    }
    const std::string all = Array(names);
    txn.Run("catalog_save_origins", all, WithoutNul(origin));
    std::set<std::string> found;
    std::set<int64_t> ids;
    for (const pqxx::row& row : txn.Run("catalog_modules_below", all, Array(paths))) {
      found.insert(row[0].as<std::string>());
      ids.insert(row[1].as<int64_t>());
    }
    txn.Run("catalog_enroll_modules", StageArray({Stage::kEnrich, Stage::kReach}),
            Array(std::vector<int64_t>(ids.begin(), ids.end())));
    imported = {.modules = static_cast<int64_t>(ids.size()),
                .names_unknown = static_cast<int64_t>(entries.size() - found.size())};
    return absl::OkStatus();
  }));
  return imported;
}

}  // namespace gofarm::store
