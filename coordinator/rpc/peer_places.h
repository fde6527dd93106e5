// How many calls of one kind one identity may have open: none takes all places of a kind for itself. Thread-safe.
#pragma once

#include <cstdint>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/text.h"

namespace gofarm::rpc {

class PeerPlaces {
 public:
  class Place {
   public:
    Place() = default;
    Place(PeerPlaces* places, int64_t identity) : places_(places), identity_(identity) {}
    Place(Place&& other) noexcept : places_(std::exchange(other.places_, nullptr)), identity_(other.identity_) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (places_ != nullptr) places_->GiveBack(identity_);
    }

   private:
    PeerPlaces* places_ = nullptr;
    int64_t identity_ = 0;
  };

  explicit PeerPlaces(int places_max) : places_max_(places_max) {}

  // `identity` 0, who comes by the socket of this machine, is not counted: many workers share it. RESOURCE_EXHAUSTED:
  // try again when a call ends.
  absl::StatusOr<Place> Take(int64_t identity) {
    if (identity == 0) return Place();
    absl::MutexLock lock(&mutex_);
    int& taken = taken_[identity];
    if (taken >= places_max_) {
      return absl::ResourceExhaustedError(
          Cat(places_max_, " calls of this kind are open for one worker; try again when one ends"));
    }
    ++taken;
    return Place(this, identity);
  }

 private:
  void GiveBack(int64_t identity) {
    absl::MutexLock lock(&mutex_);
    const auto it = taken_.find(identity);
    if (--it->second == 0) taken_.erase(it);
  }

  const int places_max_;
  absl::Mutex mutex_;
  absl::flat_hash_map<int64_t, int> taken_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::rpc
