#include "coordinator/store/artifact_store.h"

#include "coordinator/store/transaction.h"

namespace gofarm::store {

absl::StatusOr<std::vector<std::string>> ArtifactStore::Referenced(const Scope& scope,
                                                                   const std::vector<std::string>& sha256) {
  using Digests = std::vector<std::string>;
  return RunTransaction(pool_, scope, "look for references to blobs", [&](Txn& txn) -> absl::StatusOr<Digests> {
    Digests referenced;
    for (const pqxx::row& row : txn.Run("referenced_artifacts", Array(sha256))) {
      referenced.push_back(row[0].as<std::string>());
    }
    return referenced;
  });
}

absl::StatusOr<ArtifactStore::Totals> ArtifactStore::CountAll(const Scope& scope, const std::string& toolset) {
  return RunTransaction(pool_, scope, "count what the farm keeps", [&](Txn& txn) -> absl::StatusOr<Totals> {
    const pqxx::result rows = txn.Run("stored_totals", toolset);
    return Totals{.artifact_bytes = rows[0]["artifact_bytes"].as<int64_t>(),
                  .toolset = rows[0]["toolset"].as<int64_t>()};
  });
}

}  // namespace gofarm::store
