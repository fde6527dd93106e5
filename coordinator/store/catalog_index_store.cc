#include "coordinator/store/catalog_index_store.h"

#include <algorithm>

#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "coordinator/store/transaction.h"

namespace gofarm::store {
namespace {

void InsertRejects(Txn& txn, absl::Span<const domain::IndexReject> rejects) {
  if (rejects.empty()) return;
  std::vector<std::string> digests, lines, reasons;
  for (const domain::IndexReject& reject : rejects) {
    digests.push_back(reject.digest);
    lines.push_back(reject.line);
    reasons.push_back(reject.reason);
  }
  txn.Run("catalog_insert_rejects", Array(digests), Array(lines), Array(reasons), kRejectsMax);
}

}  // namespace

absl::StatusOr<std::vector<domain::IndexSlice>> CatalogIndexStore::Slices(const Scope& scope) {
  return RunTransaction(pool_, scope, "read how far the index is read",
                        [](Txn& txn) -> absl::StatusOr<std::vector<domain::IndexSlice>> {
                          std::vector<domain::IndexSlice> slices;
                          for (const pqxx::row& row : txn.Run("catalog_list_slices")) {
                            domain::IndexSlice slice{.slice = row["slice"].as<int>(),
                                                     .since = row["since"].as<std::string>(),
                                                     .until = row["until"].as<std::string>(),
                                                     .done = row["done"].as<bool>(),
                                                     .moves = row["moves"].as<int64_t>()};
                            slice.seen = absl::StrSplit(row["seen"].c_str(), '\n', absl::SkipEmpty());
                            slices.push_back(std::move(slice));
                          }
                          return slices;
                        });
}

absl::Status CatalogIndexStore::SetSlices(const Scope& scope, int64_t epoch,
                                          absl::Span<const domain::IndexSlice> slices) {
  return RunTransaction(pool_, scope, "cut the index into slices", [&](Txn& txn) -> absl::Status {
    GOFARM_RETURN_IF_ERROR(CheckEpoch(txn, epoch));
    txn.Run("catalog_delete_slices");
    for (const domain::IndexSlice& slice : slices) {
      txn.Run("catalog_insert_slice", slice.slice, slice.since, slice.until);
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<bool>> CatalogIndexStore::Land(const Scope& scope, int64_t epoch,
                                                          absl::Span<const domain::IndexLanding* const> pages) {
  return RunTransaction(pool_, scope, "land pages of the module index",
                        [&](Txn& txn) -> absl::StatusOr<std::vector<bool>> {
                          GOFARM_RETURN_IF_ERROR(CheckEpoch(txn, epoch));
                          const int half = txn.Run("catalog_landing_half")[0][0].as<int>();
                          std::vector<bool> landed;
                          for (const domain::IndexLanding* const each : pages) {
                            const domain::IndexLanding& page = *each;
                            landed.push_back(!txn.Run("catalog_move_slice", page.next.slice, page.next.moves,
                                                      page.next.since, Array(page.next.seen), page.next.done)
                                                  .empty());
                            if (!landed.back()) continue;
                            if (!page.packed.empty())
                              txn.Run("catalog_land", half, page.lines, pqxx::binarystring(page.packed));
                            InsertRejects(txn, page.rejects);
                            if (!page.stuck_since.empty())
                              txn.Run("catalog_insert_stuck", page.stuck_since, page.lines);
                          }
                          return landed;
                        });
}

absl::Status CatalogIndexStore::AddRejects(const Scope& scope, int64_t epoch,
                                           absl::Span<const domain::IndexReject> rejects) {
  return RunTransaction(pool_, scope, "keep bad lines of the index", [&](Txn& txn) -> absl::Status {
    GOFARM_RETURN_IF_ERROR(CheckEpoch(txn, epoch));
    InsertRejects(txn, rejects);
    return absl::OkStatus();
  });
}

absl::StatusOr<std::optional<domain::LandedHalf>> CatalogIndexStore::CloseHalf(const Scope& scope, int64_t epoch) {
  return RunTransaction(pool_, scope, "take what the index's pages brought",
                        [&](Txn& txn) -> absl::StatusOr<std::optional<domain::LandedHalf>> {
                          GOFARM_RETURN_IF_ERROR(CheckEpoch(txn, epoch));
                          const pqxx::row row = txn.Run("catalog_landed_halves")[0];
                          const int open = row["half"].as<int>();
                          const int64_t lines[2] = {row["in_0"].as<int64_t>(), row["in_1"].as<int64_t>()};
                          if (lines[1 - open] > 0) return domain::LandedHalf{1 - open, lines[1 - open]};
                          if (lines[open] == 0) return std::nullopt;
                          return domain::LandedHalf{txn.Run("catalog_flip_landing")[0][0].as<int>(), lines[open]};
                        });
}

absl::StatusOr<domain::IndexStats> CatalogIndexStore::Stats(const Scope& scope) {
  return RunTransaction(pool_, scope, "count the catalog", [](Txn& txn) -> absl::StatusOr<domain::IndexStats> {
    const pqxx::row row = txn.Run("catalog_index_stats")[0];
    return domain::IndexStats{.modules = row["modules"].as<int64_t>(),
                              .versions = row["versions"].as<int64_t>(),
                              .rejected = row["rejected"].as<int64_t>(),
                              .stuck = row["stuck"].as<int64_t>(),
                              .landed = row["landed"].as<int64_t>()};
  });
}

absl::StatusOr<std::optional<domain::IndexedModule>> CatalogIndexStore::Module(const Scope& scope,
                                                                               const std::string& path) {
  return RunTransaction(pool_, scope, "find a module in the index",
                        [&](Txn& txn) -> absl::StatusOr<std::optional<domain::IndexedModule>> {
                          const pqxx::result rows = txn.Run("catalog_module", path);
                          if (rows.empty()) return std::nullopt;
                          const pqxx::row row = rows[0];
                          return domain::IndexedModule{.id = row["id"].as<int32_t>(),
                                                       .path = row["path"].as<std::string>(),
                                                       .latest = row["latest"].as<std::string>(),
                                                       .versions = row["versions"].as<int32_t>(),
                                                       .latest_indexed_at = TimeOf(row["latest_indexed_at"]),
                                                       .first_indexed_at = TimeOf(row["first_indexed_at"]),
                                                       .last_indexed_at = TimeOf(row["last_indexed_at"]),
                                                       .revision = row["revision"].as<int64_t>()};
                        });
}

absl::StatusOr<std::vector<domain::IndexedVersion>> CatalogIndexStore::Versions(const Scope& scope, int32_t module,
                                                                                const std::string& after, int limit) {
  return RunTransaction(pool_, scope, "list the versions of a module",
                        [&](Txn& txn) -> absl::StatusOr<std::vector<domain::IndexedVersion>> {
                          std::vector<domain::IndexedVersion> versions;
                          for (const pqxx::row& row : txn.Run("catalog_module_versions", module, after,
                                                              std::clamp(limit, 1, kVersionsPageMax))) {
                            versions.push_back({row["version"].as<std::string>(), TimeOf(row["indexed_at"])});
                          }
                          return versions;
                        });
}

}  // namespace gofarm::store
