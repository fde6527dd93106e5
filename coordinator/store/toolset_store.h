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

  // Records name, digest and canonical content (domain/toolset.h). FAILED_PRECONDITION when the name is known with
  // another content: a toolset never changes; make a new name.
  absl::Status Pin(const Scope& scope, const Toolset& toolset);

 private:
  Pool& pool_;
};

}  // namespace gofarm::store
