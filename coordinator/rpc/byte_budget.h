// Memory for what messages become while they are worked on. Who cannot have it is told to try again: the coordinator
// gets slower then, not larger. Thread-safe.
#pragma once

#include <cstddef>
#include <functional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace gofarm::rpc {

inline constexpr size_t kBytesInFlightMax = 256 << 20;  // of all messages that are worked on
// One of these is in work of each stream and each call that waits: what is less is not counted.
inline constexpr size_t kSmallMessageBytes = 16 << 10;
inline constexpr size_t kTrimAfterBytes = 16 << 20;  // given back since the allocator gave its own back last

class ByteBudget {
 public:
  class Hold {
   public:
    Hold() = default;
    Hold(ByteBudget* budget, size_t bytes) : budget_(budget), bytes_(bytes) {}
    Hold(Hold&& other) noexcept { *this = std::move(other); }
    Hold& operator=(Hold&& other) noexcept {
      Release();
      budget_ = std::exchange(other.budget_, nullptr);
      bytes_ = std::exchange(other.bytes_, 0);
      return *this;
    }
    ~Hold() { Release(); }
    void Release() {
      if (budget_ != nullptr) std::exchange(budget_, nullptr)->GiveBack(bytes_);
    }

   private:
    ByteBudget* budget_ = nullptr;
    size_t bytes_ = 0;
  };

  // `gave_back`: each time that kTrimAfterBytes more were given back; must be quick.
  ByteBudget(size_t bytes_max, std::function<void()> gave_back)
      : bytes_max_(bytes_max), gave_back_(std::move(gave_back)) {}

  // Empty for what is small. RESOURCE_EXHAUSTED: try again in a moment.
  absl::StatusOr<Hold> Take(size_t bytes);
  size_t in_flight() const;

 private:
  void GiveBack(size_t bytes);

  const size_t bytes_max_;
  const std::function<void()> gave_back_;
  mutable absl::Mutex mutex_;
  size_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t given_back_ ABSL_GUARDED_BY(mutex_) = 0;  // since gave_back_ was called
};

}  // namespace gofarm::rpc
