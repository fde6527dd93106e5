#include "coordinator/store/update_store.h"

#include <utility>

#include "common/base/status_macros.h"
#include "common/json/fields.h"
#include "coordinator/store/catalog_rows.h"
#include "coordinator/store/json.h"

namespace gofarm::catalog {

template <typename Form, json::Is<PublishedProgram> P>
void Fields(Form& form, P& p) {
  form.Field("import_path", p.import_path);
  form.Field("targets", p.targets);
}

template <typename Form, json::Is<RetractedRange> R>
void Fields(Form& form, R& r) {
  form.Field("low", r.low);
  form.Field("high", r.high);
  form.Field("why", r.why);
}

}  // namespace gofarm::catalog

namespace gofarm::store {
namespace {

using catalog::QueuedVersion;
using catalog::Retractable;
using catalog::RetractionMark;
using catalog::UpdateCandidate;

// Of a jsonb column, which another version of the coordinator may have written; null: nothing.
template <typename Value>
Value Lenient(const pqxx::field& field) {
  Value value;
  if (!field.is_null()) json::Read(field.as<std::string>(), json::Rule::kLenient, value).IgnoreError();
  return value;
}

}  // namespace

absl::StatusOr<UpdateStore::Head> UpdateStore::HeadNow(const Scope& scope) {
  return RunTransaction(pool_, scope, "look for changes of published modules", [](Txn& txn) -> absl::StatusOr<Head> {
    const pqxx::row row = txn.Run("updates_head")[0];
    return Head{.reach = row["reach"].as<int64_t>(),
                .detections = row["detections"].as<int64_t>(),
                .releases = row["releases"].as<int64_t>()};
  });
}

absl::StatusOr<std::vector<UpdateCandidate>> UpdateStore::Candidates(const Scope& scope, std::string_view after) {
  using Page = std::vector<UpdateCandidate>;
  return RunTransaction(pool_, scope, "look for new versions", [&](Txn& txn) -> absl::StatusOr<Page> {
    Page page;
    for (const pqxx::row& row : txn.Run("updates_candidates", std::string(after), kUpdatePage)) {
      page.push_back({.module_id = row["id"].as<int32_t>(),
                      .module = row["path"].as<std::string>(),
                      .published = Lenient<std::vector<std::string>>(row["versions"]),
                      .programs = Lenient<std::vector<catalog::PublishedProgram>>(row["programs"]),
                      .version = row["version"].as<std::string>(),
                      .reach = static_cast<catalog::Reachability>(row["state"].as<int>()),
                      .retracted = row["retracted"].as<bool>(),
                      .detected = row["detected"].as<std::string>(),
                      .undecided = row["undecided"].as<std::string>(),
                      .buildable = row["targets"].as<int>(),
                      .document = row["document"].as<std::string>(),
                      .indexed_at = TimeOf(row["indexed_us"]),
                      .jobs = row["jobs"].as<int>(),
                      .withdrawn = row["withdrawn"].as<std::string>()});
    }
    return page;
  });
}

absl::Status UpdateStore::MarkQueued(const Scope& scope, int64_t epoch, absl::Span<const QueuedVersion> queued) {
  if (queued.empty()) return absl::OkStatus();
  return WriteAsLeader(pool_, scope, epoch, "mark the new versions that were queued", [&](Txn& txn) {
    Records records;
    int paid = 0;
    for (const QueuedVersion& q : queued) {
      paid += q.batch == BatchId{} ? 0 : 1;
      records.Add([&](JsonWriter& json) {
        Text(json, "module", q.module);
        Text(json, "version", q.version);
        json.Field("targets", q.targets).Field("batch_id", q.batch.value);
        Text(json, "detail", q.detail);
      });
    }
    txn.Run("updates_insert_queued", records.Take());
    if (paid > 0) txn.Run("catalog_use_budget", paid);
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<QueuedVersion>> UpdateStore::QueuedToday(const Scope& scope, int limit) {
  using Rows = std::vector<QueuedVersion>;
  return RunTransaction(pool_, scope, "list the new versions of today", [&](Txn& txn) -> absl::StatusOr<Rows> {
    Rows rows;
    for (const pqxx::row& row : txn.Run("updates_queued_today", limit)) {
      rows.push_back({.module = row["module"].as<std::string>(),
                      .version = row["version"].as<std::string>(),
                      .targets = row["targets"].as<int>(),
                      .batch = BatchId{row["batch_id"].as<int64_t>()},
                      .detail = row["detail"].as<std::string>(),
                      .queued_at = TimeOf(row["queued_us"])});
    }
    return rows;
  });
}

absl::StatusOr<std::vector<Retractable>> UpdateStore::Retractables(const Scope& scope, std::string_view after_module,
                                                                   std::string_view after_version) {
  using Page = std::vector<Retractable>;
  return RunTransaction(pool_, scope, "look for retracted versions", [&](Txn& txn) -> absl::StatusOr<Page> {
    Page page;
    for (const pqxx::row& row :
         txn.Run("updates_retractable", std::string(after_module), std::string(after_version), kUpdatePage)) {
      page.push_back({.module = row["module"].as<std::string>(),
                      .version = row["version"].as<std::string>(),
                      .least = row["least"].as<std::string>(),
                      .most = row["most"].as<std::string>(),
                      .ranges = Lenient<std::vector<catalog::RetractedRange>>(row["retractions"])});
    }
    return page;
  });
}

absl::Status UpdateStore::MarkRetracted(const Scope& scope, int64_t epoch, absl::Span<const RetractionMark> marks) {
  if (marks.empty()) return absl::OkStatus();
  return WriteAsLeader(pool_, scope, epoch, "take retracted versions out of the index", [&](Txn& txn) {
    std::vector<std::string> modules, versions, reasons;
    for (const RetractionMark& mark : marks) {
      modules.push_back(mark.module);
      versions.push_back(mark.version);
      reasons.push_back(WithoutNul(mark.why));
    }
    txn.Run("updates_mark_retracted", Array(modules), Array(versions), Array(reasons));
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<RetractionMark>> UpdateStore::Retracted(const Scope& scope, int limit) {
  using Rows = std::vector<RetractionMark>;
  return RunTransaction(pool_, scope, "list retracted versions", [&](Txn& txn) -> absl::StatusOr<Rows> {
    Rows rows;
    for (const pqxx::row& row : txn.Run("updates_retracted", limit)) {
      rows.push_back(
          {row["module"].as<std::string>(), row["version"].as<std::string>(), row["reason"].as<std::string>()});
    }
    return rows;
  });
}

absl::StatusOr<int64_t> UpdateStore::MarkDeprecated(const Scope& scope, int64_t epoch) {
  int64_t marked = 0;
  GOFARM_RETURN_IF_ERROR(WriteAsLeader(pool_, scope, epoch, "mark deprecated modules", [&](Txn& txn) {
    marked = txn.Run("updates_mark_deprecated", kDeprecatedAtOnce)[0]["marked"].as<int64_t>();
    return absl::OkStatus();
  }));
  return marked;
}

}  // namespace gofarm::store
