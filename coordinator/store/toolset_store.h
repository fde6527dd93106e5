// Toolsets that the farm has used, pinned for ever by name. Thread-safe.
#pragma once

#include "absl/status/status.h"
#include "common/base/scope.h"
#include "common/vocab/toolset.h"
#include "coordinator/store/pool.h"

namespace gofarm::store {

class ToolsetStore {
 public:
  explicit ToolsetStore(Pool& pool) : pool_(pool) {}

  // Records name, digest and canonical content (domain/toolset.h), and the SHA-256 of each archive that was not known
  // yet. FAILED_PRECONDITION, and nothing is recorded, when the name is known with other versions or an archive with
  // another SHA-256; it says what was, what is, and what to do.
  absl::Status Pin(const Scope& scope, const Toolset& toolset);

 private:
  Pool& pool_;
};

}  // namespace gofarm::store
