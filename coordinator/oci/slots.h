// How many may do one thing at once; who waits sees his deadline and his stop. Thread-safe.
#pragma once

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/scope.h"

namespace gofarm::oci {

class Slots {
 public:
  // A slot, given back with the object.
  class Hold {
   public:
    explicit Hold(Slots* slots) : slots_(slots) {}
    Hold(Hold&& other) noexcept : slots_(std::exchange(other.slots_, nullptr)) {}
    Hold& operator=(Hold&&) = delete;
    ~Hold() {
      if (slots_ != nullptr) slots_->Give();
    }

   private:
    Slots* slots_;
  };

  explicit Slots(int limit) : limit_(limit) {}  // 0: as many as like
  // CANCELLED or DEADLINE_EXCEEDED by the scope.
  absl::StatusOr<Hold> Take(const Scope& scope);

 private:
  void Give();
  const int limit_;
  absl::Mutex mutex_;
  absl::CondVar freed_;
  int taken_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace gofarm::oci
