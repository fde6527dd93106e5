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

  // What the farm keeps, for those who watch it. Counts every row: not for each question.
  struct Totals {
    int64_t artifact_bytes = 0;  // that something refers to, each digest once
    int64_t toolset = 0;         // the number of the toolset, by when it was pinned; 0: it never was
  };
  absl::StatusOr<Totals> CountAll(const Scope& scope, const std::string& toolset);

 private:
  Pool& pool_;
};

}  // namespace gofarm::store
