// The database's side of stored blobs: which of them something refers to. Thread-safe.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "coordinator/store/pool.h"

namespace gofarm::store {

class ArtifactStore {
 public:
  explicit ArtifactStore(Pool& pool) : pool_(pool) {}

  // Those of the digests that an attempt's record refers to: the others may be collected.
  absl::StatusOr<std::vector<std::string>> Referenced(const Scope& scope, const std::vector<std::string>& sha256);

 private:
  Pool& pool_;
};

}  // namespace gofarm::store
