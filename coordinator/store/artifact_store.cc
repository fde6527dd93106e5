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

absl::StatusOr<ArtifactStore::Known> ArtifactStore::Find(const Scope& scope, const std::string& sha256) {
  return RunTransaction(pool_, scope, "find an artifact", [&](Txn& txn) -> absl::StatusOr<Known> {
    const pqxx::result rows = txn.Run("find_artifact", sha256);
    if (rows.empty()) return absl::NotFoundError(Cat("no artifact ", EscapeForPrint(Clip(sha256, 80))));
    return Known{.kind = rows[0]["kind"].as<std::string>(), .size = rows[0]["size"].as<int64_t>()};
  });
}

}  // namespace gofarm::store
