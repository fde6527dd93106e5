#include "coordinator/store/catalog_store.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "coordinator/store/catalog_rows.h"
#include "coordinator/store/transaction.h"

namespace gofarm::store {
namespace {

using catalog::Claimed;
using catalog::DetectionRow;
using catalog::EnrichmentRow;
using catalog::ReachRow;
using catalog::Stage;
using catalog::WorkDone;

std::pair<std::string, std::string> VersionArrays(const StageVersions& versions) {
  std::vector<int64_t> stages, numbers;
  for (const auto& [stage, version] : versions) {
    stages.push_back(static_cast<int64_t>(stage));
    numbers.push_back(version);
  }
  return {Array(stages), Array(numbers)};
}

void FinishWork(Txn& txn, Stage stage, int stage_version, absl::Span<const WorkDone> work) {
  Records records;
  for (const WorkDone& w : work) {
    records.Add([&](JsonWriter& json) {
      json.Field("module_id", static_cast<int64_t>(w.module_id)).Field("failures", w.failures).Key("due");
      w.due_at == absl::InfiniteFuture() ? json.Null() : json.Double(Seconds(w.due_at));
    });
  }
  if (!records.empty()) txn.Run("catalog_finish_work", static_cast<int>(stage), stage_version, records.Take());
}

void WriteRanges(JsonWriter& json, absl::Span<const catalog::RetractedRange> ranges) {
  json.Key("retractions").BeginArray();
  for (const catalog::RetractedRange& range : ranges) {
    json.BeginObject();
    Text(json, "low", range.low);
    Text(json, "high", range.high);
    Text(json, "why", range.why);
    json.EndObject();
  }
  json.EndArray();
}

ReachRow ReachFrom(const pqxx::row& row) {
  return {.module_id = row["module_id"].as<int32_t>(),
          .version = row["version"].as<std::string>(),
          .state = static_cast<catalog::Reachability>(row["state"].as<int>()),
          .detail = row["detail"].as<std::string>(),
          .declared_path = row["declared_path"].as<std::string>(),
          .go_version = row["go_version"].as<std::string>(),
          .deprecated = row["deprecated"].as<std::string>(),
          .retracted = row["retracted"].as<bool>(),
          .zip_bytes = row["zip_bytes"].as<int64_t>(),
          .absent_since = MaybeTime(row["absent_us"]),
          .checked_at = TimeOf(row["checked_us"])};
}

EnrichmentRow EnrichmentFrom(const pqxx::row& row) {
  return {.module_id = row["module_id"].as<int32_t>(),
          .repository = row["repository"].as<std::string>(),
          .known = row["known"].as<bool>(),
          .stars = Maybe<int64_t>(row["stars"]),
          .archived = row["archived"].as<bool>(),
          .fork = row["fork"].as<bool>(),
          .license = Maybe<std::string>(row["license"]),
          .importers = Maybe<int64_t>(row["importers"]),
          .deprecated = row["deprecated"].as<bool>(),
          .description = Maybe<std::string>(row["description"]),
          .pushed_at = MaybeTime(row["pushed_us"]),
          .document = row["document"].as<std::string>(),
          .detail = row["detail"].as<std::string>(),
          .checked_at = TimeOf(row["checked_us"]),
          .github = row["github"].as<std::string>(),
          .github_etag = row["github_etag"].as<std::string>(),
          .github_at = MaybeTime(row["github_us"])};
}

DetectionRow DetectionFrom(const pqxx::row& row) {
  return {.module_id = row["module_id"].as<int32_t>(),
          .version = row["version"].as<std::string>(),
          .undecided = row["undecided"].as<std::string>(),
          .crashes = row["crashes"].as<int>(),
          .declared_path = row["declared_path"].as<std::string>(),
          .programs = row["programs"].as<int64_t>(),
          .targets = row["targets"].as<int>(),
          .document = row["document"].as<std::string>(),
          .checked_at = TimeOf(row["checked_us"])};
}

// Rows by module: `from` makes one of them.
template <typename Row>
absl::StatusOr<std::map<int32_t, Row>> RowsOf(Pool& pool, const Scope& scope, const char* statement,
                                              absl::Span<const int32_t> modules, Row (*from)(const pqxx::row&)) {
  using Rows = std::map<int32_t, Row>;
  return RunTransaction(pool, scope, statement, [&](Txn& txn) -> absl::StatusOr<Rows> {
    Rows rows;
    for (const pqxx::row& row : txn.Run(statement, Array(Numbers(modules)))) {
      Row made = from(row);
      const int32_t id = made.module_id;
      rows.emplace(id, std::move(made));
    }
    return rows;
  });
}

void SaveDemand(Txn& txn, absl::Span<const DetectionRow> rows) {
  std::vector<int64_t> modules;
  Records records;
  for (const DetectionRow& row : rows) {
    modules.push_back(row.module_id);
    for (const catalog::Demand& d : row.demand) {
      records.Add([&](JsonWriter& json) {
        Text(json, "import_path", d.import_path);
        json.Field("kind", static_cast<int64_t>(d.kind)).Field("from_module", static_cast<int64_t>(row.module_id));
      });
    }
  }
  txn.Run("catalog_forget_demand", Array(modules));
  if (!records.empty()) txn.Run("catalog_save_demand", records.Take());
}

void SavePackages(Txn& txn, absl::Span<const DetectionRow> rows) {
  Records records;
  for (const DetectionRow& row : rows) {
    if (row.packages.empty()) continue;
    records.Add([&](JsonWriter& json) {
      json.Field("module_id", static_cast<int64_t>(row.module_id));
      Text(json, "version", row.version);
      json.Field("packages", row.packages_told).Field("untold", row.packages_untold);
      Text(json, "document", row.packages);
    });
  }
  if (!records.empty()) txn.Run("catalog_save_packages", records.Take());
}

template <typename Row>
void SaveSearch(Txn& txn, absl::Span<const Row> rows) {
  std::vector<int64_t> modules;
  for (const Row& row : rows) modules.push_back(row.module_id);
  if (!modules.empty()) txn.Run("catalog_save_search", Array(modules));
}

}  // namespace

absl::StatusOr<std::map<Stage, bool>> CatalogStore::Running(const Scope& scope) {
  using Flags = std::map<Stage, bool>;
  return RunTransaction(pool_, scope, "read which stages run", [&](Txn& txn) -> absl::StatusOr<Flags> {
    Flags flags;
    for (const pqxx::row& row : txn.Run("catalog_stage_flags")) {
      flags[static_cast<Stage>(row[0].as<int>())] = row[1].as<bool>();
    }
    return flags;
  });
}

absl::Status CatalogStore::SetRunning(const Scope& scope, int64_t epoch, absl::Span<const Stage> stages, bool running) {
  return WriteAsLeader(pool_, scope, epoch, "turn stages on or off", [&](Txn& txn) {
    for (const Stage stage : stages) txn.Run("catalog_set_stage", static_cast<int>(stage), running);
    return absl::OkStatus();
  });
}

absl::StatusOr<Enrolled> CatalogStore::Enroll(const Scope& scope, int64_t epoch, Stage stage,
                                              absl::Time eligible_since) {
  Enrolled enrolled;
  const int number = static_cast<int>(stage);
  const std::string terms =
      stage == Stage::kDetect ? "" : absl::FormatTime(absl::RFC3339_sec, eligible_since, absl::UTCTimeZone());
  GOFARM_RETURN_IF_ERROR(
      WriteAsLeader(pool_, scope, epoch, Cat("take up what ", Name(stage), " follows"), [&](Txn& txn) -> absl::Status {
        const pqxx::row cursor = txn.Run("catalog_cursor", number)[0];
        const int64_t from = cursor["terms"].as<std::string>() == terms ? cursor["revision"].as<int64_t>() : 0;
        const pqxx::result rows = stage == Stage::kDetect
                                      ? txn.Run("catalog_enroll_reachable", from, kEnrollPage)
                                      : txn.Run("catalog_enroll_eligible", number, from, Seconds(eligible_since),
                                                stage == Stage::kReach, kEnrollPage);
        enrolled = {.read = rows[0]["read"].as<int64_t>(), .enrolled = rows[0]["enrolled"].as<int64_t>()};
        if (enrolled.read > 0) {
          txn.Run("catalog_move_cursor", number, rows[0]["revision"].as<int64_t>(), terms);
        }
        return absl::OkStatus();
      }));
  return enrolled;
}

absl::StatusOr<std::vector<Claimed>> CatalogStore::Claim(const Scope& scope, Stage stage, int stage_version,
                                                         int limit) {
  using Set = std::vector<Claimed>;
  return RunTransaction(pool_, scope, Cat("claim work of ", Name(stage)), [&](Txn& txn) -> absl::StatusOr<Set> {
    Set set;
    for (const pqxx::row& row :
         txn.Run("catalog_claim_work", static_cast<int>(stage), stage_version, std::min(limit, kClaimMax))) {
      set.push_back({.module_id = row["module_id"].as<int32_t>(),
                     .path = row["path"].as<std::string>(),
                     .latest = row["latest"].as<std::string>(),
                     .failures = row["failures"].as<int>()});
    }
    return set;
  });
}

absl::StatusOr<std::map<Stage, StageCounts>> CatalogStore::Counts(const Scope& scope, const StageVersions& versions) {
  using All = std::map<Stage, StageCounts>;
  return RunTransaction(pool_, scope, "count the work of the stages", [&](Txn& txn) -> absl::StatusOr<All> {
    const auto [stages, numbers] = VersionArrays(versions);
    All all;
    for (const pqxx::row& row : txn.Run("catalog_stage_counts", stages, numbers)) {
      all[static_cast<Stage>(row["stage"].as<int>())] = {.done = row["done"].as<int64_t>(),
                                                         .backlog = row["backlog"].as<int64_t>()};
    }
    return all;
  });
}

absl::StatusOr<std::map<Stage, StagePending>> CatalogStore::Pending(const Scope& scope, const StageVersions& versions) {
  using All = std::map<Stage, StagePending>;
  return RunTransaction(pool_, scope, "look for work of the stages", [&](Txn& txn) -> absl::StatusOr<All> {
    const auto [stages, numbers] = VersionArrays(versions);
    All all;
    for (const pqxx::row& row : txn.Run("catalog_stages_pending", stages, numbers)) {
      all[static_cast<Stage>(row["stage"].as<int>())] = {.due = row["due"].as<bool>(),
                                                         .unread = row["unread"].as<bool>()};
    }
    return all;
  });
}

absl::Status CatalogStore::Refresh(const Scope& scope, int64_t epoch, int32_t module_id,
                                   absl::Span<const Stage> stages) {
  return WriteAsLeader(pool_, scope, epoch, "make a module due", [&](Txn& txn) {
    txn.Run("catalog_refresh_work", module_id, StageArray(stages));
    return absl::OkStatus();
  });
}

absl::Status CatalogStore::SaveReach(const Scope& scope, int64_t epoch, int stage_version,
                                     absl::Span<const ReachRow> rows, absl::Span<const WorkDone> work) {
  return WriteAsLeader(pool_, scope, epoch, "store what reach found", [&](Txn& txn) {
    Records records;
    for (const ReachRow& r : rows) {
      records.Add([&](JsonWriter& json) {
        json.Field("module_id", static_cast<int64_t>(r.module_id));
        Text(json, "version", r.version);
        json.Field("state", static_cast<int64_t>(r.state));
        Text(json, "detail", r.detail);
        Text(json, "declared_path", r.declared_path);
        Text(json, "go_version", r.go_version);
        Text(json, "deprecated", r.deprecated);
        json.Field("retracted", r.retracted).Field("zip_bytes", r.zip_bytes);
        Optional(json, "absent_since", r.absent_since, [&](absl::Time t) { json.Double(Seconds(t)); });
        json.Field("checked_at", Seconds(r.checked_at));
        if (r.retractions) WriteRanges(json, *r.retractions);
      });
    }
    if (!records.empty()) txn.Run("catalog_save_reach", records.Take());
    FinishWork(txn, Stage::kReach, stage_version, work);
    return absl::OkStatus();
  });
}

absl::Status CatalogStore::SaveEnrichment(const Scope& scope, int64_t epoch, int stage_version,
                                          absl::Span<const EnrichmentRow> rows, absl::Span<const WorkDone> work) {
  return WriteAsLeader(pool_, scope, epoch, "store what enrich found", [&](Txn& txn) {
    Records records;
    for (const EnrichmentRow& r : rows) {
      records.Add([&](JsonWriter& json) {
        const auto number = [&](int64_t n) { json.Int(n); };
        const auto text = [&](const std::string& t) { json.String(WithoutNul(t)); };
        json.Field("module_id", static_cast<int64_t>(r.module_id));
        Text(json, "repository", r.repository);
        json.Field("known", r.known);
        Optional(json, "stars", r.stars, number);
        json.Field("archived", r.archived).Field("fork", r.fork);
        Optional(json, "license", r.license, text);
        Optional(json, "importers", r.importers, number);
        json.Field("deprecated", r.deprecated);
        Optional(json, "description", r.description, text);
        Optional(json, "pushed_at", r.pushed_at, [&](absl::Time t) { json.Double(Seconds(t)); });
        json.Key("document").Raw(r.document);
        Text(json, "detail", r.detail);
        json.Field("checked_at", Seconds(r.checked_at)).Key("github");
        r.github.empty() ? json.Null() : json.Raw(r.github);
        Text(json, "github_etag", r.github_etag);
        Optional(json, "github_at", r.github_at, [&](absl::Time t) { json.Double(Seconds(t)); });
      });
    }
    if (!records.empty()) txn.Run("catalog_save_enrichment", records.Take());
    SaveSearch(txn, rows);
    FinishWork(txn, Stage::kEnrich, stage_version, work);
    return absl::OkStatus();
  });
}

absl::Status CatalogStore::SaveDetections(const Scope& scope, int64_t epoch, int stage_version,
                                          absl::Span<const DetectionRow> rows, absl::Span<const WorkDone> work) {
  return WriteAsLeader(pool_, scope, epoch, "store what detect found", [&](Txn& txn) {
    Records records;
    for (const DetectionRow& r : rows) {
      records.Add([&](JsonWriter& json) {
        json.Field("module_id", static_cast<int64_t>(r.module_id));
        Text(json, "version", r.version);
        Text(json, "undecided", r.undecided);
        json.Field("crashes", r.crashes);
        Text(json, "declared_path", r.declared_path);
        json.Field("programs", r.programs).Field("targets", r.targets);
        Text(json, "words", r.words);
        json.Key("document").Raw(r.document);
        json.Field("checked_at", Seconds(r.checked_at));
      });
    }
    if (!records.empty()) txn.Run("catalog_save_detections", records.Take());
    SavePackages(txn, rows);
    SaveDemand(txn, rows);
    SaveSearch(txn, rows);
    FinishWork(txn, Stage::kDetect, stage_version, work);
    return absl::OkStatus();
  });
}

absl::StatusOr<std::map<int32_t, ReachRow>> CatalogStore::ReachOf(const Scope& scope,
                                                                  absl::Span<const int32_t> modules) {
  return RowsOf<ReachRow>(pool_, scope, "catalog_reach_of", modules, ReachFrom);
}
absl::StatusOr<std::map<int32_t, EnrichmentRow>> CatalogStore::EnrichmentOf(const Scope& scope,
                                                                            absl::Span<const int32_t> modules) {
  return RowsOf<EnrichmentRow>(pool_, scope, "catalog_enrichment_of", modules, EnrichmentFrom);
}
absl::StatusOr<std::map<int32_t, DetectionRow>> CatalogStore::DetectionsOf(const Scope& scope,
                                                                           absl::Span<const int32_t> modules) {
  return RowsOf<DetectionRow>(pool_, scope, "catalog_detections_of", modules, DetectionFrom);
}

absl::StatusOr<std::vector<catalog::FunnelStep>> CatalogStore::Funnel(const Scope& scope, absl::Time eligible_since) {
  using Steps = std::vector<catalog::FunnelStep>;
  return RunTransaction(pool_, scope, "count the funnel", [&](Txn& txn) -> absl::StatusOr<Steps> {
    const pqxx::row row = txn.Run("catalog_funnel", Seconds(eligible_since))[0];
    Steps steps;
    for (const char* step : {"indexed", "eligible", "enriched", "reachable", "programs", "selected"}) {
      steps.push_back({.step = step, .count = row[step].as<int64_t>()});
    }
    return steps;
  });
}

absl::StatusOr<ModuleRecord> CatalogStore::Find(const Scope& scope, const std::string& path) {
  return RunTransaction(pool_, scope, "read a module", [&](Txn& txn) -> absl::StatusOr<ModuleRecord> {
    const pqxx::result found = txn.Run("catalog_find_module", path);
    if (found.empty()) {
      return absl::NotFoundError(Cat("the catalog has no module ", EscapeForPrint(path),
                                     "; paths are as in the index, capitals included: gofarm catalog search WORD"));
    }
    ModuleRecord record;
    const pqxx::row& m = found[0];
    record.module = {.id = m["id"].as<int32_t>(),
                     .path = m["path"].as<std::string>(),
                     .latest = m["latest"].as<std::string>(),
                     .versions = m["versions"].as<int64_t>(),
                     .first_indexed_at = TimeOf(m["first_us"]),
                     .last_indexed_at = TimeOf(m["last_us"])};
    const int32_t id = record.module.id;
    const std::string ids = Array(std::vector<int64_t>{id});
    for (const pqxx::row& row : txn.Run("catalog_enrichment_of", ids)) record.enrichment = EnrichmentFrom(row);
    for (const pqxx::row& row : txn.Run("catalog_reach_of", ids)) record.reach = ReachFrom(row);
    for (const pqxx::row& row : txn.Run("catalog_detections_of", ids)) record.detection = DetectionFrom(row);
    for (const pqxx::row& row : txn.Run("catalog_work_of", id)) {
      record.work.push_back({.stage = static_cast<Stage>(row["stage"].as<int>()),
                             .stage_version = row["stage_version"].as<int>(),
                             .due_at = MaybeTime(row["due_us"]).value_or(absl::InfiniteFuture()),
                             .failures = row["failures"].as<int>()});
    }
    for (const pqxx::row& row : txn.Run("catalog_demand_on", path, id)) {
      record.demand[static_cast<catalog::DemandKind>(row["kind"].as<int>())] = row["modules"].as<int64_t>();
    }
    std::vector<std::string> names{path};
    if (record.enrichment) names.push_back(record.enrichment->repository);
    for (const pqxx::row& row : txn.Run("catalog_origins_of", Array(names))) {
      record.origins.push_back(row[0].as<std::string>());
    }
    for (const pqxx::row& row : txn.Run("catalog_decision_of", id)) {
      record.decision = catalog::Decision{.selected = row["selected"].as<bool>(),
                                          .reason = row["reason"].as<std::string>(),
                                          .at = TimeOf(row["decided_us"])};
    }
    return record;
  });
}

// Bytes of a hit's description, and of its programs' names: kSearchLimitMax hits are one message.
constexpr size_t kHitTextMax = 1'000;

absl::StatusOr<std::vector<catalog::SearchHit>> CatalogStore::Search(const Scope& scope, const std::string& words,
                                                                     int limit) {
  using Hits = std::vector<catalog::SearchHit>;
  return RunTransaction(pool_, scope, "search the catalog", [&](Txn& txn) -> absl::StatusOr<Hits> {
    Hits hits;
    for (const pqxx::row& row :
         txn.Run("catalog_search", WithoutNul(words), std::min(limit, kSearchLimitMax), kSearchCandidates)) {
      catalog::SearchHit hit{.module = row["path"].as<std::string>(),
                             .latest = row["latest"].as<std::string>(),
                             .synopsis = Clip(row["synopsis"].as<std::string>(), kHitTextMax),
                             .stars = row["stars"].as<int64_t>(),
                             .demand = row["importers"].as<int64_t>()};
      size_t names = 0;
      for (const absl::string_view name : absl::StrSplit(row["programs"].as<std::string>(), ' ', absl::SkipEmpty())) {
        names += name.size() + 1;
        if (names > kHitTextMax) break;
        hit.programs.emplace_back(name);
      }
      hits.push_back(std::move(hit));
    }
    return hits;
  });
}

absl::StatusOr<std::string> CatalogStore::DataFolder(const Scope& scope) {
  return RunTransaction(pool_, scope, "ask where the database stands", [](Txn& txn) -> absl::StatusOr<std::string> {
    const pqxx::result rows = txn.Run("catalog_data_folder");
    return rows.empty() ? std::string() : rows[0][0].as<std::string>();
  });
}

absl::StatusOr<int64_t> CatalogStore::TableBytes(const Scope& scope) {
  return RunTransaction(pool_, scope, "measure the catalog", [&](Txn& txn) -> absl::StatusOr<int64_t> {
    return txn.Run("catalog_table_bytes")[0][0].as<int64_t>();
  });
}

}  // namespace gofarm::store
