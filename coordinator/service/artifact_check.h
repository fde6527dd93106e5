// Is an executable that a worker brought what its report and its job say? Its bytes are looked at where they lie: the
// digests and the size of the report, and the same gate that the worker's own check uses (common/elf). A worker may lie
// or be broken; what passes here is published. Thread-safe; reads whole files on the caller's thread.
#pragma once

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/vocab/report.h"
#include "common/vocab/target.h"
#include "coordinator/blob/blob_store.h"

namespace gofarm::service {

inline constexpr size_t kCheckedRemembered = 10'000;  // a completion that is asked again reads nothing twice

class ArtifactCheck {
 public:
  explicit ArtifactCheck(blob::BlobStore& blobs) : blobs_(blobs) {}

  // INVALID_ARGUMENT with all that does not hold; NOT_FOUND: not stored; else the disk's error.
  absl::Status CheckExecutable(const Executable& executable, Target target);

 private:
  blob::BlobStore& blobs_;
  absl::Mutex mutex_;
  absl::flat_hash_set<std::string> good_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::service
