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

}  // namespace gofarm::store
