// A registry that may not be opened yet: its credentials cannot be read, say. Only that destination fails then, row by
// row, with the class and the reason; the file is read again with every try, so that mending it needs no restart.
// Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "coordinator/publish/outbox.h"

namespace gofarm::publish {

class OpeningCarrier final : public Carrier {
 public:
  // Errors carry their class (oci/failure.h).
  using Open = std::function<absl::StatusOr<std::unique_ptr<Carrier>>()>;
  explicit OpeningCarrier(Open open) : open_(std::move(open)) {}

  absl::StatusOr<std::vector<absl::StatusOr<Carried>>> Carry(const Scope& scope, const ProgramWork& work) override;
  absl::Status Check(const Scope& scope, const domain::Publication& row) override;
  absl::Status Refresh(const Scope& scope) override;
  // Tries to open it when it is not; OK: it is.
  absl::Status Opened();

 private:
  absl::StatusOr<Carrier*> Get();

  const Open open_;
  absl::Mutex mutex_;
  std::unique_ptr<Carrier> carrier_ ABSL_GUARDED_BY(mutex_);  // once made it stays
};

}  // namespace gofarm::publish
