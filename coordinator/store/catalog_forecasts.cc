// What CatalogStore keeps of forecasts and of what they follow.
#include <algorithm>
#include <utility>

#include "coordinator/store/catalog_rows.h"
#include "coordinator/store/catalog_store.h"

namespace gofarm::store {

absl::StatusOr<std::map<std::string, std::string>> CatalogStore::PackagesOf(const Scope& scope,
                                                                            absl::Span<const std::string> modules) {
  if (modules.size() > static_cast<size_t>(kPackagesOfMax)) {
    return absl::InvalidArgumentError(Cat(modules.size(), " modules, at most ", kPackagesOfMax, " at once"));
  }
  using Documents = std::map<std::string, std::string>;
  return RunTransaction(pool_, scope, "read what packages are made of", [&](Txn& txn) -> absl::StatusOr<Documents> {
    Documents documents;
    for (const pqxx::row& row : txn.Run("catalog_packages_of", Array(modules))) {
      documents[row["path"].as<std::string>()] = row["document"].as<std::string>();
    }
    return documents;
  });
}

absl::StatusOr<std::vector<catalog::ForecastInput>> CatalogStore::ForecastInputs(const Scope& scope, int32_t after) {
  using Page = std::vector<catalog::ForecastInput>;
  return RunTransaction(pool_, scope, "read what forecasts are made of", [&](Txn& txn) -> absl::StatusOr<Page> {
    Page page;
    for (const pqxx::row& row : txn.Run("catalog_forecast_inputs", after, kForecastPage)) {
      page.push_back({.module_id = row["module_id"].as<int32_t>(),
                      .revision = row["revision"].as<int64_t>(),
                      .targets = row["targets"].as<int>(),
                      .document = row["document"].as<std::string>(),
                      .forecast = row["forecast"].as<std::string>()});
    }
    return page;
  });
}

absl::Status CatalogStore::SaveForecasts(const Scope& scope, int64_t epoch,
                                         absl::Span<const catalog::ForecastRow> rows) {
  return WriteAsLeader(pool_, scope, epoch, "store forecasts", [&](Txn& txn) {
    Records records;
    for (const catalog::ForecastRow& row : rows) {
      records.Add([&](JsonWriter& json) {
        json.Field("module_id", static_cast<int64_t>(row.module_id)).Field("revision", row.revision);
        json.Field("targets", row.targets).Key("forecast").Raw(row.forecast);
      });
    }
    if (!records.empty()) txn.Run("catalog_save_forecasts", records.Take());
    return absl::OkStatus();
  });
}

absl::StatusOr<int64_t> CatalogStore::DetectionsHead(const Scope& scope) {
  return RunTransaction(pool_, scope, "read the last detection's revision", [&](Txn& txn) -> absl::StatusOr<int64_t> {
    return txn.Run("catalog_detections_head")[0][0].as<int64_t>();
  });
}

absl::StatusOr<std::vector<catalog::VerdictCheck>> CatalogStore::ForecastOutcomes(const Scope& scope) {
  using Checks = std::vector<catalog::VerdictCheck>;
  return RunTransaction(pool_, scope, "compare forecasts with outcomes", [&](Txn& txn) -> absl::StatusOr<Checks> {
    std::map<std::string, catalog::VerdictCheck> by_verdict;
    for (const pqxx::row& row : txn.Run("catalog_forecast_outcomes")) {
      const std::string verdict = row["verdict"].as<std::string>(), came = row["came"].as<std::string>();
      const int64_t jobs = row["jobs"].as<int64_t>();
      by_verdict[verdict].forecast += jobs;
      by_verdict[came].outcomes += jobs;
      if (verdict == came) by_verdict[verdict].right += jobs;
    }
    Checks checks;
    for (auto& [verdict, check] : by_verdict) {
      check.verdict = verdict;
      if (check.forecast > 0) check.precision = static_cast<double>(check.right) / static_cast<double>(check.forecast);
      if (check.outcomes > 0) check.recall = static_cast<double>(check.right) / static_cast<double>(check.outcomes);
      checks.push_back(check);
    }
    return checks;
  });
}

}  // namespace gofarm::store
